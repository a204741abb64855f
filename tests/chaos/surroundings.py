"""A night as Airflow runs it, in surroundings that a test breaks: each stage is tried again, as a job's tasks are."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from pathlib import Path
from threading import Event
from time import monotonic, sleep
from typing import Any, TypeVar

import numpy as np
import sqlalchemy as sa

from pipeline.config.workspace import Workspace
from pipeline.databases import postgres
from pipeline.errors import ScoringError
from pipeline.payloads import PartTask, Publication, Run, RunRequest, Scored, Verdict, Written
from pipeline.tasks.extract import extract
from pipeline.tasks.load_model import load_model
from pipeline.tasks.log_metrics import log_metrics
from pipeline.tasks.predict import predict
from pipeline.tasks.publish import publish
from pipeline.tasks.write import write
from tests.home import NIGHT, SUPERUSER, Home, shop_model, shop_rows
from tests.pipeline.shop import Shop

STAGES = ("extract", "load_model", "predict", "write", "log_metrics", "publish")
TRIES = 4  # as a job's default: retries = 3

# Held by a test; whoever reads row 90 of the night, or writes row 30, waits for it.
GATE = "SELECT pg_advisory_lock(4711)"

# Rows of 200 kB, so that some batches are read, and a part is stored, before the one that waits.
WAITS = """
SELECT *, repeat('x', 200000) AS filling,
       CASE WHEN entity_id = 'customer-00090' THEN pg_advisory_xact_lock_shared(4711) END IS NULL AS waited
FROM {table} ORDER BY entity_id
"""

T = TypeVar("T")


@dataclass
class Night:
    """One DAG run of a shop's job.

    Attributes:
        shop: whose job it is.
        workspace: where the stages find their surroundings.
        trigger: the DAG run's id.
        day: the score date.
        faults: each fault that a stage was tried again after.
        again: set while a stage may be tried again; a test clears it to put things right first.
    """

    shop: Shop
    workspace: Workspace
    trigger: str
    day: date = NIGHT
    faults: list[tuple[str, Exception]] = field(default_factory=list)
    again: Event = field(default_factory=Event)
    run: Run | None = None
    work: list[PartTask] = field(default_factory=list)
    scored: list[Scored] = field(default_factory=list)
    written: list[Written] = field(default_factory=list)
    verdict: Verdict | None = None
    done: int = 0

    def before(self, stage: str) -> None:
        """Run the stages before this one."""
        while STAGES[self.done] != stage:
            self._next()

    def go_on(self) -> Publication:
        """Run the stages that are left."""
        while True:
            if published := self._next():
                return published

    def _next(self) -> Publication | None:
        stage, workspace, job = STAGES[self.done], self.workspace, self.shop.home.read(self.shop.job)
        self.done += 1
        if stage == "extract":
            self.run = self._tried(
                stage, lambda: extract(workspace, job, self.day, RunRequest(trigger=self.trigger))
            )
        assert self.run
        run = self.run
        match stage:
            case "load_model":
                self.work = self._tried(stage, lambda: load_model(workspace, job, run))
            case "predict":
                self.scored = [
                    self._tried(stage, partial(predict, workspace, job, part)) for part in self.work
                ]
            case "write":
                self.written = [
                    self._tried(stage, partial(write, workspace, job, part)) for part in self.scored
                ]
            case "log_metrics":
                self.verdict = self._tried(stage, lambda: log_metrics(workspace, job, run, self.written))
            case "publish":
                assert self.verdict
                verdict = self.verdict
                return self._tried(stage, lambda: publish(workspace, job, run, verdict))
        return None

    def _tried(self, stage: str, step: Callable[[], T]) -> T:
        for _ in range(TRIES - 1):
            try:
                return step()
            except ScoringError:
                raise
            except Exception as fault:  # noqa: BLE001 - whatever it is, Airflow would try again
                self.faults.append((stage, fault))
                assert self.again.wait(60)
        return step()


def begin(shop: Shop, workspace: Workspace | None = None, day: date = NIGHT) -> Night:
    """A night whose rows differ from the last one's, ready to run."""
    shop.change("visits = (visits + 1) % 20")
    night = Night(shop, workspace or shop.home.workspace, shop.home.name("trigger"), day)
    night.again.set()
    return night


def require_whole(shop: Shop, published: Publication) -> None:
    """Require that analysts see every entity of that run once, with the score that the model gives it."""
    seen = shop.predictions()
    seen = seen[seen["score_date"] == published.score_date]
    entities = "SELECT entity_id, visits FROM {} WHERE channel IS NOT NULL ORDER BY entity_id"
    rows = shop.home.sql(entities.format(shop.table), "warehouse_owner")
    assert set(seen["run_id"]) == {published.run_id}
    assert seen["entity_id"].tolist() == [row["entity_id"] for row in rows]
    model, _ = shop_model()
    features = shop_rows(100).set_index("entity_id").loc[seen["entity_id"]]
    features["visits"] = [row["visits"] for row in rows]
    expected = model.predict_proba(features[list(model.feature_names_in_)])[:, 1]
    np.testing.assert_allclose(seen["score"], expected, rtol=1e-12)


@dataclass(frozen=True)
class Holder:
    """A session that holds a lock, and those that wait for it."""

    home: Home
    connection: str
    session: sa.Connection

    def waiting(self) -> list[int]:
        """Processes that wait for this one, once there are any."""
        mine = "SELECT pid FROM pg_stat_activity WHERE :pid = ANY(pg_blocking_pids(pid))"
        own = self.session.execute(sa.text("SELECT pg_backend_pid()")).scalar_one()
        return poll(lambda: [row["pid"] for row in self.home.sql(mine, self.connection, pid=own)])

    def kill_waiting(self) -> None:
        """End the one session that waits."""
        [pid] = self.waiting()
        [gone] = self.home.sql("SELECT pg_terminate_backend(:pid, 10000) AS gone", SUPERUSER, pid=pid)
        assert gone["gone"], "the session did not end"


@contextmanager
def holding(
    home: Home, statement: str, connection: str = "predictions_owner", **values: Any
) -> Iterator[Holder]:
    """Hold a lock until the end, unless the server goes first."""
    engine = postgres.engine(home.uri(connection))
    session = engine.connect()
    try:
        session.execute(sa.text(statement), values)
        yield Holder(home, connection, session)
    finally:
        with suppress(sa.exc.OperationalError):
            session.close()


def poll(look: Callable[[], T]) -> T:
    """What `look` finds, as soon as it finds anything."""
    deadline = monotonic() + 300
    while not (found := look()):
        assert monotonic() < deadline, "nothing was found in 300 seconds"
        sleep(0.005)
    return found


def fill(ballast: Path) -> None:
    """Leave no room beside this file."""
    with ballast.open("wb", buffering=0) as file, suppress(OSError):
        while file.write(b"x" * 65536):
            pass
    assert not shutil.disk_usage(ballast.parent).free
