"""pipeline/inspection/reproduce.py: what was written is found again to the last bit, and whatever is not is named."""

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.linear_model import LogisticRegression, Ridge

from pipeline.errors import NothingToDo
from pipeline.inspection.differences import Difference, unexplained
from pipeline.inspection.provenance import trace
from pipeline.inspection.reproduce import Reproduction, reproduce
from pipeline.maintenance.erasure import erase
from pipeline.runs.archive import parts_of, run
from pipeline.runs.ledger import LedgerError
from tests.home import NIGHT, Home, shop_model, shop_rows
from tests.pipeline.shop import Shop, open_shop

ROW = "score_date = '2024-03-01' AND run_id = :run_id AND entity_id = 'customer-00042'"


def scored(shop: Shop) -> int:
    """A run that was scored and not published, so that its owner may still spoil it."""
    with pytest.raises(NothingToDo, match="a dry run"):
        shop.home.score(shop.job, dry_run=True)
    return int(shop.home.last_run(shop.job)["run_id"])


def again(shop: Shop, run_id: int) -> Reproduction:
    return reproduce(shop.home.workspace, run_id)


def file(shop: Shop, run_id: int, name: str) -> Path:
    return Path(shop.home.store) / shop.job / NIGHT.isoformat() / str(run_id) / f"{name}.parquet"


def test_a_published_run_is_found_again_bit_for_bit(shop: Shop) -> None:
    reproduction = again(shop, shop.home.score(shop.job).run_id)
    assert reproduction.passed
    assert (reproduction.rows, reproduction.equal) == (100, {"scored part": 100, "database": 100})
    assert (reproduction.problems, reproduction.differences, reproduction.notes) == ([], [], [])


def test_a_superseded_run_is_scored_by_the_model_of_its_day(home: Home) -> None:
    shop = open_shop(home)
    before = shop.home.score(shop.job).run_id
    shop.home.model("shop", *shop_model(seed=5))
    assert set(shop.predictions()["model_version"]) == {1}
    shop.home.score(shop.job)
    assert set(shop.predictions()["model_version"]) == {2}
    assert again(shop, before).passed


def test_a_model_of_classes_and_one_of_values_are_found_again(home: Home) -> None:
    rows = shop_rows(90)
    outcome = rows["visits"] % 3
    for name, model in (("thirds", LogisticRegression()), ("value", Ridge())):
        home.model(name, model.fit(rows[["visits"]], outcome), rows[["visits"]])
        run_id = home.score(home.job(f"SELECT * FROM {home.table(rows)}", name)).run_id
        reproduction = reproduce(home.workspace, run_id)
        assert reproduction.passed
        assert reproduction.equal == {"scored part": 90, "database": 90}


def test_one_bit_in_the_database_is_found(shop: Shop) -> None:
    run_id = scored(shop)
    [row] = shop.home.sql(f"SELECT score FROM scoring.prediction_rows WHERE {ROW}", run_id=run_id)
    beside = float(np.nextafter(row["score"], 1))
    shop.home.sql(
        f"UPDATE scoring.prediction_rows SET score = :beside WHERE {ROW}", run_id=run_id, beside=beside
    )
    reproduction = again(shop, run_id)
    [difference] = reproduction.differences
    assert not reproduction.passed
    assert (difference.part, difference.entity_id, difference.where) == (1, "customer-00042", "database")
    assert (difference.column, difference.then, difference.now) == ("score", beside, row["score"])
    assert reproduction.equal == {"scored part": 100, "database": 99}


class Together(RegressorMixin, BaseEstimator):
    """Scores whose last bits depend on how many rows are scored together, as those of many libraries do."""

    def fit(self, rows: pd.DataFrame, _: Any = None) -> "Together":
        self.feature_names_in_ = np.array(list(rows.columns), dtype=object)
        return self

    def predict(self, rows: pd.DataFrame) -> npt.NDArray[np.float64]:
        return rows["visits"].to_numpy() + 0.1 + len(rows) * 1e-13


def test_an_erasure_explains_the_last_bits_of_its_part_and_nothing_else(home: Home) -> None:
    rows = shop_rows(100)
    home.model("together", Together().fit(rows[["visits"]]), rows[["visits"]])
    job = home.job(f"SELECT entity_id, visits FROM {home.table(rows)} ORDER BY entity_id", "together")
    run_id = home.score(job).run_id
    erase(
        home.server.connections["predictions_janitor"],
        home.store,
        job,
        "customer-00041",
        by="ada",
        reason="ticket 7",
    )
    outcome = reproduce(home.workspace, run_id)
    assert outcome.passed
    assert (outcome.rows, outcome.rounded, outcome.equal) == (99, 78, {"scored part": 60, "database": 60})
    traced = trace(home.workspace, run_id, "customer-00042")
    assert traced.equal
    assert traced.notes == [
        "the last bits differ: rows of its part were erased since, and were scored together with it"
    ]
    part = parts_of(run(home.workspace.predictions, run_id))[1]
    then, other = 1.1, Difference(1, "customer-00042", "database", "score", 1.1, 1.1001)
    assert unexplained([replace(other, now=then * (1 + 1e-15)), other], part) == [other]
    assert len(unexplained([replace(other, now=then * (1 + 1e-15))], replace(part, erased=0))) == 1


