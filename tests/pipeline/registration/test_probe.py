"""What a model says of its own reference decides how it is scored, and whether it is taken."""

import inspect
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.compose import make_column_transformer
from sklearn.datasets import make_classification
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils import all_estimators

from pipeline.contract.contract import ContractError
from pipeline.model import artifact, registry
from pipeline.model.artifact import ModelError
from tests.home import Home

X, _Y = make_classification(400, 6, weights=[0.85], flip_y=0.2, random_state=0)
ROWS = pd.DataFrame(X, columns=list("abcdef")).round(3)
BAD = pd.Series(np.where(_Y == 1, "bad", "good"))
THREE = pd.Series(np.array(["low", "mid", "top"])[(X[:, 0] > 0).astype(int) + (X[:, 1] > 0)])


def _fitted(kind: type[Any], outcome: pd.Series, rows: pd.DataFrame = ROWS, **options: Any) -> Any:
    """A classifier with what its kind needs, trained."""
    needs = inspect.signature(kind).parameters
    base = LogisticRegression()
    usual: dict[str, Any] = {
        "estimator": base,
        "estimators": [("line", base), ("tree", DecisionTreeClassifier(max_depth=3))],
        "param_grid": {"C": [0.1, 1]},
        "param_distributions": {"C": [0.1, 1]},
        "n_estimators": 5,
        "max_iter": 100,
        "probability": True,
        "voting": "soft",
        "random_state": 0,
        "nu": 0.05,
        "reg_param": 0.1,
    }
    # The search over distributions has only two values to try.
    tries = {"n_iter": 2} if "param_distributions" in needs else {}
    return kind(**{**{name: usual[name] for name in usual if name in needs}, **tries, **options}).fit(
        rows, outcome
    )


# Kinds that predict several labels a row, and nothing else.
SEVERAL = {"ClassifierChain", "MultiOutputClassifier"}
KINDS = {name: kind for name, kind in all_estimators(type_filter="classifier") if name not in SEVERAL}
ONLY_TWO = {"FixedThresholdClassifier", "TunedThresholdClassifierCV"}
# Every kind with two classes or with three, and some with both.
PLAIN: list[tuple[str, str, dict[str, Any]]] = [
    (name, classes, {})
    for number, name in enumerate(KINDS)
    for classes in ("two", "three")
    if (classes == "two") == (number % 2 == 0 or name in ONLY_TWO) or name in ("SVC", "NuSVC")
]
OWN: list[tuple[str, str, dict[str, Any]]] = [
    ("TunedThresholdClassifierCV", "two", {"scoring": "balanced_accuracy"}),
    ("FixedThresholdClassifier", "two", {"threshold": 0.2, "pos_label": "bad"}),
]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("name", "classes", "options"), PLAIN + OWN)
def test_the_label_is_what_the_model_predicts(
    home: Home, name: str, classes: str, options: dict[str, Any]
) -> None:
    # Counts, which naive Bayes asks for.
    counts = ROWS.rank(pct=True).mul(9).round()
    estimator = _fitted(KINDS[name], THREE if classes == "three" else BAD, rows=counts, **options)
    if not hasattr(estimator, "predict_proba"):
        with pytest.raises(ModelError, match="gives no probabilities. Wrap it in CalibratedClassifierCV"):
            home.model("own", estimator, counts.head(20))
        return
    # What the reference's few rows show says little of others.
    loaded = registry.load(home.model("own", estimator, counts.head(20)))
    labels = loaded.score(counts).label
    assert labels is not None
    assert [loaded.manifest.classes[place] for place in labels] == estimator.predict(counts).tolist()


def test_a_threshold_of_the_team_decides_over_the_model(home: Home) -> None:
    estimator = _fitted(KINDS["FixedThresholdClassifier"], BAD, threshold=0.2, pos_label="bad")
    loaded = registry.load(home.model("own", estimator, ROWS, threshold=0.7))
    scores = loaded.score(ROWS)
    assert scores.label is not None
    assert scores.label.tolist() == (estimator.predict_proba(ROWS)[:, 1] >= 0.7).astype(int).tolist()


