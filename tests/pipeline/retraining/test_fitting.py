"""pipeline/retraining/fitting.py: no date is scored by a model that has seen it, and gaps are in the contract."""

import io
import sys
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.model.manifest import Manifest
from pipeline.retraining import fitting
from pipeline.retraining.team_code import RetrainingError
from tests.home import shop_rows
from tests.pipeline.evaluation.shop import bought
from tests.pipeline.retraining.shop import CODE

# Gives the probability 0.9 on the dates that it has seen, and 0.2 on others.
SEEN = """
import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin


class Seen(ClassifierMixin, BaseEstimator):
    def fit(self, rows, outcome):
        self.classes_, self.feature_names_in_ = np.unique(outcome), np.array(["number"])
        self.numbers_ = set(rows["number"])
        return self

    def predict_proba(self, frame):
        chance = np.where(frame["number"].isin(self.numbers_), 0.9, 0.2)
        return np.column_stack([1 - chance, chance])

    def predict(self, frame):
        return self.classes_[self.predict_proba(frame).argmax(axis=1)]


def train(rows):
    assert rows["bought"].dtype == bool and rows["bought"].notna().all()
    rows["number"] += 0  # nobody else's rows
    return Seen().fit(rows, rows["bought"])
"""


def rows_of(days: int) -> pa.Table:
    """Rows of some days, whose `number` is their day; every tenth has no outcome, and no age."""
    each = []
    for day in range(days):
        rows = shop_rows(40, day)
        when = pd.Timestamp(date(2024, 3, 1) + timedelta(days=day))
        each.append(rows.assign(number=day, score_date=when, bought=bought(rows, day)["bought"]))
    table = pa.Table.from_pandas(
        pd.concat(each, ignore_index=True), preserve_index=False
    ).replace_schema_metadata(None)
    gaps = pa.array(np.arange(len(table)) % 10 == 0)
    ages = pa.array(np.full(len(table), 30), mask=gaps.to_numpy(zero_copy_only=False))
    outcome = pa.array(table["bought"].to_numpy(), mask=gaps.to_numpy(zero_copy_only=False))
    return table.drop_columns("bought").append_column("age", ages).append_column("bought", outcome)


def fitted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, table: pa.Table, **changed: Any
) -> Any:
    """What the program gives, in this process."""
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "shop_training.py").write_text(code)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path / "code"))
    monkeypatch.delitem(sys.modules, "shop_training", raising=False)
    content = io.BytesIO()
    pq.write_table(table, content)
    settings = {
        "model": "shop", "function": "shop_training.py:train", "outcome": "bought", "folds": 3, "threshold": 0.3,
        "planned": [], "floats": ["visits"], "first": "2024-03-01", "last": "2024-03-06", **changed,
    }  # fmt: skip
    content.seek(0)
    given = fitting.fit(settings, content)
    return given, Manifest.model_validate_json(given[fitting.MANIFEST])


def test_each_date_is_scored_by_a_model_that_has_not_seen_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given, manifest = fitted(tmp_path, monkeypatch, SEEN, rows_of(6))
    scores = pq.read_table(io.BytesIO(given[fitting.SCORES]))
    assert scores["1"].to_pylist() == [0.2] * 240
    # The candidate itself has seen all of them, and takes its own modules along.
    assert set(manifest.golden_scores) == {0.9}
    assert (given[fitting.CODE], manifest.modules) == (b"1", {})
    assert manifest.threshold == 0.3
    reference = pd.read_parquet(io.BytesIO(given["reference.parquet"]))
    assert "entity_id" not in reference.columns


def test_gaps_that_training_saw_are_in_the_contract(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = CODE.replace('"visits", "channel", "member"]]', '"visits", "channel", "member", "age"]]')
    given, manifest = fitted(tmp_path, monkeypatch, code, rows_of(4))
    columns = {column.name: column for column in manifest.columns}
    # In rows without an outcome alone, which no model is fitted on, and which a run scores all the same.
    assert columns["age"].nullable
    # As the champion takes it, though no value of the window has a gap.
    assert columns["visits"].dtype == "float64"
    assert given[fitting.CODE] == b""


def test_a_fold_without_one_of_the_classes_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = rows_of(3)
    rare = pa.array([f"class {row % 2}" if row > 9 else "rare" for row in range(len(table))])
    table = table.set_column(table.column_names.index("bought"), "bought", rare)
    code = CODE.replace(
        "from sklearn.pipeline", "from sklearn.dummy import DummyClassifier\nfrom sklearn.pipeline"
    )
    code = code.replace("LogisticRegression(max_iter=1000)", "DummyClassifier()")
    with pytest.raises(RetrainingError, match="Train on more score dates: raise training.window_days"):
        fitted(tmp_path, monkeypatch, code, table)


def test_an_estimator_of_columns_that_no_run_has_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = CODE.replace(
        "features = rows[[", "rows = rows.assign(twice=rows['visits'] * 2)\n    features = rows[['twice', "
    )
    with pytest.raises(
        RetrainingError, match="the estimator takes twice, which the training rows do not have"
    ):
        fitted(tmp_path, monkeypatch, code, rows_of(4))
