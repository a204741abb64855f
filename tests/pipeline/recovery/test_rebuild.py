"""pipeline/recovery/rebuild.py: a lost database is made again from its backup and its store, bit for bit."""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa

from pipeline.databases import connections
from pipeline.embedded.server import Embedded
from pipeline.inspection.chain import verify
from pipeline.maintenance import retention, retention_days
from pipeline.maintenance.erasure import erase
from pipeline.provisioning.migrate import migrate
from pipeline.recovery.adopt import RebuildError
from pipeline.recovery.rebuild import Rebuilt, rebuild
from pipeline.runs import history, receipts, store_identity
from pipeline.runs.decisions import decide, roll_back
from pipeline.runs.store_identity import BehindStore, ForeignStore
from pipeline.store import files, objects
from pipeline.store.layout import RunRef
from pipeline.tasks.fallback import serve
from tests import pages
from tests.home import NIGHT, Home
from tests.pipeline.shop import Shop, locked, open_shop
from tests.scenarios.test_store import reach, s3

__all__ = ["s3"]

ROOT = Path(__file__).resolve().parents[3]
NIGHTS = [NIGHT + timedelta(days=number) for number in range(4)]


@dataclass(frozen=True)
class Own(Embedded):
    """The session's server, with a predictions database that may be lost."""

    database: str = ""

    def uri(self, database: str, role: str = "postgres") -> str:
        """As the server has it, but for the predictions."""
        return super().uri(self.database if database == "predictions" else database, role)


