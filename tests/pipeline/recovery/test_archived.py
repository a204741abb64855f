"""pipeline/recovery/archived.py: what the store has counts where it is proved to be the database's own."""

import hashlib
import json
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa

from pipeline.inspection.chain import verify
from pipeline.runs import receipts
from pipeline.store import files, objects
from pipeline.store.layout import RunRef
from tests.pipeline.recovery.rescue import NIGHTS, Rescue, live, prune


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
