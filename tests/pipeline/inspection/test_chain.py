"""pipeline/inspection/chain.py: whatever is altered in the chain, in a run, its ledger or the pointer is named."""

import json
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import date
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.databases import postgres
from pipeline.embedded.server import Embedded
from pipeline.errors import UsageError
from pipeline.inspection.chain import Verification, verify, walk
from pipeline.provisioning.migrate import migrate
from pipeline.runs.decisions import decide, roll_back
from pipeline.runs.ledger import LedgerError

DAY = date(2024, 3, 1)
BEGIN = """
INSERT INTO scoring.scoring_runs (job, score_date, trigger, triggered_by, dry_run, interval_start, interval_end,
    idempotency_key, model_name, model_version, model_sha256, code_version, query_sha256, job_sha256, library_versions,
    parts, rows_extracted, rows_rejected, rows_scored)
VALUES (:job, '2024-03-01', 'one', 'ünal, "u"', false, '2024-03-01 05:00Z', '2024-03-02 05:00Z',
        CAST(gen_random_uuid() AS text), 'shop', 1, 'm',
        'c', 'q', 'j', '{"numpy": "2.0", "b": [1.50, null]}', 1, 1, 0, 1)
RETURNING run_id
"""
PART = """
INSERT INTO scoring.run_parts (run_id, part, rows_extracted, rows_rejected, rows_scored, input_sha256, scored_sha256)
VALUES (:run, 0, 1, 0, 1, 'i', 's')
"""
ROW = "INSERT INTO scoring.prediction_rows VALUES ('2024-03-01', :run, 0, 'e', 0.5)"
HOLD = "UPDATE scoring.scoring_runs SET status = 'held', findings = CAST(:found AS jsonb) WHERE run_id = :run"
FOUND = json.dumps([{"check": "min_rows", "action": "hold", "message": "zu wenige, 5 %: ünüblich"}])


class Base:
    """A database of its own, whose chain is made and altered."""

    def __init__(self, server: Embedded, name: str) -> None:
        """Address it as each role."""
        self.owner = server.uri(name)
        self.pipeline, self.approver, self.janitor, self.analyst = (
            server.uri(name, role) for role in ("scoring_pipeline", "approver", "janitor", "analyst")
        )

    def sql(self, statement: str, url: str = "", **values: Any) -> list[Any]:
        """Rows of a statement, as the owner unless told otherwise."""
        with postgres.engine(url or self.owner).begin() as connection:
            result = connection.execute(sa.text(statement), values)
            return [tuple(row) for row in result] if result.returns_rows else []

    @contextmanager
    def altered(self, *statements: str) -> Iterator[sa.Connection]:
        """What a superuser sees after doing what every guard refuses; undone afterwards."""
        with postgres.engine(self.owner).connect() as connection:
            connection.execute(sa.text("SET LOCAL session_replication_role = replica"))
            for statement in statements:
                connection.execute(sa.text(statement))
            connection.execute(sa.text("SET LOCAL session_replication_role = origin"))
            yield connection
            connection.rollback()

    def run(self, job: str = "job", held: bool = False) -> int:
        """A run that can be published, or that is held."""
        self.sql("SELECT scoring.ensure_partition('2024-03-01')", self.pipeline)
        run = int(self.sql(BEGIN, self.pipeline, job=job)[0][0])
        self.sql(PART, self.pipeline, run=run)
        with postgres.engine(self.pipeline).begin() as connection:
            connection.execute(sa.text("SELECT scoring.write_as(:run)"), {"run": run})
            connection.execute(sa.text(ROW), {"run": run})
        if held:
            self.sql(HOLD, self.pipeline, run=run, found=FOUND)
        return run

    def publish(self, job: str = "job") -> None:
        """Publish a run."""
        run = self.run(job)
        assert self.sql("SELECT (scoring.publish(:run)).outcome", self.pipeline, run=run) == [("published",)]

    def approve(self, job: str = "job") -> None:
        """Approve a held one."""
        decide(self.approver, self.run(job, held=True), approve=True, by="ada", reason="seen\n5:x,-")

    def reject(self, job: str = "job") -> None:
        """Reject a held one."""
        decide(self.approver, self.run(job, held=True), approve=False, by="bob", reason="wrong")

    def back(self, job: str = "job") -> None:
        """Roll back, where there is something to roll back to."""
        with suppress(LedgerError):
            roll_back(self.approver, job, DAY, by="ada", reason="worse")

    def erase(self, job: str = "job") -> None:
        """The receipt of an erasure that found nothing."""
        statement = "SELECT scoring.erase(:job, 'nobody', '{}', '{}', '{}', '{}', 'cleo', 'asked for')"
        self.sql(statement, self.janitor, job=job)

    def verify(self, head: str | None = None) -> Verification:
        """Walk the chain as the pipeline's role."""
        return verify(self.pipeline, head)