class Rescue:
    """A shop with a database of its own."""

    def __init__(self, shop: Shop, server: Own) -> None:
        self.shop, self.home, self.job, self.server = shop, shop.home, shop.job, server
        self.owner = connections.postgres(server.connections["predictions_owner"], "predictions_owner")

    def lose(self, template: str = "template1") -> None:
        """Drop the database, and make one in its place: an empty one, unless told otherwise."""
        drop(self.server)
        create(self.server, template)

    def begin_anew(self) -> None:
        """Drop the database, and make a migrated one in its place."""
        self.lose(f"{self.server.database}_template")
        self.home.sql("UPDATE scoring.identity SET database_id = gen_random_uuid(), secret = DEFAULT")

    def back_up(self) -> None:
        """What the page says of a backup, without what it says beside."""
        self._binary("pg_dump", "--format=custom", "--file=predictions.dump")

    def restore(self) -> None:
        """Lose the database and restore its backup, as the page says."""
        self.lose()
        self._binary("pg_restore", "--exit-on-error", "--single-transaction", "predictions.dump")

    def _binary(self, program: str, *arguments: str) -> None:
        owner = f"--dbname={self.server.connections['predictions_owner']}"
        command = [str(self.server.binaries / program), owner, *arguments]
        subprocess.run(command, cwd=self.home.path, check=True, capture_output=True)

    def page(self, heading: str) -> str:
        """Type the commands of a section of the recovery page into a shell."""
        commands = (
            f'scoring() {{ "{sys.executable}" -m pipeline "$@"; }}\n{pages.commands(pages.RECOVERY, heading)}'
        )
        path = f"{self.server.binaries}:{Path(sys.executable).parent}:{os.environ['PATH']}"
        environ = {**os.environ, **self.home.environment, "PYTHONPATH": str(ROOT), "PATH": path}
        done = subprocess.run(
            ["bash", "-euc", commands],
            cwd=self.home.path, env=environ, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{commands}\n{done.stdout}{done.stderr}"
        return done.stdout

    def rebuild(self, **options: Any) -> Rebuilt:
        """Rebuild the job in this process."""
        return rebuild(self.owner, self.home.store, self.job, **options)

    def seen(self) -> dict[str, list[dict[str, Any]]]:
        """All that there is of the job's published runs, in the database's own words."""
        return {name: self.home.sql(query, job=self.job) for name, query in SEEN.items()}


_RUNS = "SELECT run_id FROM scoring.scoring_runs WHERE job = :job AND published_at IS NOT NULL"
SEEN = {
    "predictions": "SELECT to_jsonb(p)::text FROM scoring.predictions AS p WHERE job = :job ORDER BY 1",
    "past": "SELECT to_jsonb(p)::text FROM scoring.past_predictions AS p WHERE job = :job ORDER BY 1",
    "publications": "SELECT to_jsonb(p)::text FROM scoring.publications AS p WHERE job = :job ORDER BY 1",
    "current_runs": "SELECT to_jsonb(p)::text FROM scoring.current_runs AS p WHERE job = :job ORDER BY 1",
    "scoring_runs": f"SELECT to_jsonb(p)::text FROM scoring.scoring_runs AS p WHERE run_id IN ({_RUNS}) ORDER BY 1",
    **{
        table: f"SELECT to_jsonb(p)::text FROM scoring.{table} AS p WHERE run_id IN ({_RUNS}) ORDER BY 1"
        for table in (
            "run_parts",
            "rejected_rows",
            "rejections",
            "run_metrics",
            "feature_metrics",
            "profiles",
        )
    },
    "erasures": "SELECT to_jsonb(p)::text FROM scoring.erasures AS p WHERE job = :job ORDER BY 1",
}


def create(server: Own, template: str = "template1") -> None:
    """Make the server's predictions database."""
    with psycopg.connect(server.uri("postgres"), autocommit=True) as session:
        session.execute(f"CREATE DATABASE {server.database} OWNER scoring_owner TEMPLATE {template}")


def drop(server: Own) -> None:
    """Drop it, whoever uses it."""
    with psycopg.connect(server.uri("postgres"), autocommit=True) as session:
        session.execute(f"DROP DATABASE {server.database} WITH (FORCE)")


@pytest.fixture(scope="module")
def template(server: Embedded) -> Iterator[Own]:
    """A server with a migrated database, from which others are made."""
    own = Own(server.socket, server.binaries, server.data, f"rescue_{os.getpid()}_template")
    create(own)
    migrate(connections.postgres(own.connections["predictions_owner"], "predictions_owner"))
    yield own
    drop(own)


@pytest.fixture
def rescue(template: Own, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rescue]:
    """A shop whose first night is published, with some rows rejected, in a database of its own."""
    own = replace(template, database=template.database.removesuffix("_template"))
    create(own, template.database)
    home = Home(tmp_path / "rescue", own)
    home.sql("UPDATE scoring.identity SET database_id = gen_random_uuid(), secret = DEFAULT")
    for name, value in home.environment.items():
        monkeypatch.setenv(name, value)
    shop = open_shop(home)
    shop.change("channel = NULL", "entity_id IN ('customer-00001', 'customer-00041')")
    home.score(shop.job, NIGHTS[0])
    yield Rescue(shop, own)
    drop(own)


def live(rescue: Rescue) -> None:
    """All that may happen to nights: a second run, a rollback, an approval, a fallback."""
    shop, home, uri = rescue.shop, rescue.home, rescue.home.workspace.predictions
    home.score(rescue.job, NIGHTS[1])
    shop.change("visits = visits + 1")
    home.score(rescue.job, NIGHTS[1])
    approver = home.server.connections["predictions_approver"]
    roll_back(approver, rescue.job, NIGHTS[1], by="ada", reason="wrong prices")
    receipts.follow(uri, home.store, rescue.job)
    decide(approver, shop.hold(NIGHTS[2]), approve=True, by="ada", reason="a quiet day")
    shop.configure("retries = 0", 'retries = 0\nfallback = "last_published"')
    serve(home.workspace, home.read(rescue.job), NIGHTS[3], trigger="the night", reason="it failed")


def test_a_backup_and_the_store_give_back_what_there_was(rescue: Rescue) -> None:
    rescue.page("Back up every day")
    live(rescue)
    before = rescue.seen()
    rescue.lose()
    rescue.page("Restore a backup")
    assert rescue.seen() != before
    for refused in (
        lambda: rescue.home.score(rescue.job, NIGHTS[1]),
        lambda: prune(rescue),
        lambda: forget(rescue),
    ):
        with pytest.raises(
            BehindStore, match="restored from a backup. Nothing was touched.*pipeline rebuild"
        ):
            refused()
    rescue.page("Rebuild what the backup lacks")
    assert rescue.seen() == before
    assert rescue.rebuild() == Rebuilt()
    assert rescue.home.score(rescue.job, NIGHTS[3]).run_id > max(
        run["run_id"] for run in rescue.shop.runs()[:-1]
    )


def test_the_store_alone_gives_back_every_night(rescue: Rescue) -> None:
    live(rescue)
    before = rescue.seen()
    rescue.begin_anew()
    for refused in (lambda: rescue.home.score(rescue.job, NIGHTS[1]), lambda: prune(rescue)):
        with pytest.raises(ForeignStore, match="belong to database .*Nothing was touched.*--adopt-store"):
            refused()
    with pytest.raises(RebuildError, match="add --adopt-store"):
        rescue.rebuild()
    rescue.page("Restore without a backup")
    assert rescue.seen() == before
    rescue.home.score(rescue.job, NIGHTS[3])


def test_a_rebuild_that_was_killed_leaves_nights_whole_and_goes_on(rescue: Rescue) -> None:
    live(rescue)
    before = rescue.seen()
    rescue.begin_anew()
    for table in ("prediction_rows", "publications"):
        with locked(rescue.home, f"LOCK TABLE scoring.{table} IN SHARE MODE") as wait_for:
            child = subprocess.Popen(
                [sys.executable, "-m", "pipeline", "rebuild", rescue.job, "--adopt-store"],
                cwd=ROOT, start_new_session=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            )  # fmt: skip
            wait_for(1)
            child.send_signal(signal.SIGKILL)
            child.communicate()
        assert rescue.seen()["predictions"] == []
    rescue.rebuild(between=(NIGHTS[1], NIGHTS[2]))
    days = {str(NIGHTS[1]), str(NIGHTS[2])}
    assert rescue.seen()["predictions"] == [
        row
        for row in before["predictions"]
        if any(f'"score_date": "{day}"' in row["to_jsonb"] for day in days)
    ]
    rescue.rebuild()
    assert rescue.seen() == before


def test_a_part_that_does_not_fit_is_named_and_the_other_nights_are_made_again(rescue: Rescue) -> None:
    live(rescue)
    before = rescue.seen()
    [run] = rescue.home.sql(
        "SELECT run_id FROM scoring.current_runs WHERE job = :job AND score_date = :day",
        job=rescue.job,
        day=NIGHTS[2],
    )
    path = f"{rescue.job}/{NIGHTS[2]}/{run['run_id']}/scored-00001.parquet"
    file = Path(rescue.home.store) / path
    whole = file.read_bytes()
    file.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    rescue.begin_anew()
    done = rescue.rebuild(adopt=True)
    # The last night serves the scores of that one again.
    assert [path in line and "is not what was published: SHA-256" in line for line in done.refused] == [
        True,
        True,
    ]
    assert {item.score_date for item in done.runs} == {NIGHTS[0], NIGHTS[1]}
    file.write_bytes(whole)
    assert rescue.rebuild().refused == []
    assert rescue.seen() == before


def test_what_the_database_published_later_stays(rescue: Rescue) -> None:
    rescue.home.score(rescue.job, NIGHTS[1])
    before = rescue.seen()
    rescue.begin_anew()
    rescue.rebuild(adopt=True, between=(NIGHTS[0], NIGHTS[0]))
    rescue.shop.change("visits = visits + 1")
    newer = rescue.home.score(rescue.job, NIGHTS[1]).run_id
    seen = rescue.shop.predictions()
    [item] = rescue.rebuild().runs
    assert (item.status, item.rows) == ("superseded", 98)
    assert rescue.shop.predictions().equals(seen)
    assert [row for row in rescue.seen()["publications"] if row in before["publications"]] == before[
        "publications"
    ]
    shown, replaced = roll_back(
        rescue.server.connections["predictions_approver"], rescue.job, NIGHTS[1], by="ada", reason="right"
    )
    assert (shown, replaced) == (item.run_id, newer)
    assert rescue.seen()["predictions"] == before["predictions"]


def test_what_was_erased_after_the_backup_does_not_come_back(rescue: Rescue) -> None:
    rescue.back_up()
    live(rescue)
    forget(rescue, "customer-00007")
    forget(rescue, "customer-00041")  # among the rejected rows
    before = rescue.seen()
    assert not any("customer-00007" in row["to_jsonb"] for name in before for row in before[name])
    rescue.restore()
    assert any("customer-00007" in row["to_jsonb"] for row in rescue.seen()["predictions"])
    done = rescue.rebuild()
    assert len(done.notes) == 2
    assert all("erase again" in note for note in done.notes)
    after = rescue.seen()
    # A fallback's ledger has the digest of the file that it serves, which its source's erasure rewrote.
    assert {name: rows for name, rows in after.items() if name != "run_parts"} == {
        name: rows for name, rows in before.items() if name != "run_parts"
    }
    assert rescue.rebuild() == Rebuilt()


def test_nothing_of_another_database_is_touched(rescue: Rescue, home: Home) -> None:
    """A store of another database, and a database that was made anew beside an old store."""
    shop = open_shop(home)
    home.score(shop.job)
    other = Rescue(shop, rescue.server)
    shutil.copytree(Path(home.store), Path(rescue.home.store), dirs_exist_ok=True)
    before = files_of(rescue.home.store)
    mine = rescue.home.workspace.predictions
    with pytest.raises(ForeignStore):
        store_identity.admit(rescue.home.store, other.job, mine)
    job = home.read(shop.job)
    with pytest.raises(ForeignStore, match=f"the runs of {shop.job} in the store"):
        retention.prune(rescue.server.connections.__getitem__, rescue.home.store, [job])
    (Path(rescue.home.store) / objects.FOLDER / "jobs" / f"{rescue.job}.json").unlink()
    with pytest.raises(ForeignStore, match="belong to no database that is known"):
        prune(rescue)
    with pytest.raises(ForeignStore, match="belong to no database that is known"):
        forget(rescue)
    assert files_of(rescue.home.store) == before - {f"{objects.FOLDER}/jobs/{rescue.job}.json"}
    rescue.home.score(rescue.job, NIGHTS[1])  # it knows every run of the job that lies there
    assert prune(rescue).gone == ()


def test_what_nobody_wants_back_goes_when_told(rescue: Rescue) -> None:
    rescue.back_up()
    lost = rescue.home.score(rescue.job, NIGHTS[1]).run_id
    rescue.restore()
    rescue.home.sql("SELECT setval('scoring.scoring_runs_run_id_seq', 1000)")
    rescue.home.score(rescue.job, NIGHTS[2])
    old = list((Path(rescue.home.store) / rescue.job).rglob(f"{lost}/*"))
    for path in old:
        os.utime(path, (0, 0))
    with pytest.raises(
        BehindStore, match=rf"published runs of {rescue.job} that this database does not know: {lost}"
    ):
        prune(rescue)
    assert all(path.exists() for path in old)
    assert [item.run_id for item in prune(rescue, after_restore=True).gone] == [lost]
    assert not any(path.exists() for path in old)
    assert prune(rescue).gone == ()


def test_a_number_is_claimed_once(rescue: Rescue) -> None:
    database = store_identity.of(rescue.home.workspace.predictions)
    with pytest.raises(BehindStore, match=f"has a run {database.last_run_id} of this database already"):
        store_identity.claim(rescue.home.store, database, database.last_run_id)
    store_identity.claim(rescue.home.store, database, 41_999)
    assert store_identity.highest(rescue.home.store, database) == 41_999
    before = history.runs(rescue.home.workspace.predictions)
    with pytest.raises(BehindStore, match="has run 41999, and this database has come to run"):
        rescue.home.score(rescue.job, NIGHTS[1])
    assert history.runs(rescue.home.workspace.predictions) == before


def test_a_move_without_a_receipt_is_made_up_for(rescue: Rescue, caplog: pytest.LogCaptureFixture) -> None:
    moves = Path(rescue.home.store) / objects.FOLDER / "moves" / rescue.job
    [first] = moves.rglob("*.json")
    first.unlink()
    with unwritable(first.parent):
        receipts.follow(rescue.home.workspace.predictions, rescue.home.store, rescue.job)
    assert "the store got no receipt for it" in caplog.text
    rescue.home.score(rescue.job, NIGHTS[1])
    assert first.exists()


@contextmanager
def unwritable(folder: Path) -> Iterator[None]:
    """A file in the place of a folder, which root cannot write into either."""
    aside = folder.rename(folder.with_suffix(".aside"))
    folder.write_text("")
    yield
    folder.unlink()
    aside.rename(folder)


def test_a_store_in_s3_gives_back_what_there_was(
    rescue: Rescue, s3: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    reach(monkeypatch, s3)
    rescue.home.store = "s3://nights/rescue"
    shop = open_shop(rescue.home)
    shop.change("channel = NULL", "entity_id = 'customer-00007'")
    rescue.home.score(shop.job)
    forget(Rescue(shop, rescue.server), "customer-00007")
    lost = Rescue(shop, rescue.server)
    before = lost.seen()
    lost.begin_anew()
    with pytest.raises(ForeignStore):
        rescue.home.score(shop.job)
    lost.rebuild(adopt=True)
    assert lost.seen() == before
    with pytest.raises(BehindStore):
        store_identity.claim(rescue.home.store, store_identity.of(lost.owner), 2)


def test_what_the_database_has_not_sealed_is_not_taken(rescue: Rescue) -> None:
    """Other scores under a note, a whole night under a record and a receipt, and junk, of whoever writes there."""
    before, [run] = rescue.seen(), rescue.shop.runs()
    store, ref = Path(rescue.home.store), RunRef(rescue.job, NIGHTS[0], run["run_id"])
    scored = store / ref.scored(0)
    whole = pq.read_table(scored)
    old = hashlib.sha256(scored.read_bytes()).hexdigest()
    scores = next(number for number, type_ in enumerate(whole.schema.types) if type_ == pa.float64())
    altered = pc.multiply(whole.column(scores), 2)
    pq.write_table(whole.set_column(scores, whole.schema.field(scores), altered), scored)
    new = hashlib.sha256(scored.read_bytes()).hexdigest()
    erased = f"{objects.FOLDER}/erased/{rescue.job}"
    note = {"kind": "scored", "part": 0, "before": old, "after": new, "rows": 0}
    forged = {f"{erased}/{run['run_id']}/scored-00000-{old[:16]}-{new[:16]}.json": json.dumps(note)}
    # A night that nobody scored, approved by nobody.
    [receipt] = receipts.moves_by_day(str(store), rescue.job, [])[NIGHTS[0]]
    folder = shutil.copytree(store / ref.folder, store / RunRef(rescue.job, NIGHTS[1], 99).folder)
    for path in (ref.record, receipt[1]):
        value = objects.read(str(store), path, None) or ""
        for true, false in ((str(NIGHTS[0]), str(NIGHTS[1])), (f'"run_id": {run["run_id"]}', '"run_id": 99')):
            value = value.replace(true, false)
        value = value.replace('"kind": "publish"', '"kind": "approval"').replace(
            '"by": null', '"by": "the CRO"'
        )
        path = path.replace(str(NIGHTS[0]), str(NIGHTS[1])).replace(f"-{run['run_id']}.json", "-99.json")
        forged[path.replace(f"/{run['run_id']}/", "/99/")] = value
    for path, value in forged.items():
        objects.put(str(store), path, value, b"a guess")
    moves = f"{objects.FOLDER}/moves/{rescue.job}"
    junk = [f"{erased}/x/y.json", f"{moves}/nodate/x.json", f"{moves}/{NIGHTS[0]}/x", f"{erased}/²/z.json"]
    for path in junk:
        files.put(str(store), path, b"")
    files.put(str(store), f"{rescue.job}/2024-99-99/1/run.json", b"")
    done = rescue.rebuild()
    assert rescue.seen() == before
    assert done.runs == []
    assert all(any(path in line for line in done.notes) for path in [*junk, next(iter(forged))])
    assert [
        "does not have this database's seal" in line and str(NIGHTS[1]) in line for line in done.refused
    ] == [True]
    assert verify(rescue.home.workspace.predictions).violations == ()
    assert prune(rescue).gone == ()  # no forged receipt makes anybody forgetful
    assert folder.exists()
    with pytest.raises(sa.exc.ProgrammingError, match="permission denied"):
        rescue.home.sql("SELECT secret FROM scoring.identity", "analyst")


def test_a_receipt_and_a_record_speak_of_their_own_night_only(rescue: Rescue) -> None:
    """Adopted without a proof: what one job's files say of another's runs is not believed."""
    other = Rescue(open_shop(rescue.home), rescue.server)
    rescue.home.score(rescue.job, NIGHTS[1])
    rescue.home.score(other.job, NIGHTS[0])
    theirs, store = other.shop.runs()[0], rescue.home.store
    before, [(_, receipt)] = other.seen(), receipts.moves_by_day(store, other.job, [])[NIGHTS[0]]
    forged = (objects.read(store, receipt, None) or "").replace(
        '"status": "published"', '"status": "superseded"'
    )
    objects.put(store, receipt.replace(other.job, rescue.job), forged, b"a guess")
    mine = rescue.shop.runs()[1]["run_id"]
    path = RunRef(rescue.job, NIGHTS[1], mine).record
    record = json.loads(objects.read(store, path, None) or "")
    record["run_metrics"][0]["run_id"] = theirs["run_id"]
    objects.put(store, path, json.dumps(record), b"a guess")
    rescue.begin_anew()
    done = other.rebuild(adopt=True)
    assert any("could be proved" in line for line in done.notes)
    assert rescue.rebuild().runs == []
    refused = rescue.rebuild().refused
    assert ["speaks of another" in line for line in refused] == [True, True]
    assert [str(day) in line for day, line in zip(NIGHTS, refused, strict=False)] == [True, True]
    assert other.seen() == before
    assert verify(rescue.home.workspace.predictions).violations == ()
    [entered] = rescue.home.sql("SELECT kind, by, restored_as FROM scoring.decisions")
    login = rescue.home.sql("SELECT session_user AS login")[0]["login"]
    assert entered == {"kind": "publish", "by": None, "restored_as": login}


def test_a_number_that_nobody_gave_stops_no_night(rescue: Rescue) -> None:
    store, database = rescue.home.store, store_identity.of(rescue.home.workspace.predictions)
    claims = f"{objects.FOLDER}/runs/{database.database_id}"
    huge = 9_223_372_036_854_775_807
    high = [f"{claims}/{number // 1000}/{number}" for number in (huge, 999_999_999_999_999_999)]
    for path in (*high, f"{claims}/0/{database.last_run_id + 1}", f"{claims}/²/1"):
        files.put(store, path, b"")
    for number in (huge, 2_000_000):
        erasure = {"erasure_id": number, "erased_at": "2024-03-01", "job": rescue.job, "reason": "none"}
        path = f"{objects.FOLDER}/erasures/{rescue.job}/{number}.json"
        objects.put(store, path, json.dumps(erasure), b"a guess")
    done = rescue.rebuild()
    assert sum("/erasures/" in line and "left out" in line for line in done.notes) == 2
    # Sequences of numbers that a row has.
    sequences = "SELECT last_value FROM pg_sequences WHERE sequencename ~ '_id_seq$' AND last_value > 999"
    assert rescue.home.sql(sequences) == []
    run = rescue.home.score(rescue.job, NIGHTS[1]).run_id
    assert run == database.last_run_id + 1
    assert store_identity.highest(store, store_identity.of(rescue.home.workspace.predictions)) == run
    rescue.begin_anew()
    with pytest.raises(
        RebuildError, match=rf"{high[1]} .*claims run .*Nothing was touched. Remove that file"
    ):
        rescue.rebuild(adopt=True)
    (Path(store) / high[1]).unlink()
    done = rescue.rebuild(adopt=True)
    assert len(done.runs) == 2
    assert sum("/erasures/" in line and "left out" in line for line in done.notes) == 2
    assert rescue.home.sql(sequences) == []


def prune(rescue: Rescue, **options: Any) -> retention.Pruned:
    """Prune the job, as the janitor, by the days that the owner has entered."""
    retention_days.enter(rescue.owner, [rescue.home.read(rescue.job)])
    address = rescue.server.connections.__getitem__
    return retention.prune(address, rescue.home.store, [rescue.home.read(rescue.job)], **options)


def forget(rescue: Rescue, entity: str = "customer-00002") -> None:
    """Erase somebody."""
    uri = rescue.server.connections["predictions_janitor"]
    erase(uri, rescue.home.store, rescue.job, entity, by="ada", reason="ticket 2041")


def files_of(store: str) -> set[str]:
    """Every file of a store, below it."""
    return {str(path.relative_to(store)) for path in Path(store).rglob("*") if path.is_file()}
