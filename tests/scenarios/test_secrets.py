"""No password comes out in logs, errors, tracebacks, stages' values, tables or files, whatever fails at any step."""

import json
import logging
import os
import subprocess
import sys
import traceback
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pipeline.config.workspace import Workspace
from pipeline.databases import connections
from pipeline.errors import ScoringError
from pipeline.payloads import RunRequest
from pipeline.store import files
from pipeline.store.files import StoreError
from pipeline.tasks.load_model import load_model
from pipeline.tasks.log_metrics import log_metrics
from pipeline.tasks.predict import predict
from pipeline.tasks.publish import publish
from pipeline.tasks.run import score
from pipeline.tasks.write import write
from tests.home import NIGHT
from tests.pipeline.shop import Shop

# In every password, whatever else is in it.
CANARY = "canary"
PASSWORD = f"{CANARY}%40%2F%3A%23{CANARY}"
TABLES = ("scoring_runs", "run_parts", "rejected_rows", "run_metrics", "feature_metrics")


class Witness:
    """Hears everything that is said, and tells whether the canary was heard."""

    def __init__(self, caplog: pytest.LogCaptureFixture) -> None:
        self.logs, self.heard = caplog, list[str]()

    def refuse(self, step: Callable[[], Any]) -> str:
        """Have a step fail; keeps its error as a log would show it, and returns it."""
        try:
            step()
        except Exception as failed:  # noqa: BLE001 - whatever it is, it must not tell
            error = failed
        else:
            pytest.fail("nothing failed")
        logging.getLogger("pipeline").error("failed: %s", error, exc_info=error)
        text = "".join(traceback.format_exception(error, chain=True))
        self.heard += [str(error), repr(error), repr(vars(error)), text]
        return text

    def see(self, shop: Shop) -> None:
        """Look at all that the database and the store keep of a job."""
        for table in TABLES:
            query = f"""
                SELECT kept::text AS row FROM scoring.{table} AS kept
                WHERE run_id IN (SELECT run_id FROM scoring.scoring_runs WHERE job = :job)
            """
            self.heard += [row["row"] for row in shop.home.sql(query, job=shop.job)]
        for file in Path(shop.home.store).rglob("*"):
            self.heard += [str(file), file.read_bytes().decode("latin-1") if file.is_file() else ""]

    def swear(self) -> None:
        """The canary was not heard, and something was."""
        texts = [*self.heard, self.logs.text]
        assert len("".join(texts)) > 1000
        assert [text for text in texts if CANARY in text.lower()] == []


@pytest.fixture
def witness(caplog: pytest.LogCaptureFixture) -> Witness:
    caplog.set_level(logging.DEBUG)
    return Witness(caplog)


def secret(uri: str, **options: str) -> str:
    """A server's address with the canary for its password, which the embedded server does not ask for."""
    address = uri.replace("@/", f":{PASSWORD}@/")
    return connections.postgres(
        "&".join([address, *(f"{key}={value}" for key, value in options.items())]), "vault"
    )


def secretly(shop: Shop) -> Workspace:
    """The shop's workspace, each with a password."""
    there = shop.home.server.connections
    return replace(
        shop.home.workspace, warehouse=secret(there["warehouse"]), predictions=secret(there["predictions"])
    )


def broken(uri: str) -> list[str]:
    """Addresses that fail: while connecting, at once or after a look at the login, and at the first write."""
    return [
        connections.postgres(f"postgres://ann:{PASSWORD}@127.0.0.1:1/nothing", "predictions"),
        connections.postgres(f"postgres://ann:{PASSWORD}@127.0.0.1:1/nothing?sslmode=wrong", "predictions"),
        secret(uri.replace("@/", "@/no_such_")),
        secret(uri.replace("scoring_pipeline", "nobody")),
        secret(uri, options="-c%20default_transaction_read_only%3Don"),
    ]


def test_the_password_is_in_every_connection(shop: Shop) -> None:
    workspace = secretly(shop)
    for address in (
        workspace.warehouse,
        workspace.predictions,
        *broken(shop.home.server.connections["predictions"]),
    ):
        assert CANARY in address
    assert score(workspace, shop.home.read(shop.job), NIGHT, RunRequest(trigger="one")).rows_scored == 100


def test_no_step_of_a_night_tells_its_predictions_password(shop: Shop, witness: Witness) -> None:
    good, job = secretly(shop), shop.home.read(shop.job)
    bad = [replace(good, predictions=uri) for uri in broken(shop.home.server.connections["predictions"])]
    from pipeline.tasks.extract import extract

    def each(step: Callable[[Workspace], Any]) -> Any:
        """Have a step fail in each bad place; then do it, and hear what it hands on."""
        for leaky in bad:
            witness.refuse(lambda leaky=leaky: step(leaky))  # type: ignore[misc]
        done = step(good)
        values = done if isinstance(done, list) else [done]
        witness.heard += [json.dumps(value.json_value()) for value in values]
        return done

    run = each(lambda workspace: extract(workspace, job, NIGHT, RunRequest(trigger="one")))
    scored = [predict(good, job, part) for part in load_model(good, job, run)]
    written = [
        each(lambda workspace: write(workspace, job, scored[0])),
        *(write(good, job, part) for part in scored[1:]),
    ]
    verdict = each(lambda workspace: log_metrics(workspace, job, run, written))
    each(lambda workspace: publish(workspace, job, run, verdict))
    witness.see(shop)
    witness.swear()