@pytest.fixture(scope="module")
def chain(server: Embedded) -> Iterator[Base]:
    """Seven entries, of every kind and of two jobs: run 2 was rolled back to, runs 3 and 4 were decided on."""
    with psycopg.connect(server.uri("postgres"), autocommit=True) as admin:
        admin.execute("CREATE DATABASE chain")
        base = Base(server, "chain")
        migrate(base.owner)
        for step in (base.publish, base.publish, base.approve, base.reject, base.back, base.erase):
            step()
        base.publish("other")
        yield base
        admin.execute("DROP DATABASE chain WITH (FORCE)")


def test_a_chain_that_nobody_altered_is_whole(chain: Base) -> None:
    verification = chain.verify()
    assert (verification.entries, verification.violations) == (7, ())
    assert chain.sql("SELECT sha256 FROM scoring.decisions ORDER BY entry DESC LIMIT 1") == [
        (verification.head,)
    ]
    assert chain.verify(verification.head) == verification
    assert chain.sql("SELECT kind, by, login FROM scoring.decisions ORDER BY entry") == [
        ("publish", None, "scoring_pipeline"),
        ("publish", None, "scoring_pipeline"),
        ("approval", "ada", "approver"),
        ("rejection", "bob", "approver"),
        ("rollback", "ada", "approver"),
        ("erasure", "cleo", "janitor"),
        ("publish", None, "scoring_pipeline"),
    ]


# What each column of the third entry becomes.
ALTERED = {
    "entry": "33",
    "recorded_at": "recorded_at + interval '1 microsecond'",
    "kind": "'rollback'",
    "job": "job || ' '",
    "score_date": "score_date + 1",
    "run_id": "1",
    "replaced_run_id": "NULL",
    "erasure_id": "1",
    "by": "'bob'",
    "login": "'scoring_pipeline'",
    "reason": "reason || chr(10)",
    "subject_sha256": "repeat('0', 64)",
    "previous_sha256": "repeat('0', 64)",
    "sha256": "repeat('0', 64)",
    "restored_as": "'ada'",
}
LAX = "ALTER TABLE scoring.decisions DROP CONSTRAINT decisions_check1"


def test_every_column_is_tried(chain: Base) -> None:
    columns = "SELECT column_name FROM information_schema.columns WHERE table_name = 'decisions'"
    assert {name for (name,) in chain.sql(columns)} == set(ALTERED)


@pytest.mark.parametrize("column", ALTERED)
def test_an_altered_entry_is_named_whoever_altered_it(chain: Base, column: str) -> None:
    statement = f'UPDATE scoring.decisions SET "{column}" = {ALTERED[column]} WHERE entry = 3'
    with chain.altered(LAX, statement) as connection:
        verification = walk(connection)
    assert verification.entries == 2
    expected = "entry 3 of the chain is missing" if column == "entry" else "entry 3 ("
    assert verification.violations[0].startswith(expected)


LAST = """
UPDATE scoring.decisions_head SET (entry, sha256) = (SELECT entry, sha256 FROM scoring.decisions WHERE entry = {})
"""
SEALED = """
INSERT INTO scoring.decisions (recorded_at, kind, job, score_date, run_id, by, login, reason)
VALUES (now(), '{kind}', 'job', '2024-03-01', {run}, 'eve', 'approver', 'fine')
"""


def test_an_entry_that_was_sealed_anew_is_given_away_by_the_next(chain: Base) -> None:
    with chain.altered("DELETE FROM scoring.decisions WHERE entry = 3", LAST.format(2)) as connection:
        connection.execute(sa.text(SEALED.format(kind="approval", run=3)))
        connection.execute(sa.text(LAST.format(7)))
        [first, *_] = walk(connection).violations
    assert first == (
        "entry 3 (approval of run 3, job 2024-03-01) was altered: entry 4 (rejection of run 4, job 2024-03-01) was "
        "sealed on another hash of it"
    )


def test_an_entry_that_the_database_itself_sealed_is_inserted_all_the_same(chain: Base) -> None:
    with chain.altered() as connection:
        connection.execute(sa.text(SEALED.format(kind="rejection", run=3)))
        assert walk(connection).violations == (
            "entry 8 (rejection of run 3, job 2024-03-01) was inserted: the run says that ada decided on it",
        )
        connection.execute(sa.text(SEALED.format(kind="rollback", run=1)))
        violations = walk(connection).violations
    assert (
        "publications: the line of entry 9 (rollback of run 1, job 2024-03-01) was altered or is gone"
        in violations
    )


