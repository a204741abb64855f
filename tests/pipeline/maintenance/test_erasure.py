"""Nothing of a subject is left in any run of the job, and what is left stays what it was."""

import hashlib
import itertools
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa

from pipeline.databases import postgres
from pipeline.errors import NothingToDo
from pipeline.maintenance import erasure as erasing
from pipeline.maintenance.erasure import EraseError, Receipt, erase
from pipeline.model import registry
from pipeline.payloads import Deployment, Part, PartTask
from pipeline.runs import history, ledger
from pipeline.runs.decisions import decide, roll_back
from pipeline.runs.publications import PublishError
from pipeline.runtime.clock import Clock
from pipeline.store import files, parts
from pipeline.store.layout import RunRef
from pipeline.store.parts import PartError, PartWriter
from pipeline.tasks.predict import score_part
from tests.home import NIGHT
from tests.pipeline.maintenance.aging import age
from tests.pipeline.shop import Shop

ENTITY = "customer-00041"  # in part 1


def forget(shop: Shop, entity: str = ENTITY) -> Receipt:
    """Erase an entity of the job, as the janitor."""
    uri = shop.home.server.connections["predictions_janitor"]
    return erase(uri, shop.home.store, shop.job, entity, by="ada", reason="ticket 2041")


def found(receipt: Receipt) -> tuple[int, int, int, int]:
    """How much was erased."""
    return receipt.runs, receipt.prediction_rows, receipt.rejected_rows, receipt.parts


def left(shop: Shop, entity: str = ENTITY) -> list[str]:
    """Where an entity still is: files, and tables of the database with anything of it in any column."""
    files = [path for path in Path(shop.home.store).rglob("*.parquet*") if path.is_file()]
    workspace = [path.name for path in files if f"'{entity}'" in str(pq.read_table(path).to_pydict())]
    workspace += [path.name for path in Path(shop.home.store).rglob("*.json") if entity in path.read_text()]
    own = "run_id IN (SELECT run_id FROM scoring.scoring_runs WHERE job = :job)"
    for table in (
        "prediction_rows",
        "rejected_rows",
        "run_parts",
        "scoring_runs",
        "run_metrics",
        "feature_metrics",
    ):
        query = f"SELECT FROM scoring.{table} AS found WHERE {own} AND found::text LIKE '%' || :entity || '%'"
        workspace += [table] * len(shop.home.sql(query, job=shop.job, entity=entity))
    return sorted(workspace)


def verified(shop: Shop, run_id: int) -> list[int]:
    """Rows of a run's parts, each of which is what the ledger says, and gets the scores that are kept, bit for bit."""
    run = shop.home.sql("SELECT * FROM scoring.scoring_runs WHERE run_id = :run_id", run_id=run_id)[0]
    pinned = registry.resolve(shop.home.path, run["model_name"], "", run["model_version"])
    loaded = registry.load(pinned)
    rows = []
    for line in history.show(shop.home.workspace.predictions, run_id)["ledger"]:
        ref = RunRef(shop.job, NIGHT, run_id)
        part = Part(number=line["part"], rows=0, size=0, sha256=line["input_sha256"])
        work = PartTask(
            run_id=run_id, job=shop.job, score_date=NIGHT, model_name=run["model_name"],
            model_version=run["model_version"], model_sha256=run["model_sha256"], part=part,
            deployment=Deployment(**{name: run[name] for name in Deployment.model_fields}),
        )  # fmt: skip
        kept = files.fetch(shop.home.store, ref.scored(line["part"]))
        assert hashlib.sha256(kept).hexdigest() == line["scored_sha256"]
        assert (
            score_part(shop.home.workspace, work, pinned, loaded, Clock()).part.sha256
            == line["scored_sha256"]
        )
        rows.append(
            sum(batch.num_rows for batch in parts.read(shop.home.store, ref.input(line["part"]), part))
        )
    return rows


def test_a_subject_is_erased_from_every_run(shop: Shop) -> None:
    with pytest.raises(NothingToDo):
        shop.home.score(shop.job, dry_run=True)
    shop.home.score(shop.job)
    shop.change("visits = visits + 1")
    new = shop.home.score(shop.job).run_id
    before = shop.predictions()
    assert len(left(shop)) == 9
    receipt = forget(shop)
    assert found(receipt) == (3, 3, 0, 3)
    assert left(shop) == []
    profiles = Path(shop.home.store).rglob(f"{shop.job}/*/*/profile-*.parquet")
    assert sorted(path.name[8:13] for path in profiles) == ["00000"] * 3 + ["00002"] * 3
    assert shop.predictions().equals(before[before["entity_id"] != ENTITY].reset_index(drop=True))
    assert [verified(shop, run["run_id"]) for run in shop.runs()] == [[40, 39, 20]] * 3
    lines = shop.home.sql("SELECT * FROM scoring.run_parts WHERE run_id = :run ORDER BY part", run=new)
    assert [line["rows_erased"] for line in lines] == [0, 1, 0]
    assert [line["rows_scored"] for line in lines] == [40, 40, 20]  # what it was when it was scored
    assert {line["input_sha256_next"] for line in lines} == {None}


