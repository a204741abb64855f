"""What the database itself holds: rows and ledger lines for open runs only, and runs that move forward only."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import sqlalchemy as sa

from pipeline import postgres
from pipeline.embedded import Embedded
from tests.home import NIGHT, Home
from tests.pipeline.shop import Shop, open_shop

# What the pipeline's role writes of a run.
ROW = "INSERT INTO scoring.prediction_rows VALUES (:day, :job, :run, 0, 'stray', 0.5)"
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
    like |= {"job": night.home.name(), "status": status, "library_versions": "{}"}
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
    with postgres.engine(night.home.server.connections["predictions"]).connect() as session:

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
    many = f"SELECT :day, :job, {run_of_row}, 0, n, 0.5 FROM generate_series(1, 1000) AS n"
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
    forged = "SELECT :day, :job, :run, 0, 'stray', 0.5 FROM (SELECT {}) AS forged"
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
        ("held", "published", "only scoring.publish and scoring.roll_back"),
        ("abandoned", "published", "only scoring.publish and scoring.roll_back"),
        ("held", "running", "is held and cannot become running"),
        ("held", "failed", "is held and cannot become failed"),
        ("abandoned", "running", "is abandoned and cannot become running"),
        ("abandoned", "held", "is abandoned and cannot become held"),
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


@pytest.mark.parametrize("status", ["published", "superseded", "held", "abandoned", "running"])
def test_a_run_is_not_born_published(night: Shop, status: str) -> None:
    # As the published run was, in everything but its id: also a running one would carry the day of its publication.
    columns = ", ".join(column for column in night.runs()[0] if column not in ("run_id", "status"))
    born = f"SELECT :status, {columns} FROM scoring.scoring_runs WHERE job = :job"
    with pytest.raises(sa.exc.ProgrammingError, match=f"a run begins as running, not as {status}"):
        night.home.sql(
            f"INSERT INTO scoring.scoring_runs (status, {columns}) {born}",
            "predictions",
            status=status,
            job=night.job,
        )


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