@pytest.mark.parametrize("entry", [1, 4, 6])
def test_a_deleted_entry_is_named(chain: Base, entry: int) -> None:
    with chain.altered(f"DELETE FROM scoring.decisions WHERE entry = {entry}") as connection:
        assert walk(connection).violations[0].startswith(f"entry {entry} of the chain is missing")


def test_a_tail_that_was_cut_off_is_missed_by_the_head(chain: Base) -> None:
    head = chain.verify().head
    cut = "DELETE FROM scoring.decisions WHERE entry = 7"
    with chain.altered(cut) as connection:
        assert "decisions_head notes entry 7" in walk(connection).violations[0]
    with chain.altered(cut, LAST.format(6)) as connection:
        assert walk(connection, head).violations[0] == (
            f"no entry has the hash {head}: the chain was cut before it, or written anew. Compare with a backup."
        )
        assert (
            walk(connection)
            .violations[0]
            .startswith("run 5 of other 2024-03-01 is published, and no entry of the chain")
        )


RUN = "UPDATE scoring.scoring_runs SET"
GONE = f"DELETE FROM scoring.current_runs WHERE run_id = 5; {RUN} status = 'superseded', expired_at = now()"
FORGED = """
INSERT INTO scoring.rewrites (rewrite_id, run_id, part, kind, sha256, sha256_next) OVERRIDING SYSTEM VALUE
VALUES (1, 5, 0, 'scored', 's', 'x')
"""
SWAPPED = "UPDATE scoring.run_parts SET scored_sha256 = 'x' WHERE run_id = 5"


@pytest.mark.parametrize(
    ("statement", "violation"),
    [
        (f"{RUN} rows_scored = 0, rows_extracted = 0 WHERE run_id = 1", "run 1 of job 2024-03-01 or its"),
        (f"{RUN} model_sha256 = 'other' WHERE run_id = 2", "run 2 of job 2024-03-01 or its ledger"),
        (f"{RUN} findings = '[]' WHERE run_id = 4", "run 4 of job 2024-03-01 or its ledger"),
        (f"{RUN} decided_by = 'bob' WHERE run_id = 3", "run 3 of job 2024-03-01 or its ledger"),
        (f"{RUN} decided_as = 'bob' WHERE run_id = 4", "run 4 of job 2024-03-01 or its ledger"),
        (f"{RUN} started_at = '2024-01-01' WHERE run_id = 3", "run 3 of job 2024-03-01 or its ledger"),
        ("UPDATE scoring.run_parts SET scored_sha256 = 'x' WHERE run_id = 3", "run 3 of job 2024-03-01 or"),
        ("DELETE FROM scoring.run_parts WHERE run_id = 1", "run 1 of job 2024-03-01 or its ledger was"),
        ("DELETE FROM scoring.scoring_runs WHERE run_id = 4", "run 4 is gone, and entry 4 (rejection"),
        ("UPDATE scoring.erasures SET erased_by = 'bob'", "the receipt of erasure 1 was altered since"),
        ("DELETE FROM scoring.erasures", "the receipt of erasure 1 is gone, and entry 6"),
        ("UPDATE scoring.publications SET by = 'x' WHERE kind = 'rollback'", "publications: the rollback of"),
        ("DELETE FROM scoring.publications WHERE kind = 'approval'", "publications: the line of entry 3"),
        ("UPDATE scoring.current_runs SET run_id = 3 WHERE job = 'job'", "job 2024-03-01 shows run 3, and"),
        ("DELETE FROM scoring.current_runs WHERE job = 'job'", "job 2024-03-01 shows nothing, and not the"),
        ("INSERT INTO scoring.current_runs VALUES ('job', '2024-03-02', 1)", "job 2024-03-02 shows run 1"),
        ("DELETE FROM scoring.decisions_head", "decisions_head is empty: the chain ends with entry 7"),
        (
            f"{RUN} status = 'superseded' WHERE run_id = 5",
            "run 5 of other 2024-03-01 is superseded, and not pub",
        ),
        (
            f"{RUN} status = 'held' WHERE run_id = 3",
            "run 3 of job 2024-03-01 is held, and not superseded",
        ),
        (f"{RUN} status = 'held' WHERE run_id = 4", "run 4 of job 2024-03-01 is held, and not abandoned as"),
        (f"{GONE} WHERE run_id = 5", "run 5 of other 2024-03-01 expired on 20"),
        (
            "UPDATE scoring.run_parts SET rows_erased = 1 WHERE run_id = 5",
            "part 0 of run 5 lost 1 rows, and no",
        ),
        (f"{FORGED}; {SWAPPED}", "rewrite 1 of part 0 of run 5 belongs to no erasure. If"),
    ],
)
def test_what_the_chain_speaks_of_cannot_be_altered_either(
    chain: Base, statement: str, violation: str
) -> None:
    with chain.altered(statement) as connection:
        verification = walk(connection)
    assert verification.entries == 7
    assert verification.violations[0].startswith(violation)


