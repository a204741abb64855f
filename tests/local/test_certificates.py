"""Certificates of an authority that nobody can use again, each for its own names."""

import stat
import subprocess
import sys
from pathlib import Path

import pytest

from local import certificates

ROOT = Path(__file__).resolve().parents[2]


class TestCertificates:
    @pytest.fixture(scope="class")
    @classmethod
    def folder(cls, tmp_path_factory: pytest.TempPathFactory) -> Path:
        path = tmp_path_factory.mktemp("certificates") / "tls"
        command = [sys.executable, "-S", "-m", "local.certificates", str(path), "scoring.example.org"]
        subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        return path

    def test_keys_are_private_and_the_authoritys_is_gone(self, folder: Path) -> None:
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
        keys = {f"{name}.key": 0o600 for name in certificates.OWNERS}
        assert modes == {**keys, "ca.crt": 0o644, **{f"{name}.crt": 0o644 for name in certificates.OWNERS}}

    def test_each_is_the_authoritys_and_of_its_names_only(self, folder: Path) -> None:
        def verify(name: str, host: str) -> bool:
            command = ["openssl", "verify", "-x509_strict", "-purpose", "sslserver", "-verify_hostname", host,
                       "-CAfile", f"{folder}/ca.crt", f"{folder}/{name}.crt"]  # fmt: skip
            return subprocess.run(command, capture_output=True, check=False).returncode == 0

        names = {"postgres": "postgres", "redis": "redis", "web": "scoring.example.org"}
        assert {name: [key for key in names if verify(key, host)] for name, host in names.items()} == {
            name: [name] for name in names
        }

    def test_what_is_there_stays(self, folder: Path) -> None:
        command = [sys.executable, "-S", "-m", "local.certificates", str(folder)]
        ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert ended.returncode == 1
        assert f"{folder} is there already and stays as it is" in ended.stderr
