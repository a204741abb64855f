"""A night is unusual when it lies beyond what the training's own nights do."""

import math
import re
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipeline.errors import UsageError
from pipeline.model.artifact import ModelError
from pipeline.model.manifest import PinnedVersion
from pipeline.monitoring import references
from pipeline.monitoring.calibration import VOLUME, Distance
from pipeline.monitoring.day_over_day import Last
from pipeline.monitoring.drift import judge, psi
from pipeline.monitoring.profile import SCORE, Bins, Profile
from pipeline.monitoring.references import Reference
from pipeline.registration.register import Registration, register
from pipeline.reports.report import report
from pipeline.runs.publications import Held
from tests.home import NIGHT, Home, shop_model, shop_rows
from tests.pipeline.shop import open_shop

START = date(2024, 1, 1)
NIGHTS = 120


def night(random: np.random.Generator, number: int) -> pd.DataFrame:
    """Rows that share a night of their own: a level that every row has, and fewer rows on Sundays."""
    day = START + timedelta(days=number)
    rows = shop_rows(150 if day.weekday() == 6 else 300)
    level = random.normal(0, 15)
    return rows.assign(
        amount=random.normal(100 + level, 20, len(rows)),
        channel=random.choice(["web", "shop", "phone"], len(rows), p=random.dirichlet([30, 20, 10])),
        night=day,
        unseen=random.beta(2, 5, len(rows)),
    )


@pytest.fixture(scope="module")
def nights() -> pd.DataFrame:
    """Training nights."""
    random = np.random.default_rng(7)
    return pd.concat([night(random, number) for number in range(NIGHTS)], ignore_index=True)


