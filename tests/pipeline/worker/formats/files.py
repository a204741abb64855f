"""Rows of a shop in numbers and a category, and how a model's file of them is registered, loaded and compared."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline.model import registry
from pipeline.model.loaded_model import Model
from pipeline.registration.register import Registration, register
from tests.home import Home, shop_rows

FEATURES = ["amount", "visits", "channel"]


def rows(number: int = 400) -> pd.DataFrame:
    """Features with a gap, an integer and a category; and three outcomes."""
    frame = shop_rows(number)
    bought = (frame["visits"] + frame["amount"].fillna(0) / 20) > 12
    return frame.assign(
        channel=frame["channel"].astype("category"),
        bought=bought.astype(int),
        basket=bought.astype(int) + (frame["visits"] > 15),
        spent=frame["amount"].fillna(0) * 2 + frame["visits"],
    )


def registered(home: Home, file: Path, columns: list[str], outcome: str, **options: Any) -> Model:
    """A file, registered with its reference, and loaded from its version's folder."""
    reference = home.path / "reference.parquet"
    frame = rows()[[*columns, outcome]]
    if "classes" in options:  # which spell the outcome, too
        frame[outcome] = frame[outcome].map(dict(enumerate(options["classes"])))
    frame.to_parquet(reference)
    given = {"alias": "champion", "outcome": outcome, **options}
    register(home.path, Registration("shop", file, reference, **given))
    return registry.load(registry.resolve(home.path, "shop", "champion"))


def require_same(
    model: Model, estimator: Any, columns: list[str], classes: npt.NDArray[Any] | None = None
) -> None:
    """A loaded model scores and labels as the estimator that was trained."""
    frame = rows(1000)[columns]
    scores = model.score(frame)
    if model.manifest.task == "regression":
        np.testing.assert_allclose(scores.score, estimator.predict(frame).ravel(), rtol=1e-6)
        return
    probabilities = estimator.predict_proba(frame)
    ours = scores.classes if scores.classes is not None else scores.score
    theirs = probabilities if scores.classes is not None else probabilities[:, 1]
    np.testing.assert_allclose(ours, theirs, atol=1e-6)
    labels = (
        estimator.predict(frame).ravel() if classes is None else classes[estimator.predict(frame).ravel()]
    )
    assert scores.label is not None
    assert [model.manifest.classes[place] for place in scores.label] == [str(each) for each in labels]
