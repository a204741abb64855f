"""pipeline/punctuality/watch.py: whatever keeps a score date from being published, somebody knows, once."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from pipeline.errors import NothingToDo, ScoringError
from pipeline.punctuality.watch import look, send
from tests.home import NIGHT, Home
from tests.pipeline.punctuality.promising import Promising
from tests.pipeline.shop import Shop, open_shop
from tests.sinks import Web, web

__all__ = ["web"]

DAY = date(2024, 3, 12)
EVE = datetime(2024, 3, 11, 12, tzinfo=UTC)
EARLY, SEVEN = datetime(2024, 3, 12, 6, tzinfo=UTC), datetime(2024, 3, 12, 7, 0, 1, tzinfo=UTC)


@pytest.fixture
def job(home: Home, web: Web) -> Promising:
    """A job that is watched since the day before."""
    promised = Promising(home, web)
    promised.look(EVE)
    return promised


def fall_back(job: Promising) -> None:
    """The run fails, and the job file's fallback stands in for it."""
    job.run(DAY, "failed")
    job.run(DAY, "published", served_by="champion_previous")


# Where nothing happens, the scheduler is dead or the DAG is paused: the database has nothing of it.
CAUSES: list[tuple[str, str, Callable[[Promising], None]]] = [
    ("missing", "missing: no run has begun", lambda job: None),
    ("late", "late: its run is not over", lambda job: job.run(DAY, "running")),
    (
        "failed",
        "not published in time: its run failed",
        lambda job: job.run(DAY, "failed", reason="no such table"),
    ),
    ("held", "not published in time: its run is held", lambda job: job.run(DAY, "held")),
    ("fallback", "not published in time: a fallback is served", fall_back),
    (
        "rejected",
        "not published in time: its run was rejected",
        lambda job: job.run(
            DAY, "abandoned", decided_by="ada", reason="rejected by ada: the source gave no rows"
        ),
    ),
]


@pytest.mark.parametrize(("status", "title", "happen"), CAUSES, ids=[status for status, *_ in CAUSES])
def test_each_cause_has_one_message_and_one_all_clear(
    job: Promising, status: str, title: str, happen: Callable[[Promising], None]
) -> None:
    happen(job)
    assert job.look(EARLY).late == ()
    assert job.titles() == []
    for minutes in range(3):
        [late] = job.look(SEVEN + timedelta(minutes=minutes)).late
        assert (late.job, late.score_date, late.status) == (job.name, DAY, status)
    assert job.titles() == [f"{DAY}: {title}"]
    assert job.status(DAY) == status
    job.change(DAY, "published", "superseded")
    job.run(DAY, "published", at=SEVEN + timedelta(hours=1))
    for hours in range(2, 5):
        assert job.look(SEVEN + timedelta(hours=hours)).late == ()
    assert job.titles() == [f"{DAY}: {title}", f"{DAY}: published: all clear"]
    assert job.status(DAY) == "published_late"
    assert len(job.web.got) == 2


def test_a_thousand_good_days_send_nothing(home: Home, web: Web) -> None:
    job, first = Promising(home, web), date(2022, 1, 1)
    at = datetime(2021, 12, 31, 7, 0, 1, tzinfo=UTC)
    job.look_only(at)
    job.runs([first + timedelta(days=number) for number in range(1000)], "published")
    for _ in range(40):
        at += timedelta(days=25)
        assert job.look_only(at).late == ()
    assert job.titles() == []
    query = "SELECT status, count(*) FROM scoring.punctuality WHERE job = :job GROUP BY status"
    assert job.home.sql(query, job=job.name) == [{"status": "published", "count": 1000}]


@pytest.mark.parametrize(
    ("zone", "day"),
    [
        ("America/New_York", date(2024, 3, 10)),
        ("America/New_York", date(2024, 11, 3)),
        ("Europe/Berlin", date(2024, 3, 31)),
        ("Europe/Berlin", date(2024, 10, 27)),
        ("Australia/Lord_Howe", date(2024, 4, 7)),
        ("UTC", date(2024, 12, 31)),
        ("Asia/Kolkata", date(2024, 2, 29)),
    ],
)
def test_days_of_every_length_are_promised_by_seven(home: Home, web: Web, zone: str, day: date) -> None:
    job = Promising(home, web, schedule="30 2 * * *", zone=zone)
    seven = datetime(day.year, day.month, day.day, 7, tzinfo=ZoneInfo(zone)).astimezone(UTC)
    job.look(seven - timedelta(hours=20))
    assert job.look(seven).late == ()
    [late] = job.look(seven + timedelta(seconds=1)).late
    assert late.score_date == day
    job.run(day, "published", at=seven)
    job.look(seven + timedelta(hours=2))
    assert job.titles() == [f"{day}: missing: no run has begun", f"{day}: published: all clear"]


