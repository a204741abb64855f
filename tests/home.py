"""A home for tests: write a job, a query and a model into it, run nights, and look at what analysts see."""

import itertools
from contextlib import suppress
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any, Protocol

import joblib
import numpy as np
import pandas as pd
import psycopg
import pyarrow as pa
import sqlalchemy as sa
from psycopg import sql as composed
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from pipeline.config import loader
from pipeline.config.job import Job
from pipeline.config.workspace import Workspace
from pipeline.databases import postgres
from pipeline.model.manifest import PinnedVersion
from pipeline.payloads import Publication, RunRequest
from pipeline.registration.register import Registration, register
from pipeline.tasks.run import score

NIGHT = date(2024, 3, 1)
SUPERUSER = "postgres"  # for what a test does to a server, and no part of the product does

_numbers = itertools.count(1)

JOB = """
description = "a test job"
owner = "tests"
schedule = "0 2 * * *"
timezone = "America/New_York"
start_date = 2024-01-01
retries = 0

[extract]
query = "{name}.sql"
rows_per_part = 40
{extract}

[model]
name = "{model}"

[gate]
{gate}
"""


class Server(Protocol):
    """What a home needs of a Postgres server."""

    @property
    def socket(self) -> Path: ...

    @property
    def connections(self) -> dict[str, str]: ...

    def uri(self, database: str, role: str = "postgres") -> str: ...


