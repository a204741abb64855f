"""What the database itself holds: rows and ledger lines for open runs only, and runs that move forward only."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import sqlalchemy as sa

from pipeline.databases import postgres
from pipeline.embedded.server import Embedded
from tests.home import NIGHT, Home
from tests.pipeline.shop import Shop, open_shop

# What the pipeline's role writes of a run.
ROW = "INSERT INTO scoring.prediction_rows VALUES (:day, :run, 0, 'stray', 0.5)"
REJECTED = "INSERT INTO scoring.rejected_rows VALUES (:run, 0, 0, 'stray', 'visits', 'null')"
LINE = """
INSERT INTO scoring.run_parts (run_id, part, rows_extracted, rows_rejected, input_sha256) VALUES (:run, 9, 1, 0, '')
"""
WRITTEN = "UPDATE scoring.run_parts SET rows_scored = NULL WHERE run_id = :run"
STATUS = "UPDATE scoring.scoring_runs SET status = :status WHERE run_id = :run"
OPEN = "SELECT scoring.write_as(:run)"


@pytest.fixture(scope="module")
def night(server: Embedded, tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """A published night."""
    shop = open_shop(Home(tmp_path_factory.mktemp("home"), server))
    shop.home.score(shop.job)
    return shop


def begin(night: Shop, status: str = "running") -> int:
    """A run like the published one, of a job of its own, with a line in its ledger; returns its id."""
    like = dict(night.home.last_run(night.job))
    counted = status in ("published", "superseded")
    like |= {"job": night.home.name(), "status": status, "library_versions": "{}", "findings": "[]"}
    like |= {} if counted else {"published_at": None}
    del like["run_id"]
    insert = f"""
        INSERT INTO scoring.scoring_runs ({", ".join(like)}) VALUES ({", ".join(f":{name}" for name in like)})
        RETURNING run_id
    """
    run = int(night.home.sql(insert, **like)[0]["run_id"])
    night.home.sql(LINE.replace("9", "0"), run=run)
    return run


@contextmanager
def pipeline(night: Shop) -> Iterator[Any]:
    """One session of the pipeline's role, to which statements are given; each is a transaction of its own."""
    engine = postgres.engine(night.home.server.connections["predictions"])
    engine.dispose()  # a session that was kept remembers which run it has opened
    with engine.connect() as session:
        session.detach()

        def execute(statement: str, run: int, **more: Any) -> None:
            values = {"day": NIGHT, "job": night.job, "run": run, **more}
            bound = {name: value for name, value in values.items() if f":{name}" in statement}
            session.execute(sa.text(statement), bound)
            session.commit()

        yield execute


@pytest.mark.parametrize("statement", [ROW, REJECTED])
def test_a_session_inserts_rows_of_the_run_that_it_opened(night: Shop, statement: str) -> None:
    run = begin(night)
    with (
        pipeline(night) as execute,
        pytest.raises(
            sa.exc.ProgrammingError, match=r"no run is open for \w+: SELECT scoring.write_as\(run_id\) first"
        ),
    ):
        execute(statement, run)
    with pipeline(night) as execute:
        execute(OPEN, run)
        execute(statement, run)


@pytest.mark.parametrize("statement", [ROW, REJECTED])
@pytest.mark.parametrize("status", ["running", "published"])
def test_a_session_inserts_rows_of_no_other_run(night: Shop, statement: str, status: str) -> None:
    run, other = begin(night), begin(night, status)
    refusal = f"a row of run {other}, and this session writes run {run}"
    with pipeline(night) as execute:
        execute(OPEN, run)
        with pytest.raises(sa.exc.ProgrammingError, match=refusal):
            execute(statement, other)


def test_one_stray_row_among_many_is_found(night: Shop) -> None:
    run, other = begin(night), begin(night, "published")
    run_of_row = "CASE WHEN n = 900 THEN :other ELSE :run END"
    many = f"SELECT :day, {run_of_row}, 0, n, 0.5 FROM generate_series(1, 1000) AS n"
    with pipeline(night) as execute:
        execute(OPEN, run)
        with pytest.raises(sa.exc.ProgrammingError, match=f"a row of run {other}"):
            execute(f"INSERT INTO scoring.prediction_rows {many}", run, other=other)


@pytest.mark.parametrize("status", ["published", "superseded", "held", "abandoned"])
@pytest.mark.parametrize("statement", [ROW, REJECTED])
def test_a_closed_run_cannot_be_opened(night: Shop, status: str, statement: str) -> None:
    run = begin(night, status)
    with pipeline(night) as execute:
        execute(OPEN, run)  # tells the status, and no more
        with pytest.raises(sa.exc.ProgrammingError, match="no run is open"):
            execute(statement, run)


@pytest.mark.parametrize("status", ["held", "abandoned"])
@pytest.mark.parametrize("statement", [ROW, REJECTED])
def test_a_session_that_wakes_up_late_inserts_nothing_more(night: Shop, status: str, statement: str) -> None:
    run = begin(night)
    with pipeline(night) as execute:
        execute(OPEN, run)
        night.home.sql(STATUS, run=run, status=status)
        with pytest.raises(sa.exc.ProgrammingError, match=f"run {run} is closed, it takes no more"):
            execute(statement, run)


