"""A batch that comes to the trees without a frame comes there as it would by one, or not at all."""

import atexit
import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.compose import make_column_transformer
from sklearn.ensemble import ExtraTreesClassifier, HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, OrdinalEncoder, StandardScaler

from pipeline.worker import frames
from pipeline.worker.compiled.columns import NeedsFrameError
from pipeline.worker.compiled.direct import Direct
from pipeline.worker.compiled.predictor import Predictor
from pipeline.worker.compiled.seams import Seam, seam_of
from pipeline.worker.models import Column
from tests.pipeline.worker.compiled.behind import (
    COLUMNS,
    KNOWN,
    SCHEMA,
    batch,
    behind,
    boosting,
    ordinal,
    trained,
)
from tests.pipeline.worker.compiled.fitted import library, needs_compiler, path

pytestmark = needs_compiler

# Forests refuse what is larger.
FLOAT32 = float(np.finfo(np.float32).max)
UNKNOWN: dict[str, list[Any]] = {"color": ["blue", "no category\x01"], "size": ["xl"], "free": ["é"]}

TEXTS = ["color", "size", "free"]
MODELS: dict[str, Callable[[], Any]] = {
    "codes": lambda: behind((ordinal(), TEXTS)),
    "categories": lambda: behind(
        (ordinal(), TEXTS),
        last=boosting(categorical_features=[0, 1, 2]),
    ),
    "flags": lambda: behind((OneHotEncoder(handle_unknown="ignore", sparse_output=False), TEXTS)),
    "columns in another order": lambda: trained(
        make_pipeline(
            make_column_transformer(("passthrough", ["amount", *TEXTS])),
            make_column_transformer((ordinal(), [1, 2, 3]), remainder="passthrough"),
            boosting(),
        )
    ),
    "a column left out": lambda: behind((ordinal(), TEXTS), ("drop", ["whole"])),
    "a forest behind imputers": lambda: behind(
        (make_pipeline(SimpleImputer(strategy="most_frequent"), ordinal()), TEXTS),
        (SimpleImputer(strategy="median"), ["small", "amount"]),
        last=ExtraTreesClassifier(5, random_state=0),
    ),
    "a booster of LightGBM": lambda: behind((ordinal(), TEXTS), last=booster("lightgbm", "LGBMClassifier")),
    "a booster of XGBoost": lambda: behind((ordinal(), TEXTS), last=booster("xgboost", "XGBClassifier")),
}


def booster(library: str, kind: str) -> Any:
    settings = {"verbose": -1, "min_child_samples": 5} if library == "lightgbm" else {}
    return getattr(pytest.importorskip(library), kind)(n_estimators=9, n_jobs=1, **settings)


@cache
def opened(name: str) -> tuple[Any, Seam, Direct]:
    return opening(MODELS[name]())


def opening(estimator: Any) -> tuple[Any, Seam, Direct]:
    folder = Path(mkdtemp())
    atexit.register(shutil.rmtree, folder)
    seam = seam_of(getattr(estimator[-1], "_Booster", estimator[-1]), library(folder))
    assert seam is not None
    return estimator, seam, Direct(estimator, seam, COLUMNS)


def by_frame(estimator: Any, rows: pa.RecordBatch) -> Any:
    return estimator.predict_proba(frames.frame(rows, COLUMNS))


@pytest.mark.parametrize("name", MODELS)
def test_rows_drawn_by_chance_come_to_the_trees_as_by_a_frame(name: str) -> None:
    estimator, _, direct = opened(name)
    assert direct.differing(2_000) == 0
    answer = direct.answer(batch())
    assert answer is not None
    assert answer.tobytes() == by_frame(estimator, batch()).astype(np.float64).tobytes()


def numbers(dtype: str) -> st.SearchStrategy[Any]:
    if dtype.startswith("int"):
        limits = np.iinfo(dtype)
        return st.integers(int(limits.min), int(limits.max))
    width = 32 if dtype == "float32" else 64
    return st.none() | st.floats(width=width, allow_nan=False)  # type: ignore[arg-type]


def values(column: Column) -> st.SearchStrategy[Any]:
    known = st.sampled_from([*KNOWN[column.name], *UNKNOWN.get(column.name, [])])
    return (
        known
        | (st.text(max_size=4) | st.none() if column.name in UNKNOWN else known)
        | (numbers(column.dtype) if column.dtype[:3] in ("int", "flo") else known)
    )


@given(st.data(), st.sampled_from(sorted(MODELS)))
def test_whatever_the_values_the_bits_are_those_of_the_estimator(data: st.DataObject, name: str) -> None:
    estimator, _, direct = opened(name)
    number = data.draw(st.integers(1, 5))
    drawn = {
        column.name: data.draw(st.lists(values(column), min_size=number, max_size=number))
        for column in COLUMNS
    }
    rows = pa.RecordBatch.from_pydict(drawn, SCHEMA)
    answer = direct.answer(rows)
    if answer is not None:
        assert answer.tobytes() == by_frame(estimator, rows).astype(np.float64).tobytes()
    else:
        assert set(drawn["free"]) == {None} or any(
            abs(value) > FLOAT32 for name in ("small", "amount") for value in drawn[name] if value is not None
        )


