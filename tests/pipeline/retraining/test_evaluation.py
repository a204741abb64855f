"""pipeline/retraining/evaluation.py: a candidate beside the champion, only where the champion has seen nothing."""

from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from pipeline.model.manifest import PinnedVersion
from pipeline.retraining import card, evaluation
from tests.home import Home, shop_model, shop_rows
from tests.pipeline.evaluation.shop import bought

FIRST = date(2024, 3, 1)


def version(home: Home, window: tuple[date, date] | None) -> PinnedVersion:
    model, reference = shop_model()
    return home.model("shop", model, reference, outcome="bought", training_window=window)


def evaluated(home: Home, champion: PinnedVersion | None, candidate: PinnedVersion) -> dict[str, Any]:
    """The figures of six days, on which the candidate says a half of everybody; one row has no outcome."""
    days = [
        shop_rows(30, day).assign(score_date=pd.Timestamp(FIRST + timedelta(days=day))) for day in range(6)
    ]
    outcomes = pd.concat([bought(rows, day) for day, rows in enumerate(days)])["bought"].astype(object)
    outcomes.iloc[0] = None
    rows = pd.concat(days, ignore_index=True).assign(bought=outcomes.to_numpy())
    table = pa.Table.from_pandas(rows, preserve_index=False)
    scores = pa.table({"0": np.full(len(rows), 0.5), "1": np.full(len(rows), 0.5)})
    job = home.read(home.job("SELECT 1", "shop"))
    tested = evaluation.tested(table, scores, candidate.manifest)
    return evaluation.figures(job, candidate, champion, tested)


def test_the_champion_is_asked_of_dates_that_it_has_not_seen(home: Home) -> None:
    champion = version(home, (FIRST + timedelta(days=4), FIRST + timedelta(days=20)))
    given = evaluated(home, champion, champion)
    assert (given["rows"], given["dates"]) == (179, 6)
    assert given["candidate"]["log_loss"] == pytest.approx(np.log(2))
    assert given["base_rate"]["log_loss"] < np.log(2)
    beside = given["beside_champion"]
    assert (beside["version"], beside["dates"], beside["rows"]) == (1, 4, 119)
    assert beside["candidate"]["log_loss"] == pytest.approx(np.log(2))
    assert beside["champion"]["log_loss"] != beside["candidate"]["log_loss"]
    assert "| the champion |" in "\n".join(card.beside({**given}))


def test_it_is_said_why_nothing_is_compared(home: Home) -> None:
    seen = version(home, (FIRST, FIRST + timedelta(days=20)))
    assert "was trained on, of these dates, or on all" in evaluated(home, seen, seen)["champion_note"]
    assert "has no version yet" in evaluated(home, None, seen)["champion_note"]
    for changed, meant in (
        ({"classes": ("no", "yes")}, "the classes no, yes"),
        ({"classes": (), "task": "regression"}, "numbers"),
    ):
        other = PinnedVersion(seen.manifest.model_copy(update=changed), seen.sha256, seen.folder)
        note = evaluated(home, other, seen)["champion_note"]
        assert (
            note
            == f"shop version 1 predicts {meant}, and the candidate the classes false, true: nothing can be compared."
        )
    (seen.folder / "model.joblib").write_bytes(b"")
    later = PinnedVersion(
        seen.manifest.model_copy(
            update={"training_start": date(2024, 4, 1), "training_end": date(2024, 4, 2)}
        ),
        seen.sha256,
        seen.folder,
    )
    assert "shop version 1 could not score these rows" in evaluated(home, later, seen)["champion_note"]
