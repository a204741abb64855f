"""pipeline/recovery/adopt.py: a new database takes a lost one's place, and says what it could not prove."""

import json
from pathlib import Path

import pytest

from pipeline.inspection.chain import verify
from pipeline.recovery.adopt import RebuildError
from pipeline.runs import receipts, store_identity
from pipeline.store import files, objects
from pipeline.store.layout import RunRef
from tests.pipeline.recovery.rescue import NIGHTS, Rescue
from tests.pipeline.shop import open_shop


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
