"""sql/schema/views/classes.sql: the probabilities of multiclass models by the names of their classes."""

import json

import numpy as np
import pytest
import sqlalchemy as sa

from pipeline.runs.ledger import LedgerError
from tests.home import Home
from tests.pipeline.shop import Shop, open_shop
from tests.sql.test_walls import thirds

VIEW = "SELECT * FROM scoring.class_probabilities WHERE job = :job ORDER BY entity_id, class"


@pytest.fixture
def shop(home: Home) -> Shop:
    """A job whose model tells three classes apart."""
    home.model("shop", *thirds(seed=2))
    return open_shop(home)


def test_each_entity_has_a_row_for_each_class(shop: Shop) -> None:
    run = shop.home.score(shop.job)
    rows = shop.home.sql(VIEW, "analyst", job=shop.job)
    assert list(rows[0]) == [
        "job", "score_date", "entity_id", "class", "probability", "run_id", "model_version"
    ]  # fmt: skip
    assert [row["class"] for row in rows] == ["high", "low", "middle"] * 100
    assert {row["run_id"] for row in rows} == {run.run_id}
    best: dict[str, tuple[float, str]] = {}
    for row in rows:
        best[row["entity_id"]] = max(best.get(row["entity_id"], (0, "")), (row["probability"], row["class"]))
    seen = shop.predictions()
    assert dict(zip(seen["entity_id"], seen["label"], strict=True)) == {
        entity: label for entity, (_, label) in best.items()
    }
    np.testing.assert_allclose(np.reshape([row["probability"] for row in rows], (-1, 3)).sum(axis=1), 1)


def test_names_that_somebody_else_entered_before_are_noticed(home: Home) -> None:
    home.model("shop", *thirds(seed=77))
    shop = open_shop(home)
    manifest = json.loads((shop.home.path / "models" / "shop" / "1" / "manifest.json").read_text())
    values = {"sha": manifest["sha256"], "names": ["a", "b", "c"]}
    statement = "INSERT INTO scoring.model_classes VALUES (:sha, :names) RETURNING 1"
    shop.home.sql(statement, "predictions", **values)
    with pytest.raises(LedgerError, match="has other class names for the model .* than its manifest"):
        shop.home.score(shop.job)
    shop.home.sql(
        "DELETE FROM scoring.model_classes WHERE model_sha256 = :sha RETURNING 1", sha=values["sha"]
    )


def test_a_model_of_two_classes_has_none(home: Home) -> None:
    shop = open_shop(home)
    home.score(shop.job)
    assert home.sql(VIEW, "analyst", job=shop.job) == []


@pytest.mark.parametrize("statement", ["UPDATE scoring.model_classes SET classes = '{a,b}'",
                                       "DELETE FROM scoring.model_classes"])  # fmt: skip
@pytest.mark.parametrize("role", ["predictions", "analyst"])
def test_names_once_entered_stay(shop: Shop, role: str, statement: str) -> None:
    with pytest.raises(sa.exc.ProgrammingError, match="permission denied"):
        shop.home.sql(statement, role)