@pytest.mark.parametrize("status", ["published", "superseded", "held", "abandoned"])
@pytest.mark.parametrize("statement", [LINE, WRITTEN])
def test_a_closed_runs_ledger_cannot_change(night: Shop, statement: str, status: str) -> None:
    run = begin(night, status)
    with (
        pipeline(night) as execute,
        pytest.raises(sa.exc.ProgrammingError, match=f"run {run} is closed, its ledger cannot change"),
    ):
        execute(statement, run)


def test_a_session_cannot_forge_the_run_that_it_writes(night: Shop) -> None:
    run, published = begin(night), begin(night, "published")
    forged = "SELECT :day, :run, 0, 'stray', 0.5 FROM (SELECT {}) AS forged"
    ways = (
        "setval('scoring.writing', :run)",
        "scoring.write_as(:run)",
        "set_config('scoring.writing', '1', true)",
    )
    for way in ways:
        with pipeline(night) as execute:
            execute(OPEN, run)
            with pytest.raises(
                sa.exc.ProgrammingError, match="permission denied|this (session|transaction) writes run"
            ):
                execute(f"INSERT INTO scoring.prediction_rows {forged.format(way)}", published)


@pytest.mark.parametrize("statement", [STATUS, "SELECT scoring.publish(:run)"])
def test_a_run_stays_open_while_a_session_writes_it(night: Shop, statement: str) -> None:
    run = begin(night)
    with postgres.engine(night.home.server.connections["predictions"]).begin() as writer:
        writer.execute(sa.text(OPEN), {"run": run})
        with pipeline(night) as execute:
            execute("SET lock_timeout = '50ms'", run)
            with pytest.raises(sa.exc.OperationalError, match="lock timeout"):
                execute(statement, run, status="failed")


@pytest.mark.parametrize(
    ("before", "after", "refusal"),
    [
        ("running", "published", "only scoring.publish and scoring.roll_back"),
        ("running", "superseded", "only scoring.publish and scoring.roll_back"),
        ("held", "published", "is held and cannot change: only scoring.approve and scoring.reject"),
        ("held", "abandoned", "is held and cannot change"),
        ("held", "running", "is held and cannot change"),
        ("abandoned", "published", "is abandoned and cannot change"),
        ("abandoned", "held", "is abandoned and cannot change"),
        ("published", "superseded", "was published and cannot change"),
        ("superseded", "published", "was published and cannot change"),
    ],
)
def test_the_pipeline_moves_a_run_forward_only(night: Shop, before: str, after: str, refusal: str) -> None:
    run = begin(night, before)
    with pytest.raises(sa.exc.ProgrammingError, match=f"run {run}.* {refusal}"):
        night.home.sql(STATUS, "predictions", status=after, run=run)


def test_the_reason_of_a_published_run_cannot_change_either(night: Shop) -> None:
    run = begin(night, "published")
    with pytest.raises(sa.exc.ProgrammingError, match="was published and cannot change"):
        night.home.sql(
            "UPDATE scoring.scoring_runs SET status_reason = 'mine' WHERE run_id = :run",
            "predictions",
            run=run,
        )


BIRTH = """
INSERT INTO scoring.scoring_runs ({column}, job, score_date, trigger, dry_run, interval_start, interval_end, model_name,
    model_version, model_sha256, code_version, query_sha256, job_sha256, library_versions)
OVERRIDING SYSTEM VALUE VALUES ({value}, 'born', '2024-03-01', '', false, now(), now(), '', 1, '', '', '', '', '{{}}')
"""


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("run_id", "9000000000000000000"),  # would be younger than every run to come, and pin the night
        ("status", "'published'"),
        ("status_since", "now()"),
        ("started_at", "now()"),
        ("published_at", "now()"),
        ("triggered_as", "'ada'"),
        ("decided_by", "'ada'"),
        ("decided_as", "'ada'"),
        ("decision_reason", "'seen'"),
        ("expired_at", "now()"),
        ("source_run_id", "1"),
    ],
)
def test_whoever_begins_a_run_does_not_say_how_it_goes(night: Shop, column: str, value: str) -> None:
    with pytest.raises(sa.exc.ProgrammingError, match="permission denied for table scoring_runs"):
        night.home.sql(BIRTH.format(column=column, value=value), "predictions")


@pytest.mark.parametrize("status", ["held", "abandoned", "published", "superseded"])
@pytest.mark.parametrize(
    "change",
    [
        "findings = '[]'",
        "status_reason = 'nothing unusual'",
        "rows_rejected = 0",
        "rows_extracted = rows_extracted",
        "idempotency_key = 'another'",
        "input_sha256 = 'another'",
        "scored_at = now()",
        "parts = 9",
    ],
)
def test_a_run_that_is_held_or_has_ended_cannot_change(night: Shop, status: str, change: str) -> None:
    run = begin(night, status)
    with pytest.raises(sa.exc.ProgrammingError, match=f"run {run} (is|was) \\w+ and cannot change"):
        night.home.sql(
            f"UPDATE scoring.scoring_runs SET {change} WHERE run_id = :run", "predictions", run=run
        )


