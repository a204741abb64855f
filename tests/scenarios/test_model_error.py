"""`contract.model_error = "reject"`: rows on which the model itself raises are rejected, and the others published."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow.parquet as pq
import pytest
from sklearn.base import BaseEstimator, RegressorMixin

from pipeline.inspection.provenance import trace
from pipeline.inspection.reproduce import reproduce
from pipeline.maintenance.erasure import erase
from pipeline.model.scoring import PredictError
from pipeline.runs.publications import Held
from pipeline.store.layout import RunRef
from pipeline.tasks import preflight
from pipeline.tasks.load_model import load_model
from pipeline.tasks.predict import predict
from pipeline.tasks.write import write
from tests.home import NIGHT, Home, shop_rows
from tests.pipeline.shop import Shop

REJECT = '[contract]\nmodel_error = "reject"'
LEDGER = """
SELECT part, rows_extracted AS extracted, rows_rejected AS rejected, rows_scored AS scored
FROM scoring.run_parts WHERE run_id = :run ORDER BY part
"""
REJECTED = """
SELECT part, row_number, entity_id, column_name, rule, value FROM scoring.rejected_rows
WHERE run_id = :run ORDER BY row_number, column_name
"""


class Brittle(RegressorMixin, BaseEstimator):
    """A regressor that raises on numbers of visits that it never saw."""

    def predict(self, frame: pd.DataFrame) -> npt.NDArray[np.float64]:
        """The visits, unless there are too many."""
        if (frame["visits"] > 50).any():
            raise IndexError("visits beyond\x1b the table")
        return frame["visits"].to_numpy(dtype=np.float64) / 3


def brittle(home: Home, extract: str = REJECT, **options: Any) -> Shop:
    """A job of 100 rows in three parts, whose model raises on more than 50 visits."""
    if not (home.path / "models" / "brittle").exists():
        home.model("brittle", Brittle(), shop_rows()[["visits"]])
    table = home.table(shop_rows())
    query = f"SELECT entity_id, visits FROM {table} ORDER BY entity_id"
    return Shop(home, home.job(query, "brittle", extract=extract, **options), table)


def spoil(shop: Shop, *numbers: int, to: str = "99") -> None:
    names = ", ".join(f"'customer-{number:05d}'" for number in numbers)
    shop.change(f"visits = {to}", f"entity_id IN ({names})")


def lines(shop: Shop, query: str, run_id: int) -> list[tuple[Any, ...]]:
    return [tuple(row.values()) for row in shop.home.sql(query, run=run_id)]


def test_bad_rows_are_rejected_with_what_the_model_said_and_the_others_published(home: Home) -> None:
    shop = brittle(home)
    before = shop.home.score(shop.job).run_id
    good = shop.predictions().set_index("entity_id")["score"]
    spoil(shop, 41, to="NULL")
    spoil(shop, 3, 43, 79)
    done = shop.home.score(shop.job)
    assert done.run_id > before
    assert (done.rows_extracted, done.rows_rejected, done.rows_scored) == (100, 4, 96)
    error = "IndexError: visits beyond\\u001b the table"
    assert lines(shop, REJECTED, done.run_id) == [
        (0, 3, "customer-00003", "(model)", "model_error", error),
        (1, 41, "customer-00041", "visits", "null", None),
        (1, 43, "customer-00043", "(model)", "model_error", error),
        (1, 79, "customer-00079", "(model)", "model_error", error),
    ]
    assert lines(shop, LEDGER, done.run_id) == [(0, 40, 1, 39), (1, 40, 3, 37), (2, 20, 0, 20)]
    seen = shop.predictions().set_index("entity_id")["score"]
    assert seen.to_dict() == good.drop([f"customer-{number:05d}" for number in (3, 41, 43, 79)]).to_dict()
    query = "SELECT metric, value FROM scoring.run_metrics WHERE run_id = :run"
    metrics = {row["metric"]: row["value"] for row in shop.home.sql(query, "analyst", run=done.run_id)}
    assert (metrics["rows_rejected"], metrics["rows_failed"], metrics["rows_scored"]) == (4, 3, 96)
    kept = pq.read_table(Path(home.store) / RunRef(shop.job, NIGHT, done.run_id).rejected)
    assert kept["row_number"].to_pylist() == [3, 41, 43, 79]


def test_such_a_run_is_found_again_bit_for_bit_and_each_row_tells_what_became_of_it(home: Home) -> None:
    shop = brittle(home)
    spoil(shop, 3, 43)
    run_id = shop.home.score(shop.job).run_id
    shop.configure(
        'model_error = "reject"', 'model_error = "fail"'
    )  # what the job says today does not matter
    reproduction = reproduce(home.workspace, run_id)
    assert reproduction.passed, reproduction.problems
    assert reproduction.equal == {"scored part": 98, "database": 98}
    beside = trace(home.workspace, run_id, "customer-00044")
    assert (beside.equal, beside.notes) == (True, [])
    [rule] = trace(home.workspace, run_id, "customer-00043").rejected
    assert (rule.row_number, rule.column_name, rule.rule) == (43, "(model)", "model_error")


def test_a_repeated_try_of_any_task_changes_nothing(home: Home) -> None:
    shop = brittle(home)
    spoil(shop, 3, 43)
    run, job = shop.extract(), home.read(shop.job)
    work = load_model(home.workspace, job, run)
    first = [predict(home.workspace, job, part) for part in work]
    again = [predict(home.workspace, job, part) for part in work]
    assert [(one.part, one.rejected) for one in first] == [(one.part, one.rejected) for one in again]
    for scored in (*first, *again):
        write(home.workspace, job, scored)
    written = [write(home.workspace, job, scored) for scored in again]
    assert [len(lines(shop, REJECTED, run.run_id)), sum(part.rejected for part in written)] == [2, 2]
    publication = shop.publish(run, written)
    assert (publication.rows_rejected, publication.rows_scored) == (2, 98)


def test_rows_have_the_number_that_the_contract_gives_them_over_shards_too(home: Home) -> None:
    shop = brittle(home, extract=f"shards = 2\n{REJECT}")
    shop.query(
        "SELECT entity_id, visits FROM {table} WHERE abs(hashtext(entity_id)) % :shards = :shard ORDER BY 1"
    )
    rows = (0, 17, 50, 51, 99)
    numbers = []
    for bad in ("NULL", "99"):
        spoil(shop, *rows, to=bad)
        run_id = shop.home.score(shop.job).run_id
        numbers.append({line[2]: line[1] for line in lines(shop, REJECTED, run_id)})
    assert numbers[0] == numbers[1]
    assert len(set(numbers[1].values())) == len(rows)


def test_they_count_against_the_gate_with_the_rows_that_the_contract_rejected(home: Home) -> None:
    shop = brittle(home)
    spoil(shop, 1, 2, 41, 42, 81)
    assert shop.home.score(shop.job).rows_rejected == 5
    spoil(shop, 82, to="NULL")
    with pytest.raises(Held, match=r"6 of 100 rows were rejected \(6.0%\)"):
        shop.home.score(shop.job)
    assert home.last_run(shop.job)["rows_rejected"] == 6


def test_more_bad_rows_of_a_part_than_the_gates_share_fail_the_run(home: Home) -> None:
    shop = brittle(home)
    shop.home.score(shop.job)
    spoil(shop, 41, 42, 43)
    with pytest.raises(PredictError, match=r"more than 2 rows of a part.*customer-00041.*given up"):
        shop.home.score(shop.job)
    failed = home.last_run(shop.job)
    assert failed["status"] == "failed"
    assert failed["status_reason"].startswith(
        "PredictError: model brittle version 1 failed on more than 2 rows"
    )
    assert "customer-00041" not in failed["status_reason"]
    assert len(shop.predictions()) == 100
    assert lines(shop, REJECTED, failed["run_id"]) == []


def test_unless_a_job_says_so_a_bad_row_fails_the_run(home: Home) -> None:
    shop = brittle(home, extract="")
    spoil(shop, 43)
    with pytest.raises(
        PredictError, match="failed on rows customer-00043: IndexError.*have such rows rejected"
    ):
        shop.home.score(shop.job)


def test_the_text_stays_out_where_no_values_are_kept(home: Home) -> None:
    shop = brittle(home, extract=f"{REJECT}\nkeep_values = false")
    spoil(shop, 43)
    [line] = lines(shop, REJECTED, shop.home.score(shop.job).run_id)
    assert line[-1] == "IndexError"


def test_a_check_counts_what_would_be_rejected(home: Home) -> None:
    shop = brittle(home)
    spoil(shop, 41, to="NULL")
    spoil(shop, 43, 44)
    results = {item.what: item for item in preflight.check(home.read(shop.job), home.workspace, NIGHT)}
    assert results["query and rows"].passed
    expected = (
        "100 rows of 2024-03-01 read and scored, 3 would be rejected ((model): model_error; visits: null)"
    )
    assert results["query and rows"].detail.startswith(expected)


def test_an_erasure_leaves_nothing_of_a_row_on_which_the_model_raised(home: Home) -> None:
    shop = brittle(home)
    spoil(shop, 43)
    run_id = shop.home.score(shop.job).run_id
    janitor = home.server.connections["predictions_janitor"]
    receipt = erase(janitor, home.store, shop.job, "customer-00043", by="ada", reason="ticket 7")
    assert (receipt.rejected_rows, receipt.parts) == (1, 1)
    assert lines(shop, REJECTED, run_id) == []
    for path in Path(home.store).rglob("*.parquet"):
        assert "'customer-00043'" not in str(pq.read_table(path).to_pydict()), path
    assert reproduce(home.workspace, run_id).passed