def test_the_room_of_erased_rows_is_freed(shop: Shop) -> None:
    with autovacuum_every_second(shop):
        shop.home.score(shop.job)
        forget(shop)
        deadline = time.monotonic() + 60
        while shop.home.sql(DEAD)[0]["dead"]:
            assert time.monotonic() < deadline, "nobody has vacuumed"


@contextmanager
def autovacuum_every_second(shop: Shop) -> Iterator[None]:
    """Have autovacuum come round every second and not every minute."""
    admin = postgres.engine(shop.home.server.uri("predictions"))
    with admin.connect().execution_options(isolation_level="AUTOCOMMIT") as session:
        for statement in ("ALTER SYSTEM SET autovacuum_naptime = '1s'", "SELECT pg_reload_conf()"):
            session.execute(sa.text(statement))
        try:
            yield
        finally:
            for statement in ("ALTER SYSTEM RESET autovacuum_naptime", "SELECT pg_reload_conf()"):
                session.execute(sa.text(statement))


DEAD = """
SELECT n_dead_tup > 0 OR autovacuum_count = 0 AS dead FROM pg_stat_all_tables WHERE relname = 'prediction_rows_202403'
"""


def test_rejected_rows_go_too(shop: Shop) -> None:
    shop.change("channel = NULL, member = NULL", f"entity_id = '{ENTITY}'")
    shop.home.score(shop.job)
    assert left(shop) == ["rejected.parquet", "rejected_rows", "rejected_rows"]
    assert found(forget(shop)) == (1, 0, 2, 0)
    assert left(shop) == []


def test_a_second_time_finds_nothing_and_says_so(shop: Shop) -> None:
    shop.home.score(shop.job)
    first, second = forget(shop), forget(shop)
    assert found(first) == (1, 1, 0, 1)
    assert found(second) == (0, 0, 0, 0)
    assert second.erasure > first.erasure


def test_the_receipt_says_how_much_and_never_whose(shop: Shop) -> None:
    shop.home.score(shop.job)
    receipt = forget(shop)
    row = shop.home.sql("SELECT * FROM scoring.erasures WHERE erasure_id = :id", id=receipt.erasure)[0]
    assert row.pop("erased_at")
    assert row == {
        "erasure_id": receipt.erasure, "job": shop.job, "erased_by": "ada", "reason": "ticket 2041", "runs": 1,
        "prediction_rows": 1, "rejected_rows": 0, "parts": 1, "erased_as": "janitor",
    }  # fmt: skip


def test_messages_of_failed_runs_never_name_the_subject(shop: Shop) -> None:
    shop.change(f"entity_id = '{ENTITY}'", "entity_id = 'customer-00040'")
    with pytest.raises(PublishError, match=f"entity {ENTITY}: 2 rows"):
        shop.home.score(shop.job)
    assert shop.runs()[0]["run_id"] in forget(shop).in_work  # Airflow may try it again
    assert left(shop)
    age(shop, 1.1)
    receipt = forget(shop)
    assert (found(receipt), receipt.in_work) == ((1, 2, 0, 1), ())
    assert left(shop) == []
    assert "entities doubled: [see the log]" in shop.runs()[0]["status_reason"]


def test_an_entity_that_only_begins_alike_stays(shop: Shop) -> None:
    shop.change("entity_id = 'customer-0004'", "entity_id = 'customer-00099'")
    shop.home.score(shop.job)
    forget(shop, "customer-0004")
    assert left(shop, ENTITY)
    assert len(shop.predictions()) == 99


def test_a_run_that_is_being_written_is_left_alone_and_named(shop: Shop) -> None:
    shop.home.score(shop.job)
    shop.change("visits = visits + 1")
    run = shop.extract()
    scored = shop.write(run)
    receipt = forget(shop)
    assert (found(receipt), receipt.in_work) == ((1, 1, 0, 1), (run.run_id,))
    assert shop.publish(run, scored).rows_scored == 100
    assert found(forget(shop)) == (1, 1, 0, 1)
    assert left(shop) == []


def test_a_held_run_can_be_approved_after_an_erasure(shop: Shop) -> None:
    shop.configure("min_rows = 1", "min_rows = 101")
    with pytest.raises(Exception, match="is held"):
        shop.home.score(shop.job)
    run = int(shop.runs()[0]["run_id"])
    assert found(forget(shop)) == (1, 1, 0, 1)
    decide(shop.home.approver, run, approve=True, by="ada", reason="seen")
    assert len(shop.predictions()) == 99