@pytest.mark.parametrize("status", ["running", "failed", "held", "abandoned"])
@pytest.mark.parametrize("column", ["decided_by", "decided_as", "decision_reason", "triggered_by"])
def test_the_pipeline_writes_nobodys_name(night: Shop, status: str, column: str) -> None:
    run = begin(night, status)
    with pytest.raises(sa.exc.ProgrammingError, match="permission denied for table scoring_runs"):
        night.home.sql(
            f"UPDATE scoring.scoring_runs SET {column} = 'bob' WHERE run_id = :run", "predictions", run=run
        )


@pytest.mark.parametrize("status", ["running", "held"])
@pytest.mark.parametrize(
    ("statement", "refusal"),
    [
        (
            "SELECT scoring.publish(:run, 'chief.risk.officer', 'looks fine')",
            "only scoring.approve publishes a run",
        ),
        (
            "SELECT scoring.approve(:run, 'chief.risk.officer', 'looks fine')",
            "permission denied for function approve",
        ),
        ("SELECT scoring.reject(:run, 'ada', 'wrong')", "permission denied for function reject"),
        (
            "SELECT scoring.roll_back('job', '2024-03-01', :run, 'ada', 'x')",
            "permission denied for function roll_back",
        ),
        ("SELECT scoring.admit(:run, 'ada', 'x')", "permission denied for function admit"),
    ],
)
def test_the_pipeline_decides_nothing(night: Shop, status: str, statement: str, refusal: str) -> None:
    run = begin(night, status)
    with pytest.raises(sa.exc.ProgrammingError, match=refusal):
        night.home.sql(statement, "predictions", run=run)
    assert night.status(run) == status


def test_the_pipeline_does_not_publish_a_held_run_in_nobodys_name_either(night: Shop) -> None:
    run = begin(night, "held")
    done = night.home.sql("SELECT * FROM scoring.publish(:run)", "predictions", run=run)[0]
    assert (done["outcome"], night.status(run)) == ("ended", "held")


def test_a_held_run_gives_way_to_a_later_try_of_its_trigger_only(night: Shop) -> None:
    run, stranger = begin(night, "held"), begin(night)
    taken = "UPDATE scoring.scoring_runs SET status = 'abandoned', status_reason = :why WHERE run_id = :run"
    with pytest.raises(sa.exc.ProgrammingError, match=f"run {run} is held and cannot change"):
        night.home.sql(taken, "predictions", run=run, why=f"taken over by run {stranger}")
    same = "UPDATE scoring.scoring_runs SET job = (SELECT job FROM scoring.scoring_runs WHERE run_id = :run)"
    night.home.sql(f"{same} WHERE run_id = :stranger", run=run, stranger=stranger)
    with pytest.raises(sa.exc.ProgrammingError, match=f"run {run} is held and cannot change"):
        night.home.sql(taken, "predictions", run=run, why="wrong")
    night.home.sql(taken, "predictions", run=run, why=f"taken over by run {stranger}")
    assert night.status(run) == "abandoned"


def test_the_owners_functions_may_clean_up_and_erase_what_was_published(home: Home) -> None:
    shop = open_shop(home)
    run = home.score(shop.job).run_id
    home.sql("""
        CREATE FUNCTION scoring.erase_in_test(erased bigint) RETURNS void LANGUAGE sql SECURITY DEFINER AS $$
            DELETE FROM scoring.prediction_rows WHERE run_id = erased AND part = 0;
            DELETE FROM scoring.rejected_rows WHERE run_id = erased;
            UPDATE scoring.run_parts SET rows_scored = 0, rows_extracted = 0 WHERE run_id = erased AND part = 0;
        $$;
        GRANT EXECUTE ON FUNCTION scoring.erase_in_test TO scoring_writer
    """)
    try:
        home.sql("SELECT scoring.erase_in_test(:run)", "predictions", run=run)
    finally:
        home.sql("DROP FUNCTION scoring.erase_in_test")
    assert len(shop.predictions()) == 60


def test_a_row_is_of_its_runs_score_date(night: Shop) -> None:
    run = begin(night)
    night.home.sql("SELECT scoring.ensure_partition('2024-02-29')")
    with pipeline(night) as execute:
        execute(OPEN, run)
        refusal = f"a row of run {run} for 2024-02-29, and the score date of that run is 2024-03-01"
        with pytest.raises(sa.exc.ProgrammingError, match=refusal):
            execute(ROW.replace(":day", "'2024-02-29'"), run)
    assert night.rows(run) == 0


def test_a_row_says_nothing_that_its_run_says_but_the_score_date(server: Embedded) -> None:
    columns = "SELECT attname::text FROM pg_attribute WHERE attnum > 0 AND attrelid = 'scoring.{}'::regclass"
    query = f"{columns.format('prediction_rows')} INTERSECT {columns.format('scoring_runs')}"
    with postgres.engine(server.connections["predictions_owner"]).connect() as session:
        assert set(session.execute(sa.text(query)).scalars()) == {"run_id", "score_date"}