@pytest.mark.parametrize("columns", [2, 3])
def test_several_labels_a_row_are_refused(home: Home, columns: int) -> None:
    outcomes = np.stack([X[:, place] > 0 for place in range(columns)], axis=1).astype(int)
    several = OneVsRestClassifier(LogisticRegression()).fit(ROWS, outcomes)
    with pytest.raises(
        ModelError, match=f"predicts {columns} labels a row .multi-label.. Train one model for each"
    ):
        home.model("several", several, ROWS)


def test_a_regression_of_one_column_is_one_of_numbers(home: Home) -> None:
    wide = LinearRegression().fit(ROWS, ROWS[["a"]] * 2)
    loaded = registry.load(home.model("wide", wide, ROWS))
    assert np.allclose(loaded.score(ROWS).score, ROWS["a"] * 2)


def test_a_model_of_a_series_is_refused_with_a_remedy_that_works(home: Home) -> None:
    words = pd.DataFrame({"said": ["late again", "on time", "late", "early"] * 10})
    late = words["said"].str.contains("late")
    of_series = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(words["said"], late)
    with pytest.raises(ModelError, match="single column of text in ColumnTransformer"):
        home.model("words", of_series, words)
    columns = make_column_transformer((TfidfVectorizer(), "said"))
    of_table = make_pipeline(columns, LogisticRegression()).fit(words, late)
    assert home.model("words", of_table, words).manifest.columns[0].kind == "text"


@pytest.mark.parametrize(
    "encoder", [OneHotEncoder(handle_unknown="ignore"), OrdinalEncoder(encoded_missing_value=-1)]
)
def test_a_column_of_objects_stays_one(home: Home, encoder: Any) -> None:
    rows = pd.DataFrame({"channel": ["web", "shop", None, "phone"] * 20, "n": range(80)})
    objects = rows.assign(channel=rows["channel"].astype(object).where(rows["channel"].notna(), None))
    told_apart = make_pipeline(
        make_column_transformer((encoder, ["channel"]), remainder="passthrough"), LogisticRegression()
    ).fit(objects, objects["channel"].isna())
    with pytest.raises(ModelError, match="column 'channel' the model tells None from NaN"):
        home.model("objects", told_apart, objects)
    # Both remedies of the message.
    for named in (
        objects.fillna({"channel": "none"}),
        objects.assign(channel=objects["channel"].astype("str")),
    ):
        fitted = told_apart.fit(named, objects["channel"].isna())
        loaded = registry.load(home.model("objects", fitted, named))
        part = loaded.manifest.contract.schema.remove(0)
        frame = loaded.manifest.contract.frame(_batch(named, part))
        assert np.array_equal(loaded.score(frame).score, fitted.predict_proba(named)[:, 1])


def _batch(rows: pd.DataFrame, schema: Any) -> Any:
    import pyarrow as pa

    return pa.RecordBatch.from_pandas(rows, schema=schema, preserve_index=False)


def test_booleans_with_gaps_reach_the_model_as_training_had_them(home: Home) -> None:
    rows = pd.DataFrame({"member": pd.Series([True, False, None, True] * 10, dtype=object), "n": range(40)})
    encoder = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), ["member"]), remainder="passthrough"
    )
    fitted = make_pipeline(encoder, LogisticRegression()).fit(rows.fillna({"member": False}), rows["n"] > 19)
    loaded = registry.load(home.model("flags", fitted, rows))
    column = loaded.manifest.contract.columns[0]
    assert (column.kind, column.dtype, column.nullable) == ("boolean", "object", True)
    frame = loaded.manifest.contract.frame(_batch(rows, loaded.manifest.contract.schema.remove(0)))
    pd.testing.assert_frame_equal(frame, rows, check_dtype=True)