def test_a_run_can_be_rolled_back_to_after_an_erasure(shop: Shop) -> None:
    first = shop.home.score(shop.job).run_id
    shop.change("visits = visits + 1")
    shop.home.score(shop.job)
    forget(shop)
    roll_back(shop.home.approver, shop.job, NIGHT, by="ada", reason="wrong")
    assert set(shop.predictions()["run_id"]) == {first}
    assert len(shop.predictions()) == 99


BOUNDARIES: dict[str, tuple[Any, str, int, bool]] = {
    "before a file": (PartWriter, "save", 1, False),
    "between the files of a part": (PartWriter, "save", 1, True),
    "after all files": (PartWriter, "save", 2, True),
    "after the database": (erasing, "Receipt", 1, False),
}


HELD = """
SELECT count(*) AS held FROM pg_locks
WHERE relation = 'scoring.retention'::regclass AND mode = 'ShareUpdateExclusiveLock'
"""


def killed(shop: Shop, boundary: str) -> None:
    """Erase in a process of its own that is killed at a boundary, and whose session the server has ended."""
    owner, name, number, after = BOUNDARIES[boundary]
    call, calls = getattr(owner, name), itertools.count(1)

    def dies(*args: Any, **options: Any) -> Any:
        last = next(calls) == number
        done = None if last and not after else call(*args, **options)
        if last:
            os.kill(os.getpid(), signal.SIGKILL)
        return done

    child = os.fork()  # a new interpreter would take seconds to load
    if not child:
        try:
            setattr(owner, name, dies)
            forget(shop)
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    deadline = time.monotonic() + 300
    while shop.home.sql(HELD)[0]["held"]:
        assert time.monotonic() < deadline, "the server holds on to a session whose process was killed"


@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_a_killed_erasure_is_finished_by_the_next(shop: Shop, boundary: str) -> None:
    run = shop.home.score(shop.job).run_id
    killed(shop, boundary)
    done = boundary == "after the database"
    assert len(shop.predictions()) == (99 if done else 100)
    assert found(forget(shop)) == ((0, 0, 0, 0) if done else (1, 1, 0, 1))
    assert left(shop) == []
    assert verified(shop, run) == [40, 39, 20]


@pytest.mark.parametrize("other", ["customer-00042", "customer-00001"])
def test_an_erasure_after_a_killed_one_of_another_subject_confuses_nothing(shop: Shop, other: str) -> None:
    run = shop.home.score(shop.job).run_id
    killed(shop, "between the files of a part")
    forget(shop, other)
    forget(shop)
    assert left(shop) == left(shop, other) == []
    assert sum(verified(shop, run)) == 98


def test_a_damaged_part_is_named_and_nothing_is_forgotten(shop: Shop) -> None:
    run = shop.home.score(shop.job).run_id
    path = Path(shop.home.store) / RunRef(shop.job, NIGHT, run).input(1)
    whole = path.read_bytes()
    for damaged in (whole[:-1] + b"?", whole[:1000], whole[:200] + b"??" + whole[202:]):
        path.write_bytes(damaged)
        with pytest.raises(PartError, match=r"part-00001\.parquet in .*remove that file, and erase again"):
            forget(shop)
    path.unlink()
    assert found(forget(shop)) == (1, 1, 0, 1)
    assert left(shop) == []


@pytest.mark.parametrize(
    ("entity", "by", "reason", "complaint"),
    [
        (ENTITY, "ada", f"{ENTITY} asked for it", "must not name whom it is about"),
        (ENTITY, ENTITY, "asked for it", "must not name whom it is about"),
        (ENTITY, "ada", "...", "the reason '...' says nothing: .* Give ENTITY, --by and --reason"),
        ("", "ada", "asked for it", "Give ENTITY, --by and --reason"),
        (ENTITY, "ada", "asked for it", "job 'job_[0-9]+' has no run"),
    ],
)
def test_what_cannot_be_is_refused(shop: Shop, entity: str, by: str, reason: str, complaint: str) -> None:
    uri = shop.home.server.connections["predictions_janitor"]
    with pytest.raises(EraseError, match=complaint):
        erase(uri, shop.home.store, shop.job, entity, by=by, reason=reason)


@pytest.mark.parametrize("entity", ["41", "a.b", "x (y)", "ä-Ö_🙂", "O'Neil\\", "[a-z]+", "%"])
def test_an_entity_is_text_and_nothing_else(shop: Shop, entity: str) -> None:
    run = shop.extract()
    reason = f"entities doubled: entity {entity}: 2 rows, a 41b, x41, customer-00007"
    ledger.close(shop.home.workspace.predictions, run.run_id, "failed", reason)
    age(shop, 2)
    receipt = forget(shop, entity)
    assert found(receipt)[1:] == (0, 0, 0)
    assert shop.runs()[0]["status_reason"] == (
        "entities doubled: entity [erased]: 2 rows, a 41b, x41, customer-00007"
    )