class Home:
    """Folders dags/, sql/ and models/ of their own, and a warehouse on a server; the session's, if no other."""

    def __init__(self, path: Path, server: Server) -> None:
        self.path, self.server = path, server
        self._tables: list[str] = []
        for folder in ("dags", "sql", "models"):
            (path / folder).mkdir(parents=True)
        self.store = str(path / "store")

    @property
    def environment(self) -> dict[str, str]:
        """What a process needs to find this home."""
        connections = {f"AIRFLOW_CONN_{name.upper()}": uri for name, uri in self.server.connections.items()}
        return {"SCORING_HOME": str(self.path), "SCORING_STORE": self.store, **connections}

    @property
    def workspace(self) -> Workspace:
        """The home as the stages take it."""
        connections = self.server.connections
        return Workspace(self.path, self.store, connections["warehouse"], connections["predictions"])

    @property
    def approver(self) -> str:
        """Address of the predictions database, as the role that decides."""
        return self.server.connections["predictions_approver"]

    def name(self, word: str = "job") -> str:
        """A job or table name that no other test uses: the predictions database is shared."""
        return f"{word}_{next(_numbers)}"

    def table(self, rows: pd.DataFrame | pa.Table) -> str:
        """A new table in the warehouse that holds these rows; returns its name."""
        name = self.name("input")
        self._tables.append(name)
        data = rows if isinstance(rows, pa.Table) else pa.Table.from_pandas(rows, preserve_index=False)
        owner = self.server.connections["warehouse_owner"]
        with postgres.connect(owner, autocommit=True) as session, session.cursor() as cursor:
            cursor.adbc_ingest(name, data, mode="create")
            cursor.execute(f"GRANT SELECT ON {name} TO warehouse_reader")
        return name

    def empty_outbox(self) -> None:
        """Have no message of an earlier test wait: those of one recipient go out together, under another title."""
        with psycopg.connect(self.server.connections["predictions_owner"], autocommit=True) as session:
            session.execute("UPDATE scoring.alerts SET sent_at = now() WHERE sent_at IS NULL")

    def drop_tables(self) -> None:
        """Drop the tables that it made. Each session of ADBC reads about all that a database has: with 500 tables
        it takes three times as long to begin, and a worker's tests would leave more.
        """
        owner = self.server.connections["warehouse_owner"]
        # A table that a session still reads stays.
        with suppress(psycopg.errors.LockNotAvailable), psycopg.connect(owner, autocommit=True) as session:
            session.execute("SET lock_timeout = '2s'")
            for name in self._tables:
                session.execute(
                    composed.SQL("DROP TABLE IF EXISTS {} CASCADE").format(composed.Identifier(name))
                )

    def model(self, name: str, estimator: Any, reference: pd.DataFrame, **options: Any) -> PinnedVersion:
        """Register a trained model with its reference, as champion unless told otherwise."""
        artefact, rows = self.path / f"{name}.joblib", self.path / f"{name}.parquet"
        joblib.dump(estimator, artefact)
        reference.to_parquet(rows)
        registration = Registration(name, artefact, rows, **{"alias": "champion", **options})
        return register(self.path, registration)

    def job(
        self, query: str, model: str, *, extract: str = "", gate: str = "min_rows = 1", name: str = ""
    ) -> str:
        """Write a job file and its query; returns the job's name."""
        name = name or self.name()
        (self.path / "sql" / f"{name}.sql").write_text(query)
        text = JOB.format(name=name, model=model, extract=extract, gate=gate)
        (self.path / "dags" / f"{name}.toml").write_text(text)
        return name

    def read(self, name: str) -> Job:
        """A job as the stages take it."""
        return loader.find(self.path / "dags", name)

    def score(self, name: str, day: date = NIGHT, *, warehouse: str = "", **options: Any) -> Publication:
        """Score one night in this process; from another warehouse where one is given."""
        workspace = replace(self.workspace, warehouse=warehouse or self.workspace.warehouse)
        asked = {"trigger": self.name("trigger"), **request_options(options)}
        return score(workspace, self.read(name), day, RunRequest(**asked), **options)

    def uri(self, role: str) -> str:
        """Address of one of the server's connections, or of the predictions as its superuser."""
        return self.server.uri("predictions") if role == SUPERUSER else self.server.connections[role]

    def sql(self, query: str, role: str = "predictions_owner", **values: Any) -> list[dict[str, Any]]:
        """Rows of a query on one of the server's connections, or as its superuser."""
        with postgres.engine(self.uri(role)).begin() as connection:
            result = connection.execute(sa.text(query), values)
            return [dict(row) for row in result.mappings()] if result.returns_rows else []

    def predictions(self, name: str) -> pd.DataFrame:
        """What an analyst sees of a job, in order of date and entity."""
        query = "SELECT * FROM scoring.predictions WHERE job = :job ORDER BY score_date, entity_id"
        return pd.DataFrame(self.sql(query, "analyst", job=name))

    def last_run(self, name: str) -> dict[str, Any]:
        """The newest run of a job."""
        return self.sql(
            "SELECT * FROM scoring.scoring_runs WHERE job = :job ORDER BY run_id DESC LIMIT 1", job=name
        )[0]


def shop_rows(rows: int = 100, seed: int = 0) -> pd.DataFrame:
    """Rows of a small shop: a number with gaps, an integer, a category, a flag; and the entity."""
    random = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "entity_id": [f"customer-{number:05d}" for number in range(rows)],
            "amount": np.where(random.random(rows) < 0.1, np.nan, random.normal(50, 10, rows).round(2)),
            "visits": random.integers(0, 20, rows),
            "channel": random.choice(["web", "shop", "phone"], rows),
            "member": random.random(rows) < 0.5,
        }
    )


def shop_model(seed: int = 0) -> tuple[Any, pd.DataFrame]:
    """A binary classifier of the shop's rows, and its reference."""
    reference = shop_rows(400, seed).drop(columns="entity_id")
    bought = (reference["visits"] + 5 * reference["member"] + reference["amount"].fillna(0) / 20) > 14
    columns = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), ["channel"]), ("passthrough", ["visits", "member"])
    )
    model = make_pipeline(columns, LogisticRegression(max_iter=1000))
    features = reference[["amount", "visits", "channel", "member"]]
    return model.fit(features, bought), features.assign(bought=bought)


def request_options(options: dict[str, Any]) -> dict[str, Any]:
    """Take from options what is of a `RunRequest`."""
    return {name: options.pop(name) for name in RunRequest.model_fields if name in options}