def test_erasure_and_retention_alter_nothing(chain: Base) -> None:
    aged = "UPDATE scoring.scoring_runs SET status_since = now() - interval '9 days' WHERE run_id <> 2"
    with chain.altered(aged) as connection:
        for statement in (
            "SELECT scoring.plan_rewrite(3, 0, repeat('a', 64), repeat('a', 64))",
            "SELECT scoring.settle_rewrite(3, 0, repeat('a', 64))",
            "SELECT scoring.erase('job', 'e', '{3}', '{}', '{}', '{}', 'cleo', 'asked for')",
            # By days that had been entered before; `aged` runs stand in for a chain that is.
            "INSERT INTO scoring.retention VALUES ('job', 1, 1, 1, 1, 'tomorrow'), ('other', 1, 1, 1, 1, 'tomorrow')",
            "SELECT scoring.expire(run), scoring.expire_parts(run) FROM unnest(ARRAY[1, 3, 4]) AS run",
        ):
            connection.execute(sa.text(statement))
        expired = "SELECT count(*) FROM scoring.scoring_runs WHERE expired_at IS NOT NULL"
        assert connection.execute(sa.text(expired)).scalar_one() == 3
        assert walk(connection).violations == ()
        other = "UPDATE scoring.run_parts SET input_sha256 = 'other' WHERE run_id = 3"
        connection.execute(sa.text(other))
        assert walk(connection).violations == (
            "the input digest of part 0 of run 3 is not what its erasures left",
        )


@pytest.mark.parametrize(
    ("days", "entered", "expired", "explained"),
    [
        ("1", "yesterday", "25 hours", True),
        ("1", "yesterday", "1 hour", False),
        ("NULL", "yesterday", "25 hours", False),
        ("NULL", "tomorrow", "1 hour", True),  # by other days, which nobody knows any more
    ],
)
def test_a_published_run_expires_by_its_jobs_retention_alone(
    chain: Base, days: str, entered: str, expired: str, explained: bool
) -> None:
    kept = f"INSERT INTO scoring.retention VALUES ('other', 1, 1, 1, {days}, '{entered}', 'scoring_owner')"
    with chain.altered(f"{GONE} + interval '{expired}' WHERE run_id = 5", kept) as connection:
        assert (walk(connection).violations == ()) == explained


@pytest.mark.parametrize(
    ("days", "entered", "expired", "explained"),
    [
        ("7", "yesterday", "8 days", True),
        ("7", "yesterday", "1 day", False),
        ("7", "tomorrow", "1 hour", True),  # by other days, which nobody knows any more
    ],
)
@pytest.mark.parametrize("run", [1, 3, 4], ids=["replaced", "rolled back", "rejected"])
def test_a_run_that_is_not_shown_expires_by_its_jobs_retention_alone(
    chain: Base, run: int, days: str, entered: str, expired: str, explained: bool
) -> None:
    kept = f"INSERT INTO scoring.retention VALUES ('job', 1, 1, {days}, 1, '{entered}', 'scoring_owner')"
    with chain.altered(
        f"{RUN} expired_at = now() + interval '{expired}' WHERE run_id = {run}", kept
    ) as connection:
        violations = walk(connection).violations
    assert (violations == ()) == explained
    assert all(violation.startswith(f"run {run} of job 2024-03-01 expired on 20") for violation in violations)


def test_nothing_is_published_where_the_head_is_gone(chain: Base) -> None:
    run = chain.run("other")
    with (
        chain.altered("DELETE FROM scoring.decisions_head") as connection,
        pytest.raises(sa.exc.DatabaseError, match="decisions_head is empty: nothing can be decided"),
    ):
        connection.execute(sa.text("SELECT scoring.publish(:run)"), {"run": run})


INVISIBLE = ["", " ", "\u200b", "\u2060\u00a0", "\u3164", "\U000e0020", "\u0301", "?!"]


