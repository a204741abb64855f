"""What a closed run keeps: its rows, figures and digests, whoever has a session of the pipeline or of the janitor."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import sqlalchemy as sa

from pipeline.databases import postgres
from pipeline.maintenance import retention_days
from tests.home import NIGHT, Home
from tests.pipeline.shop import Shop, open_shop
from tests.sql.test_guards import OPEN, begin, night, pipeline

__all__ = ["night"]

CLOSED = ["published", "superseded", "held", "abandoned"]
FIGURES = {
    "run_metrics": ("(:run, 'rows_scored', 1)", "(run_id, metric)", "value = 42"),
    "feature_metrics": ("(:run, 'visits', 'mean', 1)", "(run_id, feature, metric)", "value = 42"),
    "profiles": ("(:run, 'visits', 0, 'low', 1)", "(run_id, column_name, bin)", "count = 42"),
}

# Leaves the number of a run in the session, and not its lock: that goes with the subtransaction.
ARM = """
CREATE FUNCTION scoring.arm_in_test(victim bigint) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
    BEGIN
        {before}
        PERFORM scoring.write_as(victim);
        RAISE EXCEPTION 'give the lock back';
    EXCEPTION WHEN OTHERS THEN NULL;
    END;
    RETURN victim;
END $$
"""
SMUGGLED = "INSERT INTO scoring.prediction_rows SELECT :day, scoring.arm_in_test(:victim), 0, 'SMUGGLED', 0.9"


@contextmanager
def armed(home: Home, before: str = "") -> Iterator[None]:
    """The attacker's function: the pipeline's own role may not make any."""
    home.sql(ARM.format(before=before))
    home.sql("GRANT EXECUTE ON FUNCTION scoring.arm_in_test TO scoring_writer")
    try:
        yield
    finally:
        home.sql("DROP FUNCTION scoring.arm_in_test")


@pytest.mark.parametrize("before", ["", "DISCARD SEQUENCES;"])
def test_no_row_comes_into_a_run_whose_lock_was_given_back(night: Shop, before: str) -> None:
    victim, other = begin(night), begin(night)
    with armed(night.home, before), pipeline(night) as execute:
        execute(OPEN, other)
        with pytest.raises(
            sa.exc.DatabaseError, match=f"a row of run {victim}, and this|currval of sequence"
        ):
            execute(SMUGGLED, other, victim=victim)
    assert night.rows(victim) == 0


def test_nor_through_a_savepoint(night: Shop) -> None:
    victim, other = begin(night), begin(night)
    row = sa.text("INSERT INTO scoring.prediction_rows VALUES (:day, :run, 0, 'stray', 0.5)")
    with postgres.engine(night.home.server.connections["predictions"]).begin() as session:
        back = session.begin_nested()
        session.execute(sa.text(OPEN), {"run": victim})
        back.rollback()
        session.execute(row, {"day": NIGHT, "job": night.job, "run": victim})  # takes the lock again
        closing = "UPDATE scoring.scoring_runs SET status = 'held' WHERE run_id = :run"
        with pytest.raises(sa.exc.OperationalError, match="lock timeout"):
            night.home.sql(f"SET LOCAL lock_timeout = '100ms'; {closing.replace(':run', str(victim))}")
        with pytest.raises(
            sa.exc.ProgrammingError, match=f"writes run {victim}, it cannot write run {other}"
        ):
            session.execute(sa.text(OPEN), {"run": other})


def test_transactions_that_have_ended_leave_next_to_nothing(night: Shop) -> None:
    for run in [begin(night) for _ in range(3)]:
        night.home.sql(OPEN, "predictions", run=run)
    assert night.home.sql("SELECT count(*) FROM scoring.writers")[0]["count"] == 1


@pytest.mark.parametrize("table", FIGURES)
def test_figures_of_an_open_run_may_be_replaced_by_a_retry(night: Shop, table: str) -> None:
    row, key, value = FIGURES[table]
    insert = f"INSERT INTO scoring.{table} VALUES {row}"
    run = begin(night)
    for status in ("running", "failed"):
        night.home.sql("UPDATE scoring.scoring_runs SET status = :to WHERE run_id = :run", to=status, run=run)
        night.home.sql(f"{insert} ON CONFLICT {key} DO UPDATE SET {value}", "predictions", run=run)
    kept = night.home.sql(f"SELECT FROM scoring.{table} WHERE run_id = :run AND {value}", run=run)
    assert len(kept) == 1


@pytest.mark.parametrize("status", CLOSED)
@pytest.mark.parametrize("table", FIGURES)
def test_figures_of_a_closed_run_are_frozen(night: Shop, table: str, status: str) -> None:
    row, key, value = FIGURES[table]
    insert = f"INSERT INTO scoring.{table} VALUES {row}"
    run, other = begin(night, status), begin(night, status)
    night.home.sql(insert, run=run)
    for statement, of in (
        (insert, other),
        (f"{insert} ON CONFLICT {key} DO UPDATE SET {value}", run),
        (f"UPDATE scoring.{table} SET {value} WHERE run_id = :run", run),
    ):
        with pytest.raises(sa.exc.ProgrammingError, match=f"run {of} is closed, its .* cannot change"):
            night.home.sql(statement, "predictions", run=of)
    moved = f"UPDATE scoring.{table} SET run_id = :to WHERE run_id = :run"
    with pytest.raises(sa.exc.ProgrammingError, match="permission denied"):
        night.home.sql(moved, "predictions", run=run, to=begin(night))


def test_outcomes_that_are_measured_again_leave_the_old_ones(night: Shop) -> None:
    run = begin(night, "published")
    measure = "SELECT scoring.replace_outcomes(:run, ARRAY[''], ARRAY[''], ARRAY['roc_auc'], ARRAY[:value])"
    for value in (0.5, 0.75, 0.75):
        night.home.sql(measure, "predictions", run=run, value=value)
    current = night.home.sql("SELECT value FROM scoring.outcome_metrics WHERE run_id = :run", run=run)
    assert [row["value"] for row in current] == [0.75]
    history = night.home.sql(
        "SELECT value, replaced_by, measured_at <= replaced_at AS ordered "
        "FROM scoring.outcome_metrics_history WHERE run_id = :run ORDER BY replaced_at",
        "predictions",
        run=run,
    )
    assert history == [
        {"value": value, "replaced_by": "scoring_pipeline", "ordered": True} for value in (0.5, 0.75)
    ]


# The janitor


def test_a_digest_that_is_changed_leaves_the_first(night: Shop) -> None:
    run = begin(night, "published")
    night.home.sql(
        "UPDATE scoring.run_parts SET scored_sha256 = 'as it was scored' WHERE run_id = :run", run=run
    )
    for letter in "ab":
        plan = f"SELECT scoring.plan_rewrite(:run, 0, NULL, '{letter * 64}')"
        night.home.sql(plan, "predictions_janitor", run=run)
        night.home.sql(
            f"SELECT scoring.settle_rewrite(:run, 0, '{letter * 64}')", "predictions_janitor", run=run
        )
    kept = night.home.sql(
        "SELECT kind, sha256, rewritten_by FROM scoring.rewrites WHERE run_id = :run ORDER BY rewrite_id",
        "predictions",
        run=run,
    )
    assert kept == [
        {"kind": "scored", "sha256": digest, "rewritten_by": "janitor"}
        for digest in ("as it was scored", "a" * 64)
    ]


@pytest.mark.parametrize("digests", ["'f00', NULL", "NULL, 'f00'", f"'{'a' * 128}', NULL", "NULL, NULL"])
def test_what_is_no_digest_is_refused(night: Shop, digests: str) -> None:
    run = begin(night, "published")
    with pytest.raises(sa.exc.DatabaseError, match=f"part 0 of run {run}: not a SHA-256"):
        night.home.sql(f"SELECT scoring.plan_rewrite(:run, 0, {digests})", "predictions_janitor", run=run)


def test_a_receipt_names_the_login_beside_the_stated_name(night: Shop) -> None:
    erase = (
        "SELECT erasure FROM scoring.erase(:job, 'nobody', '{}', '{}', '{}', '{}', 'somebody else', 'none')"
    )
    receipt = night.home.sql(erase, "predictions_janitor", job=night.job)[0]["erasure"]
    signed = "SELECT erased_by, erased_as FROM scoring.erasures WHERE erasure_id = :receipt"
    assert night.home.sql(signed, receipt=receipt) == [{"erased_by": "somebody else", "erased_as": "janitor"}]


def test_no_open_transaction_of_the_janitor_locks_a_reader_out(home: Home) -> None:
    shop = open_shop(home)
    run = home.score(shop.job).run_id
    retention_days.enter(home.server.connections["predictions_owner"], [home.read(shop.job)])
    calls = [
        "scoring.begin_cleanup()",
        f"scoring.expire({run})",
        f"scoring.expire_parts({run})",
        f"scoring.expire_metrics({run})",
        f"scoring.find_rows({run}, 'scores')",
        f"scoring.find_rows({run}, 'rejected rows')",
        f"scoring.plan_rewrite({run}, 0, '{'a' * 64}', NULL)",
        f"scoring.settle_rewrite({run}, 0, '{'a' * 64}')",
        f"scoring.plan_challenge_rewrite({run}, 0, '{'a' * 64}')",
        f"scoring.settle_challenge_rewrite({run}, 0, '{'a' * 64}')",
        f"scoring.erase_reasons('{shop.job}', 'customer-00001', ARRAY[{run}])",
        f"scoring.expire_reasons({run})",
        f"scoring.erase('{shop.job}', 'customer-00001', ARRAY[{run}], '{{}}', '{{}}', '{{}}', 'me', 'mine')",
    ]
    callable_ = """
        SELECT proname FROM pg_proc WHERE pronamespace = 'scoring'::regnamespace AND prosecdef
          AND has_function_privilege('janitor', oid, 'EXECUTE') AND prorettype <> 'trigger'::regtype
    """
    names = {row["proname"] for row in home.sql(callable_)}
    assert names == {call.split("(")[0].removeprefix("scoring.") for call in calls} | {"delete_rows"}
    with postgres.engine(home.server.connections["predictions_janitor"]).begin() as janitor:
        for call in calls:
            janitor.execute(sa.text(f"SELECT {call}"))
        with postgres.engine(home.server.connections["analyst"]).begin() as reader:
            reader.execute(sa.text("SET LOCAL lock_timeout = '10s'"))
            for view in ("predictions", "past_predictions", "latest_predictions", "rejections"):
                reader.execute(sa.text(f"SELECT * FROM scoring.{view} WHERE job = :job"), {"job": shop.job})


def test_autovacuum_frees_the_room_of_every_deleted_row(night: Shop) -> None:
    lazy = """
        SELECT relname FROM pg_class WHERE relnamespace = 'scoring'::regnamespace AND relkind = 'r'
          AND (relispartition OR relname = 'rejected_rows')
          AND NOT coalesce(reloptions, '{}')
                  @> ARRAY['autovacuum_vacuum_threshold=0', 'autovacuum_vacuum_scale_factor=0']
    """
    assert night.home.sql(lazy) == []
