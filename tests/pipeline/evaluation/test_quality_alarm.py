"""pipeline/evaluation/quality_alarm.py: a job is told once that it is worse, and once that it is over."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa

from pipeline.evaluation import low_scores, quality_alarm
from pipeline.evaluation.e_detector import Ordinary
from pipeline.evaluation.quality_alarm import FIRST_DAYS, Quality
from pipeline.integrations.outbox import Alert
from pipeline.integrations.quality_messages import Incident
from pipeline.model import registry
from pipeline.model.manifest import PinnedVersion
from pipeline.monitoring.references import LEAST_OUTCOMES
from tests.pipeline.evaluation.measured import day, measured, remeasure
from tests.pipeline.shop import Shop

GOOD = list(np.random.default_rng(1).normal(0.9, 0.03, 60))
BAD = [1.4] * 20
LOW = Ordinary.of(low_scores.rarity(np.array([70, 90, 110] * 20), 900.0).tolist(), low_scores.ERRORS)


def pinned(shop: Shop, version: int = 1) -> PinnedVersion:
    champion = registry.resolve(shop.home.path, "shop", "champion")
    manifest = champion.manifest.model_copy(update={"version": version, "profile_sha256": None})
    return PinnedVersion(manifest, champion.sha256, champion.folder)


def update(shop: Shop, run: int = 0, version: int = 1) -> Quality:
    address = shop.home.workspace.predictions
    return quality_alarm.update(address, shop.job, pinned(shop, version), run, 0.05)


def kept(shop: Shop, metric: str) -> dict[int, float]:
    query = "SELECT run_id, value FROM scoring.outcome_metrics JOIN scoring.current_runs USING (run_id) "
    rows = shop.home.sql(f"{query} WHERE job = :job AND metric = :metric", job=shop.job, metric=metric)
    return {row["run_id"]: row["value"] for row in rows}


def incidents(shop: Shop) -> list[tuple[Any, ...]]:
    query = (
        "SELECT began_on, ended_on, model_version FROM scoring.quality_incidents WHERE job = :job ORDER BY 1"
    )
    return [tuple(row.values()) for row in shop.home.sql(query, job=shop.job)]


def told(shop: Shop) -> list[Incident]:
    """The incidents that people get a message of now."""
    written: list[Incident] = []

    def write(incident: Incident) -> Alert:
        written.append(incident)
        cause = f"{shop.job} {incident.began_on} {incident.ended_on}"
        return Alert(shop.job, day(0), cause, "title", "body")

    quality_alarm.tell(shop.home.workspace.predictions, shop.job, "people", "standing", write)
    return written


def alarms(shop: Shop, runs: Sequence[int]) -> list[float | None]:
    on = kept(shop, "quality_alarm")
    return [on.get(run) for run in runs]


def test_the_first_days_say_what_is_ordinary_where_training_left_nothing(shop: Shop) -> None:
    runs = measured(shop, GOOD[:FIRST_DAYS])
    quality = update(shop, runs[3])
    assert quality.metrics == {"quality_reference": 1.0}
    assert f"Measured so far: {FIRST_DAYS}." in quality.sentence
    assert set(kept(shop, "quality_reference")) == set(runs)
    [next_run] = measured(shop, GOOD[:1], first=FIRST_DAYS + 1)
    quality = update(shop, next_run)
    assert quality.metrics["quality_alarm"] == 0
    assert quality.metrics["quality_evidence"] == kept(shop, "quality_evidence")[next_run]
    assert "left 9" in quality.sentence


def test_a_model_that_gets_worse_is_told_once_and_once_that_it_is_over(shop: Shop) -> None:
    measured(shop, GOOD)
    update(shop)
    assert (incidents(shop), told(shop)) == ([], [])
    runs = measured(shop, BAD, first=61)
    for _ in range(2):
        update(shop)
    on = alarms(shop, runs)
    began = day(61 + on.index(1.0))
    assert incidents(shop) == [(began, None, 1)]
    assert [(one.began_on, one.ended_on) for one in told(shop)] == [(began, None)]
    assert told(shop) == []
    measured(shop, GOOD[:30], first=81)
    update(shop)
    [(_, ended_on, _)] = incidents(shop)
    assert ended_on == day(110)
    assert [(one.began_on, one.ended_on) for one in told(shop)] == [(began, ended_on)]
    assert told(shop) == []


def test_measuring_again_counts_once(shop: Shop) -> None:
    runs = measured(shop, [*GOOD[:40], 1.2, *GOOD[40:]])
    update(shop)
    before = kept(shop, "quality_evidence")
    for _ in range(3):
        update(shop, runs[40])
    assert kept(shop, "quality_evidence") == before


def test_a_date_that_is_measured_again_or_late_changes_what_was_said_of_later_ones(shop: Shop) -> None:
    runs = measured(shop, GOOD[:50])
    update(shop)
    before = kept(shop, "quality_evidence")
    remeasure(shop, runs[35], 1.3)
    update(shop, runs[35])
    after = kept(shop, "quality_evidence")
    assert [before[run] == after[run] for run in runs[FIRST_DAYS:35]] == [True] * (35 - FIRST_DAYS)
    assert after[runs[35]] > before[runs[35]]
    assert after[runs[36]] > before[runs[36]]


def test_dates_that_the_model_has_seen_and_those_of_few_outcomes_stay_out(shop: Shop) -> None:
    measured(shop, GOOD)
    seen = measured(shop, BAD, first=61, in_sample=1.0)
    few = measured(shop, BAD, first=81, outcomes=LEAST_OUTCOMES - 1.0)
    assert update(shop, seen[0]).metrics == {}
    assert alarms(shop, [*seen, *few]) == [None] * 40
    assert incidents(shop) == []


def test_another_version_begins_anew_and_ends_what_the_one_before_began(shop: Shop) -> None:
    measured(shop, [*GOOD, *BAD])
    update(shop)
    assert len(incidents(shop)) == 1
    measured(shop, GOOD[:1], first=81, version=2)
    update(shop, version=2)
    [(_, ended_on, version)] = incidents(shop)
    assert (ended_on, version) == (day(81), 1)
    # A date of the older version that is measured again is no news of the present.
    update(shop)
    assert len(incidents(shop)) == 1


def test_what_training_lost_is_compared_with_from_the_first_day(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quality_alarm, "_trained", lambda _: (Ordinary.of(GOOD), None))
    runs = measured(shop, BAD)
    quality = update(shop, runs[-1])
    assert alarms(shop, runs)[-1] == 1
    assert kept(shop, "quality_reference") == {}
    assert "training's days 90%" in quality.sentence


def test_scores_that_are_all_too_high_are_found_on_days_that_lost_no_more_than_trainings(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quality_alarm, "_trained", lambda _: (Ordinary.of(GOOD), LOW))
    before = measured(shop, GOOD[:20], low=80, base_rate=0.2)
    update(shop)
    assert alarms(shop, before) == [0.0] * 20
    # A day whose profile had its time says nothing of its scores.
    pruned = measured(shop, GOOD[20:40], first=21, base_rate=0.2)
    update(shop)
    assert alarms(shop, pruned) == [0.0] * 20
    runs = measured(shop, GOOD[40:], first=41, low=3, score=0.3, base_rate=0.2)
    quality = update(shop, runs[-1])
    assert alarms(shop, runs)[-1] == 1
    assert len(incidents(shop)) == 1
    assert "0.4% were as low as the lowest tenth of training's, in training 9.9%." in quality.sentence


def test_scores_that_are_rightly_higher_are_no_alarm(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quality_alarm, "_trained", lambda _: (Ordinary.of(GOOD), LOW))
    runs = measured(shop, GOOD, low=3, score=0.3, base_rate=0.27)
    update(shop)
    assert alarms(shop, runs) == [0.0] * len(GOOD)


def test_they_are_found_too_where_the_first_days_say_what_loss_is_ordinary(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quality_alarm, "_trained", lambda _: (None, LOW))
    first = measured(shop, GOOD[:FIRST_DAYS], low=3, score=0.3, base_rate=0.2)
    update(shop)
    assert alarms(shop, first) == [None] * FIRST_DAYS
    runs = measured(shop, GOOD[FIRST_DAYS:], first=FIRST_DAYS + 1, low=3, score=0.3, base_rate=0.2)
    update(shop)
    assert alarms(shop, runs)[-1] == 1


def test_an_analyst_sees_it_beside_the_other_figures(shop: Shop) -> None:
    measured(shop, [*GOOD, *BAD])
    update(shop)
    query = "SELECT quality_evidence, quality_alarm FROM scoring.model_quality WHERE job = :job ORDER BY score_date"
    rows = shop.home.sql(query, "analyst", job=shop.job)
    assert rows[FIRST_DAYS - 2]["quality_alarm"] is None
    assert rows[-1]["quality_alarm"] is True
    assert rows[-1]["quality_evidence"] >= 1


def test_only_the_function_enters_it_and_only_of_the_jobs_published_runs(shop: Shop) -> None:
    call = "SELECT scoring.enter_quality(:job, ARRAY[:run], ARRAY[:metric], ARRAY[1.0])"
    [run] = measured(shop, GOOD[:1])
    values = {"run": run, "metric": "quality_alarm"}
    shop.home.sql(call, "predictions", job="another", **values)
    assert kept(shop, "quality_alarm") == {}
    with pytest.raises(sa.exc.DBAPIError, match="is quality_evidence, quality_alarm and quality_reference"):
        shop.home.sql(call, "predictions", **{"job": shop.job, **values, "metric": "roc_auc"})
    with pytest.raises(sa.exc.ProgrammingError, match="permission denied for function enter_quality"):
        shop.home.sql(call, "analyst", job=shop.job, **values)
    for role in ("predictions", "analyst"):
        with pytest.raises(sa.exc.ProgrammingError, match="permission denied for table quality_incidents"):
            shop.home.sql("DELETE FROM scoring.quality_incidents", role)


def test_a_model_without_its_outcome_says_so(shop: Shop) -> None:
    manifest = pinned(shop).manifest.model_copy(update={"outcome": None})
    version = PinnedVersion(manifest, "", pinned(shop).folder)
    quality = quality_alarm.update(shop.home.workspace.predictions, shop.job, version, 0, 0.05)
    assert "registered without --outcome" in quality.sentence
    assert quality.metrics == {}