def test_an_outage_of_days_is_one_message_then_what_it_skipped_and_one_all_clear(job: Promising) -> None:
    for days in range(3):
        job.look(SEVEN + timedelta(days=days))
    assert job.titles() == [f"{DAY}: missing: no run has begun"]
    # The scheduler is back, and makes up for the last one alone.
    last = DAY + timedelta(days=2)
    job.run(last, "published", at=SEVEN + timedelta(days=2, hours=1))
    late = job.look(SEVEN + timedelta(days=2, hours=2)).late
    assert [(one.score_date, one.status) for one in late] == [
        (DAY, "skipped"), (DAY + timedelta(days=1), "skipped")
    ]  # fmt: skip
    assert job.titles()[1:] == [f"{DAY}: skipped by an outage"]
    command = f"scoring score {job.name} {DAY} {DAY + timedelta(days=1)}"
    assert command in job.web.got[-1]["message"]
    assert f"--from-date {DAY} --to-date {DAY + timedelta(days=1)}" in job.web.got[-1]["message"]
    job.runs([DAY, DAY + timedelta(days=1)], "published", at=SEVEN + timedelta(days=2, hours=3))
    for minutes in range(2):
        job.look(SEVEN + timedelta(days=2, hours=4, minutes=minutes))
    assert job.titles()[2:] == [f"{DAY}: published: all clear"]


def test_a_fault_of_another_day_is_told_though_the_first_was_never_put_right(job: Promising) -> None:
    job.run(DAY, "failed")
    job.look(SEVEN)
    job.run(DAY + timedelta(days=1), "published")
    job.look(SEVEN + timedelta(days=1))
    second = DAY + timedelta(days=2)
    job.run(second, "failed")
    job.look(SEVEN + timedelta(days=2))
    assert job.titles() == [f"{day}: not published in time: its run failed" for day in (DAY, second)]


def test_another_cause_of_the_same_date_is_told_and_a_run_that_begins_is_not(job: Promising) -> None:
    job.look(SEVEN)
    job.run(DAY, "running", at=SEVEN)
    job.look(SEVEN + timedelta(minutes=1))
    job.change(DAY, "running", "failed")
    job.look(SEVEN + timedelta(minutes=2))
    titles = ["missing: no run has begun", "not published in time: its run failed"]
    assert job.titles() == [f"{DAY}: {title}" for title in titles]


def test_a_broken_job_file_is_one_message_and_one_all_clear(job: Promising) -> None:
    job.file.write_text(job.file.read_text().replace("owner", "ownr"))
    broken_at = datetime(2024, 3, 11, 18, tzinfo=UTC)
    for hours in (0, 1, 14):
        [late] = job.look(broken_at + timedelta(hours=hours)).late
        assert (late.job, late.status) == (job.name, "broken")
    [title] = job.titles()
    assert title.endswith(f"{job.name}.toml cannot be used")
    job.mend()
    [late] = job.look(SEVEN + timedelta(hours=1)).late
    assert late.score_date == DAY
    job.run(DAY, "published", at=SEVEN + timedelta(hours=1))
    job.look(SEVEN + timedelta(hours=2))
    assert job.titles()[1:] == [f"{DAY}: published: all clear"]


def test_a_job_file_that_is_mended_before_anything_is_due_is_all_clear_at_once(job: Promising) -> None:
    job.file.write_text("owner = ")
    job.look_only(EVE + timedelta(hours=1))
    job.mend()
    assert job.look(EVE + timedelta(hours=2)).late == ()
    assert job.titles() == [
        f"{job.name}: the job file can be used again: all clear".removeprefix(f"{job.name} ")
    ]


def test_two_watches_at_once_send_one_message(job: Promising) -> None:
    folder, watcher = job.home.path / "dags", job.home.server.connections["predictions_watcher"]

    def one(_: int) -> None:
        send(look(folder, lambda _: watcher, SEVEN).outboxes, lambda _: (job.web.url,))

    with ThreadPoolExecutor(6) as threads:
        list(threads.map(one, range(12)))
    assert job.titles() == [f"{DAY}: missing: no run has begun"]
    assert len(job.web.got) == 1


@pytest.fixture
def real(home: Home, web: Web) -> tuple[Shop, Promising]:
    """A job of the shop that is promised by seven in New York, watched since the eve of `NIGHT`."""
    shop, job = open_shop(home, gate='min_rows = 1\non_empty = "skip"'), Promising(home, web)
    job.file.unlink()
    job.name = shop.job
    job.file.write_text(
        f'{job.file.read_text()}\n[alerts]\nto = "{job.to}"\n[promise]\npublished_by = "07:00"\n'
    )
    job.look(datetime(2024, 2, 29, 20, tzinfo=UTC))
    return shop, job


