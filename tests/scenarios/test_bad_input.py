"""Bad input, each kind of it: an error or a rejected row that says why, and what was published stays."""

import json
import shutil
from collections.abc import Callable
from copy import copy
from dataclasses import replace
from pathlib import Path

import adbc_driver_manager.dbapi as adbc
import pytest
import sqlalchemy as sa

from pipeline.config.job import JobError
from pipeline.contract.contract import ContractError
from pipeline.databases.queries import WarehouseError
from pipeline.embedded.server import Embedded
from pipeline.errors import NothingToDo, ScoringError
from pipeline.extraction.shards import ExtractError
from pipeline.model.artifact import ModelError
from pipeline.payloads import RunRequest
from pipeline.runs.publications import Held, PublishError
from pipeline.tasks.run import score
from tests.home import NIGHT, Home
from tests.pipeline.shop import Shop, open_shop


@pytest.fixture(scope="module")
def night(server: Embedded, tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """A job with a published night, and rows that would score otherwise now."""
    shop = open_shop(Home(tmp_path_factory.mktemp("home"), server))
    shop.home.score(shop.job)
    shop.change("visits = 19 - visits")
    return shop


@pytest.fixture
def shop(night: Shop, tmp_path: Path) -> Shop:
    """A home like it with a table of its own, to be spoilt: the job, and what is published of it, are the same."""
    for folder in ("dags", "sql", "models"):
        shutil.copytree(night.home.path / folder, tmp_path / "home" / folder)
    home = copy(night.home)
    home.path, home.store = tmp_path / "home", str(tmp_path / "home" / "store")
    table = home.name("input")
    home.sql(f"CREATE TABLE {table} AS TABLE {night.table}", "warehouse_owner")
    home.sql(f"GRANT SELECT ON {table} TO warehouse_reader", "warehouse_owner")
    shop = Shop(home, night.job, table)
    shop.query("SELECT * FROM {table} ORDER BY entity_id")
    return shop


def other_byte(shop: Shop) -> None:
    path = shop.home.path / "models" / "shop" / "1" / "model.joblib"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def other_library(shop: Shop) -> None:
    path = shop.home.path / "models" / "shop" / "1" / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["libraries"]["scikit-learn"] = "1.0.2"
    path.write_text(json.dumps(manifest))


# what breaks the night -> the error, and what its message says
REFUSED: dict[str, tuple[Callable[[Shop], None], type[ScoringError], str]] = {
    "a missing column": (
        lambda shop: shop.query("SELECT entity_id, amount, visits, channel FROM {table}"),
        ContractError,
        r"job_\d+\.sql: column 'member', which the model takes, is missing",
    ),
    "a renamed column": (
        lambda shop: shop.query("SELECT entity_id, amount, visits AS visit, channel, member FROM {table}"),
        ContractError,
        r"column 'visits', which the model takes, is missing \(the query has 'visit': rename it\)",
    ),
    "a changed type": (
        lambda shop: shop.query("SELECT entity_id, amount, visits::text, channel, member FROM {table}"),
        ContractError,
        "column 'visits' is string, and the model was trained on integer; convert it in the query",
    ),
    "no entity_id": (
        lambda shop: shop.query("SELECT amount, visits, channel, member FROM {table}"),
        ContractError,
        "column 'entity_id' is missing",
    ),
    "a duplicate entity_id": (
        lambda shop: shop.change("entity_id = 'customer-00003'", "entity_id = 'customer-00050'"),
        PublishError,
        "entities doubled: entity customer-00003: 2 rows",
    ),
    "zero rows": (
        lambda shop: shop.query("SELECT * FROM {table} WHERE false"),
        ExtractError,
        r"job_\d+ 2024-03-01: job_\d+\.sql gave no rows\. What was published before stays",
    ),
    "a query that is no SQL": (
        lambda shop: shop.query("SELEC * FROM {table}"),
        WarehouseError,
        r'job_\d+\.sql: the database refused the query: syntax error at or near "SELEC"',
    ),
    "a query of a table that is not there": (
        lambda shop: shop.query("SELECT * FROM nowhere"),
        WarehouseError,
        'the database refused the query: relation "nowhere" does not exist',
    ),
    "a query that fails on its rows": (
        lambda shop: shop.query("SELECT *, 1 / (visits - visits) AS ratio FROM {table}"),
        WarehouseError,
        "division by zero",
    ),
    "a query that writes": (
        lambda shop: shop.query("DELETE FROM {table} RETURNING *"),
        WarehouseError,
        "read-only transaction|COPY query must not|DELETE",
    ),
    "a parameter that is not known": (
        lambda shop: shop.query("SELECT * FROM {table} WHERE :day IS NOT NULL"),
        WarehouseError,
        "unknown parameter :day. A query may use :score_date, :interval_start, :interval_end",
    ),
    "a query file that is not there": (
        lambda shop: shop.configure(r"job_\d+\.sql", "nowhere.sql"),
        WarehouseError,
        "nowhere.sql: no such query in",
    ),
    "a model file with one byte changed": (
        other_byte,
        ModelError,
        "is not the registered model: its SHA-256 is .* It was not loaded",
    ),
    "a model made with another scikit-learn": (
        other_library,
        ModelError,
        "the model was made with scikit-learn 1.0.2, and .* is installed. It was not loaded",
    ),
    "a model that is not registered": (
        lambda shop: shop.configure('name = "shop"', 'name = "shopp"'),
        ModelError,
        "no model 'shopp' in .*: known are shop. Register it: ",
    ),
    "an unknown alias": (
        lambda shop: shop.configure('name = "shop"', 'name = "shop"\nalias = "challenger"'),
        ModelError,
        "model 'shop' has no alias 'challenger': .* knows champion. Add a line",
    ),
    "a typo in the job file": (
        lambda shop: shop.configure("rows_per_part", "row_per_part"),
        JobError,
        r"job_\d+\.toml: key 'extract.row_per_part' is unknown. Did you mean 'rows_per_part'",
    ),
    "a wrong value in the job file": (
        lambda shop: shop.configure("min_rows = 1", "min_rows = -1"),
        JobError,
        r"key 'gate.min_rows' = -1: Input should be greater than or equal to 0",
    ),
    "a job file that is no TOML": (
        lambda shop: shop.configure("description =", "description"),
        JobError,
        "not a TOML file",
    ),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_the_night_is_refused_and_what_was_published_stays(shop: Shop, kind: str) -> None:
    before = shop.predictions()
    spoil, error, message = REFUSED[kind]
    spoil(shop)
    with pytest.raises(error, match=message):
        shop.home.score(shop.job)
    assert shop.predictions().equals(before)
    assert not {run["status"] for run in shop.runs()} & {"running", "held"}


def test_an_empty_night_ends_quietly_where_the_job_says_so(shop: Shop) -> None:
    before = shop.predictions()
    shop.configure("min_rows = 1", 'on_empty = "skip"')
    shop.query("SELECT * FROM {table} WHERE false")
    with pytest.raises(NothingToDo, match=r"gave no rows; the job skips days without rows \(gate.on_empty\)"):
        shop.home.score(shop.job)
    assert shop.home.last_run(shop.job)["status"] == "abandoned"
    assert shop.predictions().equals(before)


@pytest.mark.parametrize("connection", ["warehouse", "predictions"])
def test_a_connection_that_is_not_there_is_worth_a_retry(shop: Shop, connection: str) -> None:
    before = shop.predictions()
    there = shop.home.server.connections
    address = {**there, connection: "postgresql://nobody@127.0.0.1:1/nothing"}
    nowhere = replace(shop.home.workspace, warehouse=address["warehouse"], predictions=address["predictions"])
    with pytest.raises((adbc.OperationalError, sa.exc.OperationalError), match=r"(?i)connection.*refused"):
        score(nowhere, shop.home.read(shop.job), NIGHT, RunRequest(trigger="nowhere"))
    assert shop.predictions().equals(before)


# what breaks a row -> the column and the rule that the row is rejected for
REJECTED = {
    "a null where none is allowed": ("visits = NULL", "visits", "null"),
    "a null text where none is allowed": ("channel = NULL", "channel", "null"),
    "a null entity_id": ("entity_id = NULL", "entity_id", "null"),
    "an infinite number": ("amount = 'Infinity'", "amount", "finite"),
}
# the same, for what the model can take: rejected when the job says so
DOUBTFUL = {
    "an unknown category": ("channel = 'pigeon'", "channel", "unknown_category"),
    "a number out of the trained range": ("amount = 1000", "amount", "out_of_range"),
    "an integer out of the trained range": ("visits = -1", "visits", "out_of_range"),
}
ROW_7 = "entity_id = 'customer-00007'"


def reject_all(shop: Shop) -> None:
    """Have the job reject what the model could take all the same."""
    shop.configure(
        "rows_per_part = 40",
        'rows_per_part = 40\n[contract]\nunknown_category = "reject"\nout_of_range = "reject"',
    )


@pytest.mark.parametrize("kind", [*REJECTED, *DOUBTFUL])
def test_a_rejected_row_is_kept_with_its_reason_and_the_others_are_scored(shop: Shop, kind: str) -> None:
    assignment, column, rule = {**REJECTED, **DOUBTFUL}[kind]
    reject_all(shop)
    shop.change(assignment, ROW_7)
    done = shop.home.score(shop.job)
    assert (done.rows_extracted, done.rows_scored, done.rows_rejected) == (100, 99, 1)
    assert "customer-00007" not in set(shop.predictions()["entity_id"])
    query = "SELECT entity_id, column_name, rule FROM scoring.rejections WHERE run_id = :run_id"
    entity = None if column == "entity_id" else "customer-00007"
    rows = shop.home.sql(query, "analyst", run_id=done.run_id)
    assert {"entity_id": entity, "column_name": column, "rule": rule} in rows
    assert {row["entity_id"] for row in rows} == {entity}


@pytest.mark.parametrize("kind", [*REJECTED, *DOUBTFUL])
def test_rejected_rows_beyond_the_gate_hold_the_night(shop: Shop, kind: str) -> None:
    before = shop.predictions()
    assignment, _, _ = {**REJECTED, **DOUBTFUL}[kind]
    reject_all(shop)
    shop.configure("min_rows = 1", "max_rejected_fraction = 0")
    shop.change(assignment, ROW_7)
    with pytest.raises(
        Held, match=r"1 of 100 rows were rejected \(1.0%\), and gate.max_rejected_fraction is 0.0"
    ):
        shop.home.score(shop.job)
    assert shop.predictions().equals(before)


@pytest.mark.parametrize("kind", DOUBTFUL)
def test_what_the_model_can_take_is_reported_and_scored(shop: Shop, kind: str) -> None:
    assignment, column, rule = DOUBTFUL[kind]
    shop.change(assignment, ROW_7)
    done = shop.home.score(shop.job)
    assert (done.rows_scored, done.rows_rejected) == (100, 0)
    query = "SELECT value FROM scoring.feature_metrics WHERE run_id = :run_id AND feature = :feature AND metric = :rule"
    rows = shop.home.sql(query, "analyst", run_id=done.run_id, feature=column, rule=rule)
    assert rows == [{"value": 1.0}]


def test_a_night_of_rejected_rows_alone_is_held(shop: Shop) -> None:
    before = shop.predictions()
    shop.change("visits = NULL")
    with pytest.raises(
        Held, match=r"0 rows were scored, and gate\.min_rows is 1; 100 of 100 rows were rejected"
    ):
        shop.home.score(shop.job)
    assert shop.predictions().equals(before)