WAREHOUSES = {
    "nobody listens": "postgres://ann:{password}@127.0.0.1:1/sales",
    "no such host": "postgres://ann:{password}@no-such-host.invalid/sales",
    "no such database": "postgres://warehouse_reader:{password}@/no_such_database?host={host}",
    "no such option": "postgres://ann:{password}@127.0.0.1:1/sales?colour=red",
    "nobody listens, by SQLAlchemy": "postgresql+psycopg://ann:{password}@127.0.0.1:1/sales",
    "no such database, by SQLAlchemy": "postgresql+psycopg://warehouse_reader:{password}@/no_such_database?host={host}",
    "a password among the options": "postgresql+psycopg://ann@127.0.0.1:1/sales?password={password}",
}


@pytest.mark.parametrize("kind", WAREHOUSES)
def test_a_warehouse_that_fails_does_not_tell_its_password(shop: Shop, witness: Witness, kind: str) -> None:
    uri = WAREHOUSES[kind].format(password=PASSWORD, host=str(shop.home.server.socket).replace("/", "%2F"))
    warehouse = connections.warehouse(uri, "warehouse")
    witness.refuse(lambda: shop.home.score(shop.job, warehouse=warehouse))
    assert shop.home.last_run(shop.job)["status"] == "failed"  # so that its reason is kept, and looked at
    witness.see(shop)
    witness.swear()


@pytest.mark.parametrize("driver", ["postgresql", "postgresql+psycopg"])
@pytest.mark.parametrize("query", ["SELEC 1", "SELECT *, 1 / (visits - visits) AS ratio FROM {table}"])
def test_a_query_that_fails_does_not_tell_the_password(
    shop: Shop, witness: Witness, driver: str, query: str
) -> None:
    shop.query(query)
    warehouse = secret(shop.home.server.connections["warehouse"]).replace("postgresql", driver, 1)
    witness.refuse(lambda: shop.home.score(shop.job, warehouse=warehouse))
    witness.see(shop)
    witness.swear()


@pytest.mark.parametrize(
    "uri",
    [
        f"postgres://ann:12#{CANARY}@db/sales",
        f"postgres://ann:12?{CANARY}=1@db/sales",
        f"postgres://ann:12/{CANARY}@db/sales",
        f"postgres://ann:x%00{CANARY}@db/sales",
        f"postgresql+psycopg://ann:12?{CANARY}=1@db/sales",
    ],
)
def test_a_password_that_was_not_encoded_is_refused_before_a_driver_shows_half_of_it(uri: str) -> None:
    for read in (connections.postgres, connections.warehouse):
        with pytest.raises(
            connections.AddressError, match="percent-encode the special characters"
        ) as refused:
            read(uri, "sales")
        assert CANARY not in "".join(traceback.format_exception(refused.value))


@pytest.mark.parametrize(
    "store",
    [f"s3://key:{CANARY}@bucket/nights", f"ftp://ann:{CANARY}@127.0.0.1/nights", f"nonsense://a:{CANARY}@b"],
)
def test_a_store_that_holds_a_password_is_refused_and_not_shown(
    shop: Shop, witness: Witness, store: str
) -> None:
    shop.home.store = store
    assert "Take it out of SCORING_STORE" in witness.refuse(lambda: shop.home.score(shop.job))
    shop.home.store = "store"
    witness.see(shop)
    witness.swear()
    with pytest.raises(StoreError):
        files.open_store(store)


def test_a_store_of_an_account_is_none_that_holds_a_password() -> None:
    with pytest.raises(StoreError, match="cannot be used"):  # its package is not installed
        files.open_store("abfs://container@account.dfs.core.windows.net/nights")


def test_the_command_line_tells_no_password(shop: Shop) -> None:
    nowhere = f"postgres://ann:{PASSWORD}@127.0.0.1:1/nothing"
    half = f"postgres://ann:12?{CANARY}=1@db/sales"
    tries = [
        (("score", shop.job, str(NIGHT)), {"AIRFLOW_CONN_PREDICTIONS": nowhere}),
        (("check", shop.job), {"AIRFLOW_CONN_WAREHOUSE": half, "SCORING_STORE": f"s3://key:{CANARY}@bucket"}),
    ]
    programs = [
        subprocess.Popen(
            [sys.executable, "-m", "pipeline", *words],
            env={**os.environ, **shop.home.environment, **environ},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for words, environ in tries
    ]
    for program in programs:
        output, _ = program.communicate(timeout=120)
        assert program.returncode in (1, 2)
        assert output
        assert CANARY not in output


def test_the_witness_hears_what_is_told(shop: Shop, witness: Witness) -> None:
    def tell() -> None:
        raise ScoringError(f"postgres://ann:{CANARY}@db")

    witness.refuse(tell)
    with pytest.raises(AssertionError):
        witness.swear()
