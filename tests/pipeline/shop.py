"""A job of the small shop, to be run stage by stage, broken, and looked at."""

import atexit
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from time import monotonic
from typing import Any

import pandas as pd
import pytest
import sqlalchemy as sa

from pipeline.databases import postgres
from pipeline.payloads import Publication, Run, RunRequest, Scored, Written
from pipeline.runs.publications import Held
from pipeline.tasks.extract import extract
from pipeline.tasks.load_model import load_model
from pipeline.tasks.log_metrics import log_metrics
from pipeline.tasks.predict import predict
from pipeline.tasks.publish import publish
from pipeline.tasks.write import write
from tests.home import NIGHT, Home, Server, request_options, shop_model, shop_rows


@dataclass(frozen=True)
class Shop:
    """One job, its table in the warehouse, and the stages of its night one by one."""

    home: Home
    job: str
    table: str

    def extract(self, **options: Any) -> Run:
        """A new run, extracted; of a trigger of its own unless told otherwise."""
        asked = {"trigger": self.home.name("trigger"), **request_options(options)}
        return extract(self.home.workspace, self.home.read(self.job), NIGHT, RunRequest(**asked), **options)

    def predict(self, run: Run) -> list[Scored]:
        """A run's parts, scored."""
        workspace, job = self.home.workspace, self.home.read(self.job)
        return [predict(workspace, job, work) for work in load_model(workspace, job, run)]

    def write(self, run: Run) -> list[Written]:
        """A run's parts, scored and written."""
        return [write(self.home.workspace, self.home.read(self.job), scored) for scored in self.predict(run)]

    def publish(self, run: Run, written: list[Written]) -> Publication:
        """A written run, measured and published."""
        job = self.home.read(self.job)
        verdict = log_metrics(self.home.workspace, job, run, written)
        return publish(self.home.workspace, job, run, verdict)

    def change(self, assignment: str, where: str = "true") -> None:
        """Change the night's rows in the warehouse."""
        self.home.sql(f"UPDATE {self.table} SET {assignment} WHERE {where}", "warehouse_owner")

    def configure(self, old: str, new: str) -> None:
        """Change the job file."""
        path = self.home.path / "dags" / f"{self.job}.toml"
        before = path.read_text()
        path.write_text(re.sub(old, new, before))
        assert path.read_text() != before

    def query(self, query: str) -> None:
        """Change the job's query; `{table}` stands for the table of its rows."""
        (self.home.path / "sql" / f"{self.job}.sql").write_text(query.format(table=self.table))

    def hold(self, day: date = NIGHT) -> int:
        """A night that fails its gate, which is put right afterwards; returns its run."""
        self.configure("min_rows = 1", "min_rows = 1000")
        with pytest.raises(Held):
            self.home.score(self.job, day)
        self.configure("min_rows = 1000", "min_rows = 1")
        return int(self.home.last_run(self.job)["run_id"])

    def predictions(self) -> pd.DataFrame:
        """What an analyst sees of the job."""
        return self.home.predictions(self.job)

    def runs(self) -> list[dict[str, Any]]:
        """The job's runs, the oldest first."""
        return self.home.sql(
            "SELECT * FROM scoring.scoring_runs WHERE job = :job ORDER BY run_id", job=self.job
        )

    def status(self, run_id: int) -> str:
        """A run's status."""
        query = "SELECT status FROM scoring.scoring_runs WHERE run_id = :run_id"
        return str(self.home.sql(query, run_id=run_id)[0]["status"])

    def rows(self, run_id: int) -> int:
        """How many rows a run has in the table of scores, published or not."""
        query = "SELECT count(*) FROM scoring.prediction_rows WHERE run_id = :run_id"
        return int(self.home.sql(query, run_id=run_id)[0]["count"])


def open_shop(home: Home, rows: pd.DataFrame | None = None, **options: Any) -> Shop:
    """A job on these rows (100 of them unless told otherwise) in a home."""
    if not (home.path / "models" / "shop").exists():
        shutil.copytree(_registered(home.server), home.path / "models" / "shop")
    table = home.table(shop_rows() if rows is None else rows)
    return Shop(home, home.job(f"SELECT * FROM {table} ORDER BY entity_id", "shop", **options), table)


def _registered(server: Server) -> Path:
    """The shop's model as it was registered once, for each home to have a copy."""
    folder = _template()
    if not (folder / "models").exists():
        Home(folder, server).model("shop", *shop_model())
    return folder / "models" / "shop"


@cache
def _template() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="shop-"))
    atexit.register(shutil.rmtree, folder)
    return folder


@contextmanager
def locked(home: Home, statement: str, **values: Any) -> Iterator[Callable[[int], None]]:
    """Hold a lock of the predictions database, and hand out a function that returns when so many sessions wait."""
    with postgres.engine(home.server.connections["predictions_owner"]).begin() as holder:
        holder.execute(sa.text(statement), values)

        def wait_for(waiting: int) -> None:
            deadline = monotonic() + 300
            while home.sql(_WAITING)[0]["count"] < waiting:
                assert monotonic() < deadline, "nobody waits for the lock"

        yield wait_for


def at_once(home: Home, lock: str, tasks: Sequence[Callable[[], Any]], **values: Any) -> list[Any]:
    """Run tasks in threads, let all of them arrive at a lock, open it, and return what each returned or raised."""
    with ThreadPoolExecutor(len(tasks)) as threads:
        with locked(home, lock, **values) as wait_for:
            futures: list[Future[Any]] = [threads.submit(task) for task in tasks]
            wait_for(len(tasks))
        return [future.exception() or future.result() for future in futures]


_WAITING = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND cardinality(pg_blocking_pids(pid)) > 0
"""