def test_a_category_of_numbers_is_refused_with_a_remedy_that_works(home: Home) -> None:
    rows = pd.DataFrame({"store": pd.Categorical([3, 1, 2, 1] * 10), "n": range(40)})
    boosted = HistGradientBoostingClassifier(max_iter=5, categorical_features="from_dtype")
    fitted = boosted.fit(rows, rows["n"] > 19)
    with pytest.raises(ContractError, match="column 'store' was a category of int64, .* CAST.store AS text"):
        home.model("stores", fitted, rows)
    text = rows.assign(store=rows["store"].astype("str").astype("category"))
    loaded = registry.load(home.model("stores", boosted.fit(text, rows["n"] > 19), text))
    assert loaded.manifest.contract.columns[0].categories == ("1", "2", "3")


class Moody(RegressorMixin, BaseEstimator):
    """Scores its rows otherwise every time."""

    def fit(self, rows: Any, _: Any = None) -> "Moody":
        self.feature_names_in_ = np.array(list(rows.columns), dtype=object)
        return self

    def predict(self, rows: pd.DataFrame) -> npt.NDArray[np.float64]:
        self.times_ = getattr(self, "times_", 0) + 1
        return np.full(len(rows), float(self.times_))


def test_a_model_that_scores_otherwise_when_asked_again_is_refused(home: Home) -> None:
    with pytest.raises(
        ModelError, match="scores 400 of 400 rows of its reference otherwise when it is asked again"
    ):
        home.model("moody", Moody().fit(ROWS), ROWS)


def test_a_forest_that_was_trained_on_all_processors_scores_on_one(home: Home) -> None:
    fitted = make_pipeline(RandomForestClassifier(60, n_jobs=-1, random_state=0)).fit(ROWS, THREE)
    pinned = home.model("forest", fitted, ROWS)
    assert artifact.unpickle((pinned.folder / "model.joblib").read_bytes(), "forest")[-1].n_jobs == 1
    loaded = registry.load(pinned)
    first, *again = (loaded.score(ROWS).score.tobytes() for _ in range(20))
    assert set(again) == {first}


class Picky(RegressorMixin, BaseEstimator):
    """Takes a null in the columns that it was told of, and in no other."""

    def __init__(self, takes: tuple[str, ...] = ()) -> None:
        self.takes = takes

    def fit(self, rows: Any, _: Any = None) -> "Picky":
        self.feature_names_in_ = np.array(list(rows.columns), dtype=object)
        return self

    def predict(self, rows: pd.DataFrame) -> npt.NDArray[np.float64]:
        if bad := [name for name in rows if rows[name].isna().any() and name not in self.takes]:
            raise ValueError(f"null in {bad}")
        return np.zeros(len(rows))


def test_each_column_says_for_itself_whether_it_may_be_null(home: Home) -> None:
    columns = home.model("picky", Picky(("b", "e")).fit(ROWS), ROWS).manifest.columns
    assert [column.name for column in columns if column.accepts_missing] == ["b", "e"]


@pytest.mark.parametrize("takes", [(), ("c3",), tuple(f"c{place}" for place in range(40, 100))])
def test_of_many_columns_few_are_tried_and_none_gets_a_null_that_it_does_not_take(
    home: Home, takes: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    tries: list[int] = []
    predict = Picky.predict

    def counted(self: Picky, rows: pd.DataFrame) -> npt.NDArray[np.float64]:
        tries.append(len(rows))
        return predict(self, rows)

    monkeypatch.setattr(Picky, "predict", counted)
    rows = pd.DataFrame(np.arange(300.0).reshape(3, 100)).rename(columns="c{}".format)
    columns = home.model("picky", Picky(takes).fit(rows), rows).manifest.columns
    # One of a hundred may go unseen; its nulls are then rejected, which is safe.
    assert [column.name for column in columns if column.accepts_missing] == list(
        takes if len(takes) > 1 else ()
    )
    assert tries.count(1) < 100
