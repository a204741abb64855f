"""What every mode of the benchmark works on: real flights, repeated, and a job that scores them."""

import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import adbc_driver_postgresql.dbapi as adbc
import pyarrow as pa
import sqlalchemy as sa

from pipeline.config import job, loader, workspace
from pipeline.config.workspace import Workspace
from pipeline.databases import postgres, queries, warehouse
from pipeline.databases.queries import Query
from pipeline.embedded import server as embedded
from pipeline.embedded.server import Embedded
from pipeline.model import artifact
from pipeline.model.loaded_model import Model
from pipeline.model.manifest import PinnedVersion
from pipeline.provisioning.migrate import migrate
from pipeline.provisioning.sample import load

NIGHT = date(2013, 7, 1)
ROOT = Path(__file__).resolve().parents[1]
HOME = ROOT / ".local" / "bench" / "home"

_JOB = """
description = "The benchmark's flights"
owner = "benchmarks"
schedule = "0 2 * * *"
start_date = 2013-07-01

[extract]
query = "bench.sql"
rows_per_part = 100_000

[model]
name = "flight_delay"
"""


@dataclass(frozen=True)
class Ground:
    """A server that holds the table `bench_input`, and the home of the job `bench` that scores it."""

    server: Embedded
    workspace: Workspace

    @property
    def job(self) -> job.Job:
        """The job that scores the table."""
        return loader.find(self.workspace.home / "dags", "bench")

    def clear(self) -> None:
        """Forget all runs and scores, so that each measurement finds empty tables and no twin that is published."""
        with postgres.engine(self.server.uri("predictions")).begin() as connection:
            # Decisions and receipts are guarded against the owner, too.
            connection.execute(sa.text("SET LOCAL session_replication_role = replica"))
            connection.execute(sa.text("TRUNCATE scoring.scoring_runs, scoring.prediction_rows CASCADE"))
            connection.execute(sa.text("SELECT scoring.ensure_partition(:night)"), {"night": NIGHT})
        shutil.rmtree(self.workspace.store, ignore_errors=True)


def join() -> Ground:
    """The ground as `make` left it."""
    server = embedded.start(ROOT / ".local" / "bench")
    connections = server.connections
    benched = Workspace(HOME, str(HOME / "store"), connections["warehouse"], connections["predictions"])
    return Ground(server, benched)


def make(rows: int) -> Ground:
    """Fill `bench_input` with one real night's features, repeated to `rows` rows with an entity of their own each."""
    ground = join()
    owner = ground.server.connections["warehouse_owner"]
    migrate(ground.server.connections["predictions_owner"])
    load(owner)
    shutil.rmtree(HOME, ignore_errors=True)
    for folder in ("dags", "sql"):
        (HOME / folder).mkdir(parents=True)
    shutil.copytree(ROOT / "models" / "flight_delay", HOME / "models" / "flight_delay")
    (HOME / "dags" / "bench.toml").write_text(_JOB, encoding="utf-8")
    (HOME / "sql" / "bench.sql").write_text("SELECT * FROM bench_input", encoding="utf-8")
    with adbc.connect(owner, autocommit=True) as session, session.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS bench_input")
        cursor.adbc_ingest("bench_input", _repeated(_night(owner), rows), mode="create")
        cursor.execute("GRANT SELECT ON bench_input TO warehouse_reader")
        cursor.execute("ANALYZE bench_input")
    return ground


def here(pinned: PinnedVersion) -> Model:
    """A version loaded in this process, as no run does: what one in a process of its own is compared with."""
    content = (pinned.folder / "model.joblib").read_bytes()
    return Model(pinned.manifest, artifact.unpickle(content, str(pinned.folder)))


def _night(owner: str) -> pa.Table:
    name = loader.find(ROOT / "dags", "flight_delay").extract.query
    query = queries.read(workspace.home() / "sql", name)
    with warehouse.stream(owner, Query(query, {"score_date": NIGHT}, name)) as reader:
        return reader.read_all()


def _repeated(night: pa.Table, rows: int) -> pa.RecordBatchReader:
    """Batches of one night each, so that a large table needs no large memory."""
    plain = night.combine_chunks()
    schema = plain.schema

    def cut() -> Iterator[pa.RecordBatch]:
        done = 0
        while done < rows:
            taken = plain.slice(0, min(len(plain), rows - done))
            names = pa.array([f"flight-{number:09d}" for number in range(done, done + len(taken))])
            done += len(taken)
            position = schema.get_field_index("entity_id")
            yield from taken.set_column(position, "entity_id", names).combine_chunks().to_batches()

    return pa.RecordBatchReader.from_batches(schema, cut())


if __name__ == "__main__":
    make(int(sys.argv[1]))