@pytest.fixture(scope="module")
def pinned(nights: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> PinnedVersion:
    """A model registered with its nights."""
    folder = tmp_path_factory.mktemp("registered")
    return registered(folder, nights)


@pytest.fixture(scope="module")
def reference(pinned: PinnedVersion) -> Reference:
    """What is kept of the nights."""
    return references.load(pinned)


def registered(folder: Path, nights: pd.DataFrame) -> PinnedVersion:
    """The shop's model in a folder, registered with nights."""
    estimator, rows = shop_model()
    joblib.dump(estimator, folder / "shop.joblib")
    rows.to_parquet(folder / "shop.parquet")
    nights.to_parquet(folder / "nights.parquet")
    registration = Registration(
        "shop",
        folder / "shop.joblib",
        folder / "shop.parquet",
        alias="champion",
        outcome="bought",
        nights=folder / "nights.parquet",
        night_column="night",
        score_column="unseen",
    )
    return register(folder, registration)


def profiled(reference: Reference, rows: pd.DataFrame) -> Profile:
    """What is kept of a night."""
    columns = {name: pa.array(rows[name or "unseen"], from_pandas=True) for name in reference.bins}
    return Profile.of(reference.bins, columns)


def look(
    reference: Reference, rows: pd.DataFrame, day: date, rate: float = 0.05, last: Last | None = None
) -> dict[str, Distance]:
    """A night's distances, by what they are of; of each the most unusual."""
    found = judge(reference, profiled(reference, rows), day, rate, last)
    assert [one.unusualness for one in found] == sorted((one.unusualness for one in found), reverse=True)
    return {one.what: one for one in reversed(found)}


def test_what_is_kept_is_what_was_counted(
    pinned: PinnedVersion, reference: Reference, nights: pd.DataFrame
) -> None:
    assert reference.nights == tuple(sorted(nights["night"].unique()))
    assert reference.rows.tolist() == nights.groupby("night").size().tolist()
    assert set(reference.counts) == {column.name for column in pinned.manifest.columns} | {SCORE}
    again = Reference.read(reference.content())
    assert again.content() == reference.content()


def test_an_altered_profile_is_refused(nights: pd.DataFrame, tmp_path: Path) -> None:
    pinned = registered(tmp_path, nights.head(2000))
    (pinned.folder / "profile.json").write_text("{}")
    with pytest.raises(ModelError, match="profile.json is not what was registered.*Restore it from git"):
        references.load(pinned)


def test_false_alarms_of_new_nights_stay_near_the_rate(reference: Reference) -> None:
    random = np.random.default_rng(8)
    flagged = 0
    for number in range(NIGHTS, NIGHTS + 100):
        rows = night(random, number)
        found = look(reference, rows, START + timedelta(days=number))
        flagged += any(one.unusual for one in found.values())
    assert flagged <= 100 * 0.05 * 2


def test_false_alarms_stay_near_the_rate_where_changes_are_looked_at_too(reference: Reference) -> None:
    random = np.random.default_rng(8)
    flagged, last = 0, None
    for number in range(NIGHTS, NIGHTS + 100):
        rows, day = night(random, number), START + timedelta(days=number)
        found = look(reference, rows, day, last=last)
        flagged += any(one.unusual for one in found.values())
        last = Last(day, profiled(reference, rows).counts)
    assert flagged <= 100 * 0.05 * 2


def season(number: int) -> pd.DataFrame:
    """Rows of a night of a season, in which the amount rises from 40 to 160 and falls again."""
    rows = night(np.random.default_rng(number), number)
    level = 100 - 60 * math.cos(2 * math.pi * number / NIGHTS)
    return rows.assign(amount=np.random.default_rng(number).normal(level, 10, len(rows)))


@pytest.fixture(scope="module")
def seasonal(pinned: PinnedVersion) -> Reference:
    """What is kept of the nights of a season."""
    rows = pd.concat([season(number) for number in range(NIGHTS)], ignore_index=True)
    return references.build(rows, pinned.manifest, "night", "unseen")


def test_what_is_usual_in_another_season_is_unusual_from_one_night_to_the_next(seasonal: Reference) -> None:
    day = START + timedelta(days=NIGHTS + 60)
    last = Last(day - timedelta(days=1), profiled(seasonal, season(NIGHTS + 59)).counts)
    winter = season(NIGHTS).assign(night=day)
    assert not look(seasonal, winter, day)["amount"].unusual
    assert not look(seasonal, season(NIGHTS + 60), day, last=last)["amount"].unusual
    found = look(seasonal, winter, day, last=last)["amount"]
    assert found.unusual
    said = r"changed by \d\.\d\d bins since 2024-06-28, no of 119 training nights changed as much"
    assert re.fullmatch(said, str(found))


def test_without_a_night_to_compare_with_the_whole_rate_is_for_the_distances(reference: Reference) -> None:
    day = START + timedelta(days=NIGHTS)
    rows = night(np.random.default_rng(12), NIGHTS)
    counts = profiled(reference, rows).counts
    alone = judge(reference, profiled(reference, rows), day, 0.05)
    other_bins = Last(day - timedelta(days=1), {"amount": counts["amount"]})
    too_long_ago = Last(day - timedelta(days=NIGHTS - 10), counts)
    for last in (other_bins, too_long_ago):
        assert judge(reference, profiled(reference, rows), day, 0.05, last) == alone
    found = judge(reference, profiled(reference, rows), day, 0.05, Last(day - timedelta(days=1), counts))
    assert len(found) == len(alone) + len(reference.counts)


def test_a_smaller_rate_calls_less_unusual(reference: Reference) -> None:
    rows, day = night(np.random.default_rng(9), 200), START + timedelta(days=200)
    strict, loose = look(reference, rows, day, 0.01), look(reference, rows, day, 0.3)
    for what, one in loose.items():
        assert abs(strict[what].unusualness) <= abs(one.unusualness)


@pytest.mark.parametrize(
    ("fault", "what"),
    [
        (lambda rows: rows.assign(amount=0.0), "amount"),
        (lambda rows: rows.assign(amount=rows["amount"].where(rows.index % 5 > 0)), "amount"),
        (lambda rows: rows.assign(amount=np.nan), "amount"),
        (lambda rows: rows.assign(channel=rows["channel"].replace("phone", "fax")), "channel"),
        (lambda rows: rows[rows["channel"] != "web"], "channel"),
        (lambda rows: rows.head(len(rows) // 3), VOLUME),
        (lambda rows: pd.concat([rows] * 3), VOLUME),
        (lambda rows: rows.assign(unseen=rows["unseen"] * 0.3), SCORE),
    ],
)
def test_a_fault_is_found_where_it_is(reference: Reference, fault: Any, what: str) -> None:
    day = START + timedelta(days=NIGHTS + 1)
    found = look(reference, fault(night(np.random.default_rng(10), NIGHTS + 1)), day)
    assert found[what].unusual
    assert found[what].as_far == 0
    assert found[what].of == NIGHTS


def test_few_rows_are_usual_on_the_day_that_has_few(reference: Reference) -> None:
    rows = night(np.random.default_rng(11), 6)
    assert not look(reference, rows, date(2024, 9, 1))[VOLUME].unusual  # a Sunday
    assert look(reference, rows, date(2024, 9, 3))[VOLUME].unusual


def test_a_night_without_rows_is_compared_with_nothing(reference: Reference) -> None:
    assert judge(reference, Profile.of(reference.bins), START, 0.05) == ()


def test_without_nights_rows_are_compared_and_the_message_says_that_it_is_weaker(
    pinned: PinnedVersion,
) -> None:
    plain = references.build(shop_rows(400), pinned.manifest)
    assert plain.nights == ()
    same, other = shop_rows(300, 5).assign(unseen=0.5), shop_rows(300, 5).assign(unseen=0.5, visits=19)
    assert not any(one.unusual for one in look(plain, same, START, 0.01).values())
    assert look(plain, other, START)["visits"].unusual


def test_a_model_without_nights_is_told_of_once_a_night(home: Home) -> None:
    shop = open_shop(home, shop_rows(60).assign(amount=2.0, visits=19, channel="web"))
    shop.configure("min_rows = 1", 'min_rows = 1\nconstant_score = "warn"')
    done = home.score(shop.job)
    query = "SELECT message FROM scoring.findings WHERE run_id = :run_id AND check_name = 'drift'"
    (said,) = (row["message"] for row in home.sql(query, run_id=done.run_id))
    assert said.count("random samples were as far") == 3
    assert said.count("registered without nights") == 1
    assert said.endswith("Register it with --night-column")


COLUMNS = {
    "present": Bins("present", "presence"),
    "number": Bins("number", "edges", edges=(0.0, 1.0)),
    SCORE: Bins(SCORE, "edges", edges=(0.5,)),
}
CONSTANT = {name: [1000] + [0] * (len(bins.labels) - 1) for name, bins in COLUMNS.items()}
counts = st.fixed_dictionaries(
    {
        name: st.lists(st.sampled_from([0, 1, 3, 10**9]), min_size=len(zeros), max_size=len(zeros))
        for name, zeros in CONSTANT.items()
    }
)


@given(
    always=counts,
    tonight=counts,
    nights=st.sampled_from([0, 40]),
    columns=st.sampled_from([("present",), (*COLUMNS,)]),
)
@example(always=CONSTANT, tonight=CONSTANT, nights=0, columns=("present",))
@example(always=CONSTANT, tonight=CONSTANT, nights=40, columns=("present",))
@settings(max_examples=50, deadline=None)
def test_whatever_was_trained_on_every_distance_is_a_number(
    always: dict[str, list[int]], tonight: dict[str, list[int]], nights: int, columns: tuple[str, ...]
) -> None:
    days = tuple(START + timedelta(days=number) for number in range(nights))
    bins = {name: COLUMNS[name] for name in columns}
    trained = Reference(bins, days, {name: np.array([always[name]] * max(nights, 1)) for name in columns})
    now = Profile(bins, {name: np.array(tonight[name]) for name in columns}, dict.fromkeys(columns, 0.0))
    with np.errstate(all="raise", under="ignore"):
        last = Last(START - timedelta(days=1), {name: np.array(always[name]) for name in columns})
        found = judge(trained, now, START, 0.05, last)
    assert all(math.isfinite(one.unusualness) for one in found)


def test_a_feature_that_never_varies_is_unusual_once_it_does(pinned: PinnedVersion) -> None:
    rows = shop_rows(400).assign(amount=50.0, channel="web", member=True)
    plain = references.build(rows, pinned.manifest)
    same = look(plain, rows.head(40).assign(unseen=0.5), START)
    assert not any(one.unusual for one in same.values())
    other = look(plain, rows.head(40).assign(unseen=0.5, member=[True] * 30 + [False] * 10), START)
    assert [what for what, one in other.items() if one.unusual] == ["member"]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"night_column": "day"}, "no night column 'day' in the nights"),
        ({"score_column": "probability"}, "no score column 'probability'"),
        ({"night_column": "amount_text"}, "row 0 has no day"),
        ({"score_column": "amount_text"}, "row 0 has no finite score"),
    ],
)
def test_nights_that_cannot_be_used_are_refused(
    pinned: PinnedVersion, nights: pd.DataFrame, columns: dict[str, str], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        references.build(nights.head(500).assign(amount_text="x"), pinned.manifest, **columns)


def test_an_unusual_night_is_published_with_a_warning_or_held(home: Home, nights: pd.DataFrame) -> None:
    registered(home.path, nights)
    shop = open_shop(home, shop_rows(300).assign(amount=2.0))
    done = home.score(shop.job)
    query = "SELECT check_name, action, message FROM scoring.findings WHERE run_id = :run_id"
    found = {row["check_name"]: row for row in home.sql(query, run_id=done.run_id)}
    assert found["drift"]["action"] == "warn"
    expected = "unusual features: amount: PSI .* to the training nights, no of 120 were as far"
    assert re.match(expected, found["drift"]["message"])
    shop.configure("min_rows = 1", 'min_rows = 1\ndrift = "hold"')
    with pytest.raises(Held, match="unusual features: amount"):
        home.score(shop.job)


def test_a_change_since_the_last_night_is_kept_and_told(home: Home) -> None:
    registered(home.path, pd.concat([season(number) for number in range(NIGHTS)], ignore_index=True))
    shop = open_shop(home, season(60))
    home.score(shop.job)
    shop.change("amount = amount - 120")
    done = home.score(shop.job, NIGHT + timedelta(days=1))
    query = "SELECT message FROM scoring.findings WHERE run_id = :run_id AND check_name = 'drift'"
    (found,) = home.sql(query, run_id=done.run_id)
    said = r"amount: changed by (\d\.\d\d) bins since 2024-03-01, no of 119 training nights changed as much"
    (bins,) = re.findall(said, found["message"])
    assert f"changed by {bins} bins since the last night, 0 training nights as much" in " ".join(
        report(home.server.connections["analyst"], home.path, done.run_id).split()
    )
    query = """SELECT feature, unusual FROM scoring.drift_history
        WHERE run_id = :run_id AND round(change_last_night::numeric, 2) = :bins"""
    kept = home.sql(query, "analyst", run_id=done.run_id, bins=float(bins))
    assert kept == [{"feature": "amount", "unusual": True}]


def test_the_last_nights_rows_again_are_told(home: Home) -> None:
    shop = open_shop(home)
    home.score(shop.job)
    again = home.score(shop.job, NIGHT + timedelta(days=1))
    query = "SELECT message FROM scoring.findings WHERE run_id = :run_id AND check_name = 'drift'"
    said = [row["message"] for row in home.sql(query, run_id=again.run_id)]
    assert any("all 100 rows look exactly like those of 2024-03-01" in message for message in said)
    query = "SELECT value FROM scoring.run_metrics WHERE run_id = :run_id AND metric = 'score_psi_last_night'"
    assert home.sql(query, run_id=again.run_id) == [{"value": 0.0}]


def test_the_profile_in_the_database_adds_up_to_the_rows(home: Home) -> None:
    shop = open_shop(home)
    done = home.score(shop.job)
    query = "SELECT column_name, sum(count) AS rows FROM scoring.profiles WHERE run_id = :run_id GROUP BY 1"
    found = {row["column_name"]: int(row["rows"]) for row in home.sql(query, "analyst", run_id=done.run_id)}
    assert found == dict.fromkeys(["amount", "visits", "channel", "member", SCORE], 100)


def test_psi_is_none_between_equals_and_grows() -> None:
    one = np.array([50, 30, 20])
    assert psi(one, one) == 0
    assert 0 < psi(one, np.array([45, 35, 20])) < psi(one, np.array([20, 30, 50]))
