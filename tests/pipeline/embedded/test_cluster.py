"""pipeline/embedded/cluster.py: a cluster is made whole, or not at all."""

import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.embedded import cluster, server, surroundings
from pipeline.embedded.locks import EmbeddedError


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that every user may enter."""
    with tempfile.TemporaryDirectory(prefix="scoring-tests-", dir="/tmp") as made:
        Path(made).chmod(0o755)
        yield Path(made)


def test_a_program_that_fails_leaves_nothing_and_its_words_are_told(folder: Path) -> None:
    (folder / "postgres.new").mkdir()  # of a try that was killed
    program = folder / "initdb"
    program.write_text("#!/bin/sh\necho no room for a cluster >&2\nexit 1\n")
    program.chmod(0o755)
    with pytest.raises(EmbeddedError, match=r"postgres could not be made\.\nno room for a cluster$"):
        cluster.make(folder / "postgres", program, surroundings.account())
    assert [path.name for path in folder.iterdir()] == ["initdb"]


def test_nothing_of_the_callers_environment_reaches_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", "postgres://ann:s3cret@db/sales")
    program = folder / "initdb"
    program.write_text("#!/bin/sh\nenv > made\n")
    program.chmod(0o755)
    cluster.make(folder / "postgres", program, surroundings.account())
    made = (folder / "postgres" / "made").read_text()
    assert "LC_ALL=C\n" in made
    assert "s3cret" not in made


@pytest.mark.skipif(os.geteuid() != 0, reason="root's server needs root")
def test_a_full_disk_is_named_and_leaves_nothing_half_made(folder: Path) -> None:
    mount = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("no file system can be mounted here")
    try:
        with pytest.raises(EmbeddedError, match=r"(?s)could not be made.*No space left on device"):
            server.start(folder)
        assert server.stop(folder) == []
        assert sorted(path.name for path in folder.iterdir()) == ["postgres.run"]
    finally:
        subprocess.run(["umount", str(folder)], check=True)
