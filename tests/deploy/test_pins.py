"""Images get the digest that the registry names, all of them or none."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.pins import FILES, images

ROOT = Path(__file__).resolve().parents[2]
OLD, NEW = "a" * 64, "b" * 64


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The files that name images, and the command."""
    for file in (*FILES, "deploy/pins.py"):
        (tmp_path / file).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / file, tmp_path / file)
    return tmp_path


def pins(checkout: Path, docker: str | None) -> subprocess.CompletedProcess[str]:
    """Run the command with a `docker` that is this shell script; without one where there is none."""
    programs = checkout / "bin"
    programs.mkdir(exist_ok=True)
    if docker is not None:
        (programs / "docker").write_text(f"#!/bin/sh\n{docker}\n")
        (programs / "docker").chmod(0o755)
    return subprocess.run(
        [sys.executable, "-S", "-m", "deploy.pins"],
        cwd=checkout, env={"PATH": str(programs)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def named(checkout: Path) -> set[str]:
    return {
        image
        for file in FILES
        for image in re.findall(r"^(?:\s*image: |FROM )(\S+)", (checkout / file).read_text(), re.MULTILINE)
    }


def test_every_image_of_others_gets_its_digest_and_ours_none(checkout: Path) -> None:
    ours = {image for image in named(checkout) if image.startswith("nightly-scoring:")}
    for new in (OLD, NEW):
        ended = pins(checkout, f'test "$1 $2 $3" = "buildx imagetools inspect" || exit 9\necho sha256:{new}')
        assert ended.returncode == 0, ended.stderr
        others = {name for name in named(checkout) if name not in ours and name != "scoring"}
        assert {name.partition("@")[2] for name in others} == {f"sha256:{new}"}
        assert {name.partition("@")[0] for name in others} == set(images(checkout))
    assert ours <= named(checkout)


@pytest.mark.parametrize(
    ("docker", "reason"),
    [
        (None, "docker is not installed"),
        ('echo "docker: unknown command: docker buildx" >&2; exit 1', "unknown command: docker buildx"),
        (
            "case $6 in redis*) echo 'dial tcp: no such host' >&2; exit 1;; *) echo sha256:"
            + NEW
            + ";; esac",
            "no such host",
        ),
        ("echo '{}'", "says: {}"),
    ],
)
def test_nothing_changes_where_one_digest_cannot_be_had(
    checkout: Path, docker: str | None, reason: str
) -> None:
    before = {file: (checkout / file).read_bytes() for file in FILES}
    ended = pins(checkout, docker)
    assert ended.returncode == 1
    assert reason in ended.stderr
    assert "Nothing was changed." in ended.stderr
    assert {file: (checkout / file).read_bytes() for file in FILES} == before