@pytest.mark.parametrize("name", INVISIBLE)
def test_nobody_decides_or_erases_under_a_name_that_cannot_be_seen(chain: Base, name: str) -> None:
    run = chain.run("other", held=True)
    for url, statement in (
        (chain.approver, "SELECT scoring.approve(:run, :name, 'fine')"),
        (chain.approver, "SELECT scoring.reject(:run, 'ada', :name)"),
        (chain.approver, "SELECT scoring.roll_back('job', '2024-03-01', 1, :name, 'fine')"),
        (chain.janitor, "SELECT scoring.erase('job', 'e', '{}', '{}', '{}', '{}', :name, 'fine')"),
    ):
        values = {"run": run} if ":run" in statement else {}
        with pytest.raises(sa.exc.IntegrityError, match="violates check constraint"):
            chain.sql(statement, url, name=name, **values)
    with pytest.raises(LedgerError, match="says nothing|decisions_check"):
        decide(chain.approver, run, approve=False, by=name, reason="fine")


@pytest.mark.parametrize("name", ["Ünal", "\u674e", "\u0416", "7"])
def test_a_name_may_be_of_any_script(chain: Base, name: str) -> None:
    assert chain.sql("SELECT scoring.is_visible(:name)", name=name) == [(True,)]


def test_the_database_knows_the_letters_that_the_pipeline_knows(chain: Base) -> None:
    characters = [
        chr(code) for code in range(1, 0x110000) if unicodedata.category(chr(code)) not in ("Cn", "Cs")
    ]
    query = (
        "SELECT character FROM unnest(CAST(:all AS text[])) AS character WHERE scoring.is_visible(character)"
    )
    visible = {character for (character,) in chain.sql(query, all=characters)}
    fillers = {"\u115f", "\u1160", "\u3164", "\uffa0"}
    assert {character for character in characters if character.isalnum()} - visible == fillers
    others = {character for character in visible if not character.isalnum()}
    assert not [character for character in others if character < "\u0700"]
    assert len(others) < 1500


@pytest.mark.parametrize("head", ["", "abc", "g" * 64, "A" * 64])
def test_a_head_that_is_no_hash_is_refused(chain: Base, head: str) -> None:
    with pytest.raises(UsageError, match="--head takes the 64 hexadecimal digits"):
        chain.verify(head)


@pytest.mark.parametrize("url", ["pipeline", "approver", "janitor", "analyst", "owner"])
@pytest.mark.parametrize(
    "statement", ["UPDATE scoring.decisions SET by = by", "DELETE FROM scoring.decisions"]
)
def test_entries_are_only_ever_added(chain: Base, url: str, statement: str) -> None:
    with pytest.raises(sa.exc.ProgrammingError, match="append-only|permission denied"):
        chain.sql(statement, getattr(chain, url))


@pytest.mark.parametrize("url", ["pipeline", "approver", "janitor", "analyst"])
@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO scoring.decisions (recorded_at, kind, job) VALUES (now(), 'publish', 'job')",
        "UPDATE scoring.decisions_head SET entry = 1",
        "SELECT FROM scoring.decisions_head FOR UPDATE",
        "SELECT FROM scoring.decisions_head FOR KEY SHARE",
        "LOCK TABLE scoring.decisions IN ROW EXCLUSIVE MODE",
        "LOCK TABLE scoring.decisions_head IN SHARE MODE",
    ],
)
def test_nobody_else_writes_or_locks_the_chain(chain: Base, url: str, statement: str) -> None:
    with pytest.raises(sa.exc.ProgrammingError, match="permission denied"):
        chain.sql(statement, getattr(chain, url))


# Last: it makes the chain longer.
STEPS = st.tuples(
    st.sampled_from(["publish", "approve", "reject", "back", "erase"]), st.sampled_from(["a", "b ünï"])
)
SURE = ("recorded_at", "job", "subject_sha256", "sha256")


@settings(max_examples=6)
@given(steps=st.lists(STEPS, min_size=1, max_size=5), place=st.floats(0, 0.999), column=st.sampled_from(SURE))
def test_any_history_is_whole_until_any_entry_is_altered(
    chain: Base, steps: list[tuple[str, str]], place: float, column: str
) -> None:
    for step, job in steps:
        getattr(chain, step)(job)
    verification = chain.verify()
    assert verification.violations == ()
    entry = 1 + int(place * verification.entries)
    statement = f"UPDATE scoring.decisions SET {column} = {ALTERED[column]} WHERE entry = {entry}"
    with chain.altered(statement) as connection:
        walked = walk(connection)
    assert (walked.entries, walked.violations[0].startswith(f"entry {entry} (")) == (entry - 1, True)
