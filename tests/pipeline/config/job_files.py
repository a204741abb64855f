"""Job files for the tests of this room: the shipped one, a minimal one, and how they are read."""

from pathlib import Path

import pytest

from pipeline.config import loader
from pipeline.config.job import Job, JobError

ROOT = Path(__file__).resolve().parents[3]
SHIPPED = (ROOT / "dags" / "flight_delay.toml").read_text()
GOOD = SHIPPED.replace("start_date = 2013-01-01", "start_date = 2013-07-01\nend_date = 2013-12-31")

MINIMAL = """\
description = "a night"
owner = "us"
schedule = "0 2 * * *"
start_date = 2024-01-01
[extract]
query = "n.sql"
[model]
name = "m"
"""


def read(folder: Path, text: str) -> Job:
    """Read a text as the job file night.toml."""
    path = folder / "night.toml"
    path.write_text(text)
    return loader.read(path)


def refused(folder: Path, old: str, new: str, complaint: str) -> None:
    """Change one place of a good job file; the error has to say this."""
    assert old in GOOD
    with pytest.raises(JobError, match=complaint):
        read(folder, GOOD.replace(old, new))
