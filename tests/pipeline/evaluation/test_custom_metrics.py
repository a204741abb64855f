"""A job's own figures are named numbers, of its scores and results and of nothing else."""

from datetime import date

import pyarrow as pa
import pytest

from pipeline.databases.queries import Values, WarehouseError
from pipeline.errors import ScoringError
from pipeline.evaluation import custom_metrics
from pipeline.evaluation.custom_metrics import CustomMetricError

TABLES = {
    "scores": pa.table({"entity_id": ["a", "b"], "score": [0.25, 0.5], "class_scores": [[0.75, 0.25], None]}),
    "results": pa.table({"entity_id": ["a"], "paid": [3]}),
}
VALUES: Values = {"run_id": 7, "score_date": date(2024, 3, 1)}


def figures(query: str) -> dict[str, float]:
    return custom_metrics.calculate(query, VALUES, "shop/business.sql", TABLES)


@pytest.mark.parametrize("twin", ["paid", "Paid", "ENTITY_ID"])
def test_columns_that_are_one_to_duckdb_are_refused(twin: str) -> None:
    results = pa.Table.from_arrays([pa.array([1])] * 3, names=["entity_id", "paid", twin])
    with pytest.raises(
        CustomMetricError, match=f"table results has columns .* and '{twin}', which the query cannot tell"
    ):
        custom_metrics.calculate(
            "SELECT sum(paid) AS paid FROM results", VALUES, "b.sql", {"results": results}
        )


def test_every_column_is_a_number_of_its_name() -> None:
    query = """
        -- Whatever counts.
        SELECT count(*) AS rows, sum(paid) AS paid, avg(score) > 0.3 AS high, 1.5::decimal(5, 2) AS exact,
               :run_id AS run, date_diff('day', :score_date, DATE '2024-03-04') AS days, max(paid) - 9 AS below,
               sum(paid) FILTER (WHERE paid < 0) AS nothing
        FROM scores LEFT JOIN results USING (entity_id);
    """
    assert figures(query) == {
        "rows": 2,
        "paid": 3,
        "high": 1,
        "exact": 1.5,
        "run": 7,
        "days": 3,
        "below": -6,
    }


@pytest.mark.parametrize(
    ("business", "kind", "complaint"),
    [
        ("SELECT score FROM scores", CustomMetricError, "more than one row. Aggregate to one row"),
        ("SELECT 1 AS one WHERE false", CustomMetricError, "no row. Aggregate"),
        ("SELECT 'much' AS money", CustomMetricError, "column 'money' is 'much', which is no number"),
        ("SELECT 1 AS a, 2 AS a", CustomMetricError, "column 'a' comes twice"),
        (
            "SELECT sum(profit) AS p FROM scores",
            CustomMetricError,
            r"refused: .*profit.* It may read scores \(entity_id",
        ),
        (
            "SELECT count(*) AS n FROM read_text('/etc/passwd')",
            CustomMetricError,
            "disabled by configuration",
        ),
        ("SELECT count(*) AS n FROM '/etc/passwd'", CustomMetricError, "refused"),
        ("SELECT count(*) AS n FROM tables", CustomMetricError, "refused"),
        ("SET enable_external_access = true", CustomMetricError, "refused"),
        (
            "SELECT :profit AS p",
            WarehouseError,
            "unknown parameter :profit. A query may use :run_id, :score_date",
        ),
    ],
)
def test_other_queries_are_refused(business: str, kind: type[ScoringError], complaint: str) -> None:
    with pytest.raises(kind, match=f"shop/business.sql: .*{complaint}"):
        figures(business)
