"""Pin the images of the compose files and of the Dockerfile by digest: `python3 -m deploy.pins`.

A tag may lead to other bytes tomorrow, a digest never does. Each image is asked for where it comes from, by
`docker buildx imagetools inspect` with your login and your mirrors, and its digest is written behind its tag, for you
to review and commit. To take a newer tag, write it in place of the old one, without a digest, and pin again.
"""

import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FILES = ("docker-compose.yaml", "docker-compose.production.yaml", "Dockerfile")
# Ours is built here, and has no digest before that.
OURS = "nightly-scoring:"

_IMAGE = re.compile(
    r"^(?P<before>\s*image: |FROM )(?P<name>[\w./-]+:[\w.-]+)(?:@sha256:[0-9a-f]{64})?", re.MULTILINE
)
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


class PinError(Exception):
    """An image's digest could not be had."""


def main() -> int:
    """Write the digests, all or none; returns the exit code."""
    try:
        digests = {name: digest(name) for name in images(ROOT)}
    except PinError as error:
        print(error, file=sys.stderr)
        return 1
    for file in FILES:
        pin(ROOT / file, digests)
    for name, pinned in digests.items():
        print(f"{name}@{pinned}")
    return 0


def images(folder: Path) -> list[str]:
    """Names and tags of the images that others made, in the order of the alphabet."""
    names = {match["name"] for file in FILES for match in _IMAGE.finditer((folder / file).read_text())}
    return sorted(name for name in names if not name.startswith(OURS))


def digest(name: str) -> str:
    """The digest that a tag leads to at its registry now, of the list of all its platforms.

    Raises:
        PinError: the registry did not say.
    """
    if shutil.which("docker") is None:
        raise PinError(f"{name} cannot be pinned: docker is not installed. Nothing was changed.")
    command = ["docker", "buildx", "imagetools", "inspect", "--format", "{{.Manifest.Digest}}", name]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    answer = ended.stdout.strip()
    if ended.returncode or not _DIGEST.fullmatch(answer):
        reason = (ended.stderr.strip() or answer or "no answer").splitlines()[0]
        raise PinError(
            f"{name} cannot be pinned: `{' '.join(command[:4])}` says: {reason}\n"
            "Nothing was changed. Try again where the registry can be reached, with docker-buildx installed."
        )
    return answer


def pin(path: Path, digests: "dict[str, str]") -> None:
    """Write the digest behind each tag in a file, in place of the one that is there."""

    def pinned(match: "re.Match[str]") -> str:
        digest = digests.get(match["name"])
        return f"{match['before']}{match['name']}@{digest}" if digest else match[0]

    text = path.read_text()
    changed = _IMAGE.sub(pinned, text)
    if changed != text:
        path.write_text(changed)


if __name__ == "__main__":
    sys.exit(main())
