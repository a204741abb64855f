"""pipeline/challenger/replay.py: another version scores a published date again, from the run's own parts."""

from datetime import date, timedelta
from typing import Any

import numpy as np
import pytest
from sklearn.dummy import DummyClassifier
from typer.testing import CliRunner

from pipeline.__main__ import app
from pipeline.challenger import replay
from pipeline.challenger.choice import ReplayError
from pipeline.challenger.comparison import Day
from pipeline.errors import NothingToDo
from pipeline.store.parts import MissingPart
from tests.home import NIGHT, Home, shop_model, shop_rows
from tests.pipeline.evaluation.shop import BY, bought, look, name_outcomes, opened
from tests.pipeline.shop import Shop


@pytest.fixture
def versions(home: Home) -> Shop:
    """A shop whose published night was scored by version 1, with a useless version 2 beside it."""
    shop = opened(home, shop_rows())
    _, reference = shop_model()
    dummy = DummyClassifier(strategy="constant", constant=True).fit(
        reference.drop(columns="bought"), reference["bought"]
    )
    shop.home.model("shop", dummy, reference, outcome="bought", alias=None)
    name_outcomes(shop, bought(shop_rows()), slices=BY)
    return shop


def replayed(shop: Shop, version: int, score_date: date = NIGHT, **options: Any) -> Day:
    workspace, job = shop.home.workspace, shop.home.read(shop.job)
    return replay.day(workspace, job, replay.opened(workspace, job, version), score_date, **options)


def test_the_same_version_gives_the_same_scores(versions: Shop) -> None:
    done = replayed(versions, 1)
    assert (done.entities, done.refused, done.moved, done.relabelled) == (100, 0, 0, 0)
    assert done.losses.difference == 0
    assert done.losses.champion == pytest.approx(look(versions).metrics["log_loss"])


def test_another_version_is_held_against_the_same_outcomes(versions: Shop) -> None:
    predictions, before = versions.predictions(), versions.runs()
    done = replayed(versions, 2)
    labels = predictions["label"].to_numpy()
    assert done.relabelled == np.mean(labels != "true")
    # The constant says true of everybody, with certainty.
    wrong = 1 - bought(shop_rows())["bought"].mean()
    assert done.losses.challenger == pytest.approx(-wrong * np.log(np.finfo(float).eps), rel=1e-6)
    assert done.losses.difference < 0
    assert {column for column, _ in done.groups} == set(BY)
    assert sum(lost.rows for (column, _), lost in done.groups.items() if column == "member") == 100
    assert versions.runs() == before
    assert versions.predictions().equals(predictions)


def test_of_a_large_run_a_sample_is_compared_and_of_none_nothing(versions: Shop) -> None:
    done = replayed(versions, 1, most=50)
    assert 20 < done.entities < 80
    assert done.losses.difference == 0
    with pytest.raises(NothingToDo, match="no run is published"):
        replayed(versions, 1, NIGHT + timedelta(days=1))


def test_a_version_that_takes_other_columns_or_has_other_classes_is_refused(versions: Shop) -> None:
    _, reference = shop_model()
    for other in (
        reference.assign(age=3),
        reference.assign(bought=np.where(reference["bought"], "yes", "no")),
    ):
        model = DummyClassifier().fit(other.drop(columns="bought"), other["bought"])
        versions.home.model("shop", model, other, outcome="bought", alias=None)
    with pytest.raises(ReplayError, match=r"the part .*: .*'age'.*keeps the columns of the version"):
        replayed(versions, 3)
    with pytest.raises(ReplayError, match="shop version 4 has classes .* cannot be compared"):
        replayed(versions, 4)


def test_parts_that_are_gone_are_named(versions: Shop) -> None:
    for part in (versions.home.path / "store").rglob("*.parquet"):
        part.unlink()
    with pytest.raises(MissingPart):
        replayed(versions, 1)


def test_the_command_shows_a_line_a_date_and_what_they_say_together(versions: Shop) -> None:
    last = NIGHT + timedelta(days=1)
    done = CliRunner().invoke(app, ["replay", versions.job, "2", str(NIGHT), str(last)])
    assert done.exit_code == 0, done.output
    assert "skipped" in done.output
    assert "shop version 2 beside what was published, on 1 date: undecided. Its log_loss is " in done.output
    assert "with too few dates for an interval" in done.output
    assert "In none of 5 groups is it worse by more than chance." in done.output
    unknown = CliRunner().invoke(app, ["replay", versions.job, "9", str(NIGHT)])
    assert "model 'shop' has no version 9" in str(unknown.exception)
