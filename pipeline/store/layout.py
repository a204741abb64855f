"""Where the files of a run are below the store, and how many rows each part takes."""

from collections.abc import Iterator

PARTS_OF_A_SIZE = 32


def sizes(rows: int, shards: int = 1) -> Iterator[int]:
    """How many rows each part takes: twice as many after every 32 parts, of all the shards together.

    However large a night is, it makes a few hundred parts: a billion rows at 100,000 make 264. Airflow maps a task over
    1024 parts at most, and each has a cost of its own. A rule, and not an estimate of the night, so that the same rows
    are always cut into the same parts.
    """
    while True:
        yield from [rows] * max(1, PARTS_OF_A_SIZE // shards)
        rows *= 2


def folder(job: str, score_date: str, run_id: int) -> str:
    """A run's folder below the store."""
    return f"{job}/{score_date}/{run_id}"


def input_path(job: str, score_date: str, run_id: int, number: int) -> str:
    """Where a part's rows are."""
    return f"{folder(job, score_date, run_id)}/part-{number:05d}.parquet"


def scored_path(job: str, score_date: str, run_id: int, number: int) -> str:
    """Where a part's scores are."""
    return f"{folder(job, score_date, run_id)}/scored-{number:05d}.parquet"


def profile_path(job: str, score_date: str, run_id: int, number: int) -> str:
    """Where the profile of a part's rows and scores is."""
    return f"{folder(job, score_date, run_id)}/profile-{number:05d}.parquet"
