"""The job file and the query, readable on the page, each with whether it is the one that the run was made with."""

import hashlib
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pipeline.config import loader
from pipeline.config.job import JobError
from pipeline.reports.queries import Row
from pipeline.text_files import lines

# Longer files are cut: the page stays small enough for a mail.
MOST = 30_000


@dataclass(frozen=True)
class Source:
    """A file as it is now.

    Attributes:
        name: below the home.
        text: its text.
        is_the_runs: whether it is byte for byte what the run was made with.
    """

    name: str
    text: str
    is_the_runs: bool


def sources(home: Path, run: Row) -> list[Source]:
    """The job file of a run and its query; what is no longer there, or cannot be read, is left out."""
    folder = home / "dags"
    files = [_source(home, folder / f"{run['job']}.toml", run["job_sha256"])]
    with suppress(JobError):
        query = loader.find(folder, run["job"]).extract.query
        files.append(_source(home, home / "sql" / query, run["query_sha256"]))
    return [source for source in files if source]


def _source(home: Path, path: Path, sha256: str | None) -> Source | None:
    try:
        if not path.resolve().is_relative_to(home.resolve()) or not path.is_file():
            return None
        content = path.read_bytes()
        text = lines(content)
    except (OSError, ValueError):
        return None
    # A job file's digest is of its bytes, a query's of its text.
    digests = {hashlib.sha256(each).hexdigest() for each in (content, text.encode())}
    cut = "" if len(text) <= MOST else f"\n[cut here: the whole file has {len(text):,} characters]"
    return Source(path.relative_to(home).as_posix(), text[:MOST] + cut, sha256 in digests)
