"""One job on which trials follow one another, with a reader who watches all of them."""

import itertools
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pandas as pd

from tests.chaos import deployments, wrong_writers
from tests.chaos.boundaries import Boundary
from tests.chaos.lost_answer import LostAnswer
from tests.chaos.readers import Reader, Sight
from tests.chaos.tries import Children, HarnessError, Outcome, Try
from tests.home import Home, shop_model, shop_rows

# Server-side patience with a try that stands still inside of a transaction: minutes in earnest.
STALLED = "1s"
FIRST_DAY = date(2024, 1, 1)
# Both end in a shorter part; an entity of the first may be missing from the second, and the other way round.
EDITIONS = {"a": (range(110), 1), "b": (range(20, 125), 2)}
EVERY = 28

Json = dict[str, Any]


@dataclass(frozen=True)
class Edition:
    """What the warehouse may hold for a night, and what an undisturbed run makes of it.

    Attributes:
        name: a or b.
        rows_extracted: rows of the query.
        rows_scored: rows that the contract lets pass.
        digest: of entities and scores, as a reader computes it.
        parts: the ledger of its parts, with the digests of what the champion got and gave.
    """

    name: str
    rows_extracted: int
    rows_scored: int
    digest: str
    parts: tuple[Json, ...]


@dataclass
class Lane:
    """A job, its night of the moment, and what it takes to begin a try.

    Attributes:
        home: folders and databases.
        job: the job's name.
        children: the process that forks tries.
        reader: who watches the night.
        writer: pipeline, or the name of a wrong writer.
        editions: by name; filled by the census.
        challenged: whether another version scores a night once it is published.
        compares: whether its tasks compare what is deployed with what their run began with.
        usual: how long an undisturbed try of a stage takes, in seconds; filled by the census.
    """

    home: Home
    job: str
    children: Children
    reader: Reader
    writer: str = "pipeline"
    editions: dict[str, Edition] = field(default_factory=dict)
    usual: dict[str, float] = field(default_factory=dict)
    day: date = FIRST_DAY
    published: bool = False
    edition: str = ""
    compares: bool = True
    challenged: bool = False

    def __post_init__(self) -> None:
        self._numbers = itertools.count(1)
        self.folder = self.home.path / "tries"
        self.folder.mkdir(exist_ok=True)
        Path(self.home.store).mkdir(exist_ok=True)
        self.reader.watch(self.relation, self.job, self.day.isoformat())

    @property
    def relation(self) -> str:
        """What analysts read."""
        return "scoring.predictions" if self.writer == "pipeline" else f"wrong.{self.writer}"

    def next_number(self) -> int:
        """A number that this lane has not used."""
        return next(self._numbers)

    def load(self, edition: str) -> None:
        """Have the warehouse hold this edition."""
        self.home.sql(f"UPDATE {self.job}_edition SET edition = '{edition}'", "warehouse_owner")
        self.edition = edition

    def turn(self) -> list[Sight]:
        """Go to the next score date, of which nothing is published; returns what was seen of this one."""
        self.day += timedelta(days=1)
        self.published = False
        return self.watch()

    def watch(self) -> list[Sight]:
        """What the reader has seen since it was asked last."""
        return self.reader.watch(self.relation, self.job, self.day.isoformat())

    @contextmanager
    def door(self, ordinal: int) -> Iterator[LostAnswer]:
        """A way to the predictions that loses the answer to one commit."""
        with LostAnswer(self.home.workspace.predictions, ordinal) as door:
            yield door

    def begin(
        self,
        stage: str,
        given: Json,
        *,
        act: str = "kill",
        at: Boundary | None = None,
        supervised: bool = False,
        predictions: str = "",
    ) -> Try:
        """Begin a try of a task; its request is a file that holds everything it is given."""
        workspace = self.home.workspace
        request = {
            "stage": stage,
            "writer": self.writer,
            "job": self.job,
            "score_date": self.day.isoformat(),
            "given": given,
            "act": act,
            "what": deployments.KINDS[self.next_number() % len(deployments.KINDS)],
            "compares": self.compares,
            "at": at.json_value() if at else None,
            "supervised": supervised,
            "stalled": STALLED,
            "workspace": {
                "home": str(workspace.home),
                "store": workspace.store,
                "warehouse": workspace.warehouse,
                "predictions": predictions or workspace.predictions,
            },
        }
        path = self.folder / f"{self.next_number():06d}-{stage}.request"
        path.write_text(json.dumps(request))
        return self.children.begin(path)

    def do(self, stage: str, given: Json) -> Outcome:
        """One undisturbed try, to its end."""
        one = self.begin(stage, given)
        one.wait()
        outcome = one.outcome()
        if outcome is None:
            raise HarnessError(f"{one.request}: ended with status {one.status} and no outcome")
        return outcome

    def sql(self, query: str, **values: Any) -> list[Json]:
        """Rows of a query on the predictions, as their owner, with the night's job and score date."""
        return self.home.sql(query, job=self.job, day=self.day, **values)


@contextmanager
def opened(home: Home, children: Children, writer: str = "pipeline") -> Iterator[Lane]:
    """A lane in a home of its own."""
    home.sql(wrong_writers.TABLES)
    home.model("shop", *shop_model())
    home.model("shop", *shop_model(seed=1), alias="challenger")
    table = home.table(pd.concat([_rows(name) for name in EDITIONS]))
    job = home.name("lane")
    home.sql(f"CREATE TABLE {job}_edition AS SELECT 'a' AS edition", "warehouse_owner")
    home.sql(f"GRANT SELECT ON {job}_edition TO warehouse_reader", "warehouse_owner")
    home.job(
        f"SELECT entity_id, amount, visits, channel, member FROM {table} "
        f"WHERE edition = (SELECT edition FROM {job}_edition) ORDER BY entity_id",
        "shop",
        gate="min_rows = 1\nmax_rejected_fraction = 0.2\n\n[challenger]",
        name=job,
    )
    deployments.prepare(home.path)
    with Reader(home.server.connections["analyst"]) as reader:
        # What a wrong writer publishes is in no ledger.
        yield Lane(home, job, children, reader, writer, challenged=writer == "pipeline")


def _rows(edition: str) -> pd.DataFrame:
    """An edition's rows; the contract rejects some of each part."""
    numbers, seed = EDITIONS[edition]
    rows = shop_rows(125, seed).iloc[list(numbers)].astype({"visits": "Int64"})
    rows.loc[rows.index[::EVERY], "visits"] = None
    return rows.assign(edition=edition)
