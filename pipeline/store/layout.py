"""Where the files of a run are below the store, and how many rows each part takes."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Protocol, Self

PARTS_OF_A_SIZE = 32


class _OfARun(Protocol):
    """A value that says which run it is of."""

    @property
    def job(self) -> str: ...
    @property
    def score_date(self) -> date: ...
    @property
    def run_id(self) -> int: ...


@dataclass(frozen=True)
class RunRef:
    """A run, as its files name it.

    Attributes:
        job: the job's name.
        score_date: the day whose rows are scored.
        run_id: the run's number.
    """

    job: str
    score_date: date
    run_id: int

    @classmethod
    def of(cls, value: _OfARun) -> Self:
        """The run that a task's value is of."""
        return cls(value.job, value.score_date, value.run_id)

    @property
    def folder(self) -> str:
        """The run's folder below the store."""
        return f"{self.job}/{self.score_date.isoformat()}/{self.run_id}"

    @property
    def record(self) -> str:
        """Where the run's record is."""
        return f"{self.folder}/run.json"

    @property
    def rejected(self) -> str:
        """Where the run's rejected rows are."""
        return f"{self.folder}/rejected.parquet"

    def rejected_in(self, part: int) -> str:
        """Where the rows of a part are on which the model itself raised."""
        return f"{self.folder}/rejected-{part:05d}.parquet"

    def input(self, part: int) -> str:
        """Where a part's rows are."""
        return f"{self.folder}/part-{part:05d}.parquet"

    def scored(self, part: int) -> str:
        """Where a part's scores are."""
        return f"{self.folder}/scored-{part:05d}.parquet"

    def challenger(self, part: int) -> str:
        """Where a challenger's scores of a part are, which nobody is shown."""
        return f"{self.folder}/challenger-{part:05d}.parquet"

    def chosen(self, part: int) -> str:
        """Where the names are of a part's entities that get reasons, until the database has these."""
        return f"{self.folder}/chosen-{part:05d}.parquet"

    def reasons(self, part: int) -> str:
        """Where the reasons of a part's scores are until the database has them."""
        return f"{self.folder}/reasons-{part:05d}.parquet"

    def contributions(self, part: int) -> str:
        """Where the sums of a part's contributions are until the database has them."""
        return f"{self.folder}/contributions-{part:05d}.parquet"

    def profile(self, part: int) -> str:
        """Where the profile of a part's rows and scores is."""
        return f"{self.folder}/profile-{part:05d}.parquet"


def sizes(rows: int, shards: int = 1) -> Iterator[int]:
    """How many rows each part takes: twice as many after every 32 parts, of all the shards together.

    However many rows a run has, it makes a few hundred parts: a billion rows at 100,000 make 264. Airflow maps a task
    over 1024 parts at most, and each has a cost of its own. A rule, and not an estimate of the rows, so that the same
    rows are always cut into the same parts.
    """
    while True:
        yield from [rows] * max(1, PARTS_OF_A_SIZE // shards)
        rows *= 2