def test_an_encoder_that_refuses_what_is_unknown_goes_on_to_do_so() -> None:
    full = {name: [value for value in known if value is not None] for name, known in KNOWN.items()}
    drawn = {name: [known[place % len(known)] for place in range(60)] for name, known in full.items()}
    plain = pa.RecordBatch.from_pydict(drawn, SCHEMA)
    columns = make_column_transformer((OrdinalEncoder(), TEXTS), remainder="passthrough")
    estimator = make_pipeline(columns, HistGradientBoostingClassifier(max_iter=3))
    estimator.fit(frames.frame(plain, COLUMNS), np.arange(60) % 3)
    _, _, direct = opening(estimator)
    answer = direct.answer(plain)
    assert answer is not None
    assert answer.tobytes() == by_frame(estimator, plain).tobytes()
    for name, value in (("color", "blue"), ("color", None), ("free", None)):
        assert direct.answer(pa.RecordBatch.from_pydict({**drawn, name: [value] * 60}, SCHEMA)) is None


def test_a_batch_of_other_types_needs_a_frame() -> None:
    _, _, direct = opened("codes")
    wider = pa.RecordBatch.from_pydict(batch().to_pydict(), SCHEMA.set(3, pa.field("count", pa.int64())))
    assert direct.answer(wider) is None


@pytest.mark.parametrize(
    "step",
    [
        (StandardScaler(), ["amount"]),
        (SimpleImputer(missing_values=-5), ["whole"]),
        (FunctionTransformer(np.negative), ["amount"]),
        (OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1), ["count"]),
        (OneHotEncoder(handle_unknown="ignore", sparse_output=False), ["whole"]),
        (OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1), ["amount"]),
    ],
    ids=["scaled", "another for missing", "a function", "categories", "odd categories", "fractions"],
)
def test_what_is_done_to_numbers_needs_a_frame(step: Any) -> None:
    with pytest.raises(NeedsFrameError):
        opening(behind((ordinal(), TEXTS), step))


@pytest.mark.parametrize("categorical", [["whole"], ["color"]])
def test_numbers_and_texts_that_the_trees_themselves_encode_are_not_lost(categorical: list[str]) -> None:
    chosen = make_column_transformer(
        ("passthrough", [*categorical, "amount"]), verbose_feature_names_out=False
    )
    chosen.set_output(transform="pandas")
    estimator = trained(make_pipeline(chosen, boosting(categorical_features=categorical)))
    try:
        answer = opening(estimator)[2].answer(batch())
    except NeedsFrameError:
        return
    assert answer is not None
    assert answer.tobytes() == by_frame(estimator, batch()).tobytes()


def test_columns_of_another_dtype_and_encoders_of_another_class_need_a_frame() -> None:
    class Own(OrdinalEncoder):
        """One that may encode in a way of its own."""

    encoder = Own(handle_unknown="use_encoded_value", unknown_value=-1)
    with pytest.raises(NeedsFrameError):
        opening(behind((encoder, TEXTS)))
    estimator, seam, _ = opened("codes")
    with pytest.raises(NeedsFrameError):
        Direct(estimator, seam, [*COLUMNS[:-1], Column("amount", "Float64", None, False)])


def test_where_what_is_missing_is_marked_such_rows_need_a_frame() -> None:
    estimator, _, direct = opening(
        behind((ordinal(), TEXTS), (SimpleImputer(add_indicator=True), ["amount"]))
    )
    assert direct.answer(batch()) is None
    not_null = batch().to_pandas()["amount"].to_numpy()
    assert direct.answer(batch().set_column(7, "amount", pa.array(not_null))) is None
    whole = pa.RecordBatch.from_pylist(
        [row for row in batch().to_pylist() if None not in row.values()], SCHEMA
    )
    answer = direct.answer(whole)
    assert answer is not None
    assert answer.tobytes() == by_frame(estimator, whole).tobytes()


def test_a_column_of_nulls_alone_becomes_what_it_does_by_a_frame() -> None:
    encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    steps = make_pipeline(SimpleImputer(strategy="constant"), encoder)
    columns = make_column_transformer((steps, ["free", "color"])).set_output(transform="pandas")
    frame = frames.frame(batch(), COLUMNS)
    estimator, _, direct = opening(make_pipeline(columns, boosting()).fit(frame, frame["free"].isna()))
    for rows in (batch(), batch().set_column(2, "free", pa.nulls(300, pa.string()))):
        answer = direct.answer(rows)
        assert answer is None or answer.tobytes() == by_frame(estimator, rows).tobytes()


@pytest.mark.parametrize("name", ["codes", "a booster of LightGBM", "a booster of XGBoost"])
def test_the_estimator_is_whole_again_afterwards(name: str) -> None:
    _, seam, direct = opened(name)
    direct.differing(10)
    assert seam.method not in vars(seam.estimator)


def test_a_class_that_is_derived_from_a_boosters_estimator_needs_a_frame() -> None:
    class Own(pytest.importorskip("xgboost").XGBClassifier):  # type: ignore[misc]
        """One that may answer in a way of its own."""

    with pytest.raises(NeedsFrameError):
        opening(behind((ordinal(), TEXTS), last=Own(n_estimators=3, n_jobs=1)))


def test_values_of_a_booster_come_without_a_frame(tmp_path: Path) -> None:
    estimator = behind((ordinal(), TEXTS), last=booster("xgboost", "XGBRegressor"))
    expected = estimator.predict(frames.frame(batch(), COLUMNS))
    predictor = Predictor(estimator, COLUMNS, path(tmp_path), regression=True, labels=False)
    assert predictor._direct is not None
    answer = predictor.answer(batch()).values
    assert answer.dtype == np.float64
    assert answer.tobytes() == expected.astype(np.float64).tobytes()