NOON = datetime(2024, 3, 1, 17, tzinfo=UTC)


def test_a_warehouse_that_is_gone_is_a_failed_run_that_says_why(real: tuple[Shop, Promising]) -> None:
    shop, job = real
    shop.home.sql(f"ALTER TABLE {shop.table} RENAME TO {shop.table}_gone", "warehouse_owner")
    with pytest.raises(ScoringError):
        shop.home.score(shop.job)
    for _ in range(2):
        [late] = job.look(NOON).late
    assert (late.score_date, late.status) == (NIGHT, "failed")
    assert shop.table in str(late.reason)
    assert f"scoring score {shop.job} {NIGHT}" in job.web.got[0]["message"]
    shop.home.sql(f"ALTER TABLE {shop.table}_gone RENAME TO {shop.table}", "warehouse_owner")
    shop.home.score(shop.job)
    for _ in range(2):
        assert job.look(NOON).late == ()
    titles = ["not published in time: its run failed", "published: all clear"]
    assert job.titles() == [f"{NIGHT}: {title}" for title in titles]


def test_a_date_without_rows_that_the_job_skips_is_done(real: tuple[Shop, Promising]) -> None:
    shop, job = real
    shop.query("SELECT * FROM {table} WHERE false")
    with pytest.raises(NothingToDo):
        shop.home.score(shop.job)
    assert job.look(NOON).late == ()
    assert job.status(NIGHT) == "empty"
    assert job.titles() == []


def test_a_database_that_is_gone_is_said_and_the_look_is_not_complete(
    job: Promising, caplog: pytest.LogCaptureFixture
) -> None:
    seen = look(job.home.path / "dags", lambda _: "postgresql://watcher@127.0.0.1:1/gone", SEVEN)
    assert not seen.complete
    assert "127.0.0.1" in caplog.text


def test_whatever_is_wrong_with_one_job_the_others_are_looked_at(
    home: Home, web: Web, job: Promising, caplog: pytest.LogCaptureFixture
) -> None:
    other = Promising(home, web)
    other.file.write_text(f'{other.file.read_text()}\n[write]\nconnection = "{other.name}"\n')

    def database(conn_id: str) -> str:
        if conn_id == other.name:
            raise KeyError
        return home.server.connections["predictions_watcher"]

    seen = look(home.path / "dags", database, SEVEN)
    other.file.unlink()
    assert job.name in {late.job for late in seen.late}
    assert not seen.complete
    assert f"{other.name}: it could not be looked at" in caplog.text


@pytest.mark.parametrize("name", ["dags", "nowhere"])
def test_a_folder_without_job_files_is_no_kept_promise(
    job: Promising, tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    (tmp_path / "dags").mkdir()
    assert not look(
        tmp_path / name, lambda _: job.home.server.connections["predictions_watcher"], SEVEN
    ).complete
    assert "no job file is there" in caplog.text


def test_a_clock_that_went_ahead_hides_nothing(job: Promising) -> None:
    job.look_only(SEVEN + timedelta(days=200))
    job.look_only(SEVEN + timedelta(days=1))
    assert job.status(DAY) == "missing"


def test_a_file_whose_name_is_no_text_is_broken_and_the_others_are_looked_at(job: Promising) -> None:
    with open(os.fsencode(job.home.path / "dags") + b"/bad\xff.toml", "w"):
        pass
    seen = job.look_only(SEVEN)
    assert {("bad?", "broken"), (job.name, "missing")} <= {(late.job, late.status) for late in seen.late}


def test_a_job_file_that_breaks_again_the_same_way_is_told_again(job: Promising) -> None:
    for hours in (1, 3):
        job.file.write_text(job.file.read_text().replace("owner", "ownr"))
        job.look_only(EVE + timedelta(hours=hours))
        job.look_only(EVE + timedelta(hours=hours, minutes=1))
        job.mend()
        job.look_only(EVE + timedelta(hours=hours + 1))
    assert [title.rpartition(": ")[2] for title in job.titles()] == [
        f"{job.name}.toml cannot be used",
        "all clear",
    ] * 2


def test_a_date_that_was_all_clear_and_fails_again_is_told_again(job: Promising) -> None:
    job.run(DAY, "failed")
    job.look_only(SEVEN)
    job.run(DAY, "abandoned", reason="the query gave no rows")
    job.look_only(SEVEN + timedelta(hours=1))
    job.run(DAY, "failed", at=SEVEN + timedelta(hours=2))
    job.look_only(SEVEN + timedelta(hours=2))
    failed = f"{DAY}: not published in time: its run failed"
    assert job.titles() == [failed, f"{DAY}: published: all clear", failed]