@pytest.mark.parametrize(
    ("change", "then", "now"),
    [
        (f"UPDATE scoring.prediction_rows SET label = 'maybe' WHERE {ROW}", ("label", "maybe"), "false"),
        (f"DELETE FROM scoring.prediction_rows WHERE {ROW}", ("entity_id", None), 0.0),
        (
            f"INSERT INTO scoring.prediction_rows SELECT score_date, run_id, part, 'made up', 0.5"
            f" FROM scoring.prediction_rows WHERE {ROW}",
            ("entity_id", 0.5),
            None,
        ),
    ],
)
def test_a_row_altered_lost_or_made_up_is_found(
    shop: Shop, change: str, then: tuple[str, Any], now: Any
) -> None:
    run_id = scored(shop)
    [row] = shop.home.sql(f"SELECT score, label FROM scoring.prediction_rows WHERE {ROW}", run_id=run_id)
    shop.home.sql(change, run_id=run_id)
    [difference] = again(shop, run_id).differences
    assert (difference.column, difference.then) == then
    assert difference.now == (row["label"] if now == "false" else row["score"] if now is not None else None)


def test_a_scored_part_that_was_swapped_together_with_its_digest_is_found(shop: Shop) -> None:
    run_id = scored(shop)
    path = file(shop, run_id, "scored-00001")
    table = pq.read_table(path)
    raised = [0.99, *table["score"].to_pylist()[1:]]
    pq.write_table(table.set_column(1, "score", pa.array(raised)), path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    shop.home.sql(
        "UPDATE scoring.run_parts SET scored_sha256 = :digest WHERE run_id = :run_id AND part = 1",
        run_id=run_id,
        digest=digest,
    )
    [difference] = again(shop, run_id).differences
    assert (difference.where, difference.entity_id, difference.then) == (
        "scored part",
        "customer-00040",
        0.99,
    )


@pytest.mark.parametrize("name", ["part-00001", "scored-00001"])
def test_an_altered_part_is_named_and_the_others_are_scored(shop: Shop, name: str) -> None:
    run_id = scored(shop)
    path = file(shop, run_id, name)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    reproduction = again(shop, run_id)
    [problem] = reproduction.problems
    assert not reproduction.passed
    assert problem.startswith(f"part 1: part {shop.job}/2024-03-01/{run_id}/{name}.parquet in ")
    assert "is not what was written: SHA-256" in problem
    assert reproduction.equal["scored part"] == 60


def test_parts_and_rows_that_are_gone_are_named(shop: Shop) -> None:
    run_id = scored(shop)
    file(shop, run_id, "part-00000").unlink()
    shop.home.sql("DELETE FROM scoring.prediction_rows WHERE run_id = :run_id AND part = 2", run_id=run_id)
    reproduction = again(shop, run_id)
    assert not reproduction.passed
    assert reproduction.problems == [
        f"part 0: {shop.job}/2024-03-01/{run_id}/part-00000.parquet is no longer in the store",
        "part 2: its 20 rows are no longer in the database",
    ]
    assert reproduction.equal == {"scored part": 60, "database": 40}


def test_rows_of_a_part_that_never_was_are_found(shop: Shop) -> None:
    run_id = scored(shop)
    shop.home.sql(f"UPDATE scoring.prediction_rows SET part = 7 WHERE {ROW}", run_id=run_id)
    reproduction = again(shop, run_id)
    assert reproduction.problems == ["the database has rows of part 7, which is not in the ledger"]
    assert [difference.entity_id for difference in reproduction.differences] == ["customer-00042"]


def test_another_model_in_its_place_is_not_scored_with(home: Home) -> None:
    shop = open_shop(home)
    run_id = scored(shop)
    joblib.dump(shop_model(seed=5)[0], shop.home.path / "models" / "shop" / "1" / "model.joblib")
    reproduction = again(shop, run_id)
    assert not reproduction.passed
    assert reproduction.rows == 0
    assert "is not the registered model: its SHA-256 is" in reproduction.problems[0]


def test_what_is_not_as_it_was_but_changes_no_score_is_a_note(shop: Shop) -> None:
    run_id = scored(shop)
    shop.configure("a test job", "told otherwise")
    shop.query("SELECT * FROM {table}")
    shop.home.sql(
        "UPDATE scoring.scoring_runs SET code_version = 'old', library_versions = library_versions || :older"
        " WHERE run_id = :run_id",
        run_id=run_id,
        older='{"numpy": "1.0"}',
    )
    reproduction = again(shop, run_id)
    assert reproduction.passed
    assert {note.what for note in reproduction.notes} == {"code", "query", "job file", "numpy"}
    (shop.home.path / "dags" / f"{shop.job}.toml").unlink()
    assert again(shop, run_id).passed


def test_many_differences_are_counted_and_some_are_named(shop: Shop) -> None:
    run_id = scored(shop)
    shop.home.sql("UPDATE scoring.prediction_rows SET score = 2 WHERE run_id = :run_id", run_id=run_id)
    reproduction = again(shop, run_id)
    assert (reproduction.differing, len(reproduction.differences)) == (100, 20)


def test_a_run_that_did_not_end_is_refused(shop: Shop) -> None:
    run_id = shop.extract().run_id
    with pytest.raises(
        LedgerError, match=f"run {run_id} of {shop.job} 2024-03-01 is running, and was not scored"
    ):
        again(shop, run_id)
    with pytest.raises(LedgerError, match="no run 987654"):
        again(shop, 987654)
