"""pipeline/inspection/chain.py: whatever is altered in the chain itself is named, and nobody can write into it."""

import unicodedata

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import UsageError
from pipeline.inspection.chain import walk
from pipeline.runs.decisions import decide
from pipeline.runs.ledger import LedgerError
from tests.pipeline.inspection.chained import Base


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


def test_a_head_that_is_gone_is_missed(chain: Base) -> None:
    missing = "decisions_head is empty: the chain ends with entry 7"
    assert chain.first_violation("DELETE FROM scoring.decisions_head").startswith(missing)


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
