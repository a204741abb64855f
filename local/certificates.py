"""Make certificates for docker-compose.production.yaml, signed by an authority that is made for them alone.

    python3 -m local.certificates FOLDER [HOST]

Needs Python 3 and openssl. The authority's key is thrown away at once, so that nobody can ever sign with it: before the
certificates expire, make new ones of another authority. Certificates of your own authority have the same names.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

DAYS = "397"

# Who reads each key in its container: the users `postgres`, `redis` and `scoring` of the images.
OWNERS = {"postgres": 999, "redis": 999, "web": 50000}
LOCAL = ("DNS:localhost", "IP:127.0.0.1")

_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
_AUTHORITY = """\
basicConstraints = critical, CA:TRUE, pathlen:0
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
"""
_SERVER = """\
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
subjectAltName = {names}
"""


def main() -> int:
    """Make the folder, or say why not; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python3 -m local.certificates", description=__doc__.splitlines()[0]
    )
    parser.add_argument("folder", type=Path, help="must not be there yet; TLS_DIR of .env, `tls` by default")
    parser.add_argument(
        "host", nargs="?", help="the name by which browsers reach the web UI: UI_HOST of .env"
    )
    options = parser.parse_args()
    try:
        make(options.folder, options.host)
    except FileExistsError:
        print(f"{options.folder} is there already and stays as it is. Move it away first.", file=sys.stderr)
        return 1
    except FileNotFoundError as error:
        print(f"{error.filename} is missing. Install openssl, or make the parent folder.", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"{options.folder} cannot be written: {error.strerror}.", file=sys.stderr)
        return 1
    except subprocess.CalledProcessError as error:
        print(f"openssl failed: {error.stderr}", file=sys.stderr)
        return 1
    print(f"wrote {options.folder}: ca.crt, and certificate and key of {', '.join(OWNERS)}, for {DAYS} days.")
    if os.geteuid() != 0:
        lines = "\n".join(f"  sudo chown {user} {options.folder}/{name}.key" for name, user in OWNERS.items())
        print(f"Give each key to the user that reads it in its container:\n{lines}")
    return 0


def make(folder: Path, host: "str | None" = None) -> None:
    """Write ca.crt, and NAME.crt and NAME.key of each server, into a folder that must not be there yet.

    Args:
        folder: where they go.
        host: a further name of the web UI.

    Raises:
        FileExistsError: the folder is there.
        subprocess.CalledProcessError: openssl failed; stderr says why.
    """
    names = {
        "postgres": ("DNS:postgres", *LOCAL),
        "redis": ("DNS:redis", *LOCAL),
        "web": ("DNS:airflow-apiserver", *LOCAL, *([f"DNS:{host}"] if host else [])),
    }
    folder.mkdir(mode=0o755)
    with tempfile.TemporaryDirectory() as aside:
        private = Path(aside)
        _authority(private, folder / "ca.crt")
        for name, alternatives in names.items():
            _server(private, folder, name, ", ".join(alternatives))


def _authority(private: Path, certificate: Path) -> None:
    config = private / "authority.conf"
    config.write_text("[req]\ndistinguished_name = dn\n[dn]\n[authority]\n" + _AUTHORITY)
    _openssl("req", "-x509", *_KEY, "-config", config, "-extensions", "authority", "-days", DAYS,
             "-subj", "/CN=Nightly scoring", "-keyout", private / "ca.key", "-out", certificate)  # fmt: skip
    certificate.chmod(0o644)


def _server(private: Path, folder: Path, name: str, alternatives: str) -> None:
    key, certificate = folder / f"{name}.key", folder / f"{name}.crt"
    request, extensions = private / f"{name}.csr", private / f"{name}.conf"
    extensions.write_text(_SERVER.format(names=alternatives))
    os.close(os.open(key, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    _openssl("req", "-new", *_KEY, "-subj", f"/CN={name}", "-keyout", key, "-out", request)
    _openssl("x509", "-req", "-in", request, "-CA", folder / "ca.crt", "-CAkey", private / "ca.key",
             "-CAcreateserial", "-CAserial", private / "serial", "-days", DAYS, "-extfile", extensions,
             "-out", certificate)  # fmt: skip
    certificate.chmod(0o644)
    key.chmod(0o600)
    if os.geteuid() == 0:
        os.chown(key, OWNERS[name], -1)


def _openssl(*arguments: object) -> None:
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True, text=True)


if __name__ == "__main__":
    sys.exit(main())
