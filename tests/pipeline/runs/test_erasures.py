"""pipeline/runs/erasures.py: what erasures rewrote is noted before, so that a new file is told from a damaged one."""

import json
from dataclasses import asdict
from pathlib import Path

from pipeline.databases import postgres
from pipeline.runs import erasures, store_identity
from pipeline.runs.erasures import NOTES, RECEIPTS, Note, erasures_between
from pipeline.store import files, objects
from tests.pipeline.shop import Shop

FIRST = Note("scored", 0, "a" * 64, "b" * 64, 1)
SECOND = Note("scored", 0, "b" * 64, "c" * 64, 2)
BACK = Note("scored", 0, "c" * 64, "a" * 64, 0)


def test_notes_lead_from_one_digest_to_another_in_order() -> None:
    noted = [SECOND, FIRST, BACK]
    assert erasures_between(noted, "scored", 0, "a" * 64, "c" * 64) == (FIRST, SECOND)
    assert erasures_between(noted, "scored", 0, "c" * 64, "b" * 64) == (BACK, FIRST)
    assert erasures_between(noted, "scored", 0, "d" * 64, "d" * 64) == ()


def test_a_digest_to_which_no_note_leads_is_none() -> None:
    assert erasures_between([FIRST, BACK], "scored", 0, "a" * 64, "d" * 64) is None
    assert erasures_between([FIRST], "scored", 1, "a" * 64, "b" * 64) is None
    assert erasures_between([FIRST], "input", 0, "a" * 64, "b" * 64) is None


def test_a_note_is_read_as_it_was_written_under_the_databases_seal(shop: Shop) -> None:
    with postgres.engine(shop.home.workspace.predictions).connect() as connection:
        erasures.note(connection, shop.home.store, shop.job, 7, FIRST)
        secret = store_identity.read(connection).secret
    aside: list[str] = []
    assert erasures.notes(shop.home.store, shop.job, secret, aside) == {7: [FIRST]}
    assert aside == []


def test_what_is_not_sealed_or_makes_no_sense_is_left_out_and_named(tmp_path: Path) -> None:
    store, key = str(tmp_path), b"a key"
    name = f"{'a' * 16}-{'b' * 16}.json"
    forged, odd = f"{NOTES}/job/1/scored-00000-{name}", f"{NOTES}/job/2/scored-00000-{name}"
    objects.put(store, forged, json.dumps(asdict(FIRST)), b"a guess")
    objects.put(store, odd, '{"kind": "scored"}', key)
    files.put(store, f"{NOTES}/job/notes.txt", b"")
    aside: list[str] = []
    assert not any(erasures.notes(store, "job", key, aside).values())
    assert len(aside) == 3
    assert sum(forged in line and "seal" in line for line in aside) == 1
    assert sum("is no file of the pipeline's" in line for line in aside) == 2
    objects.put(store, f"{RECEIPTS}/job/1.json", "{}", key)
    objects.put(store, f"{RECEIPTS}/job/2.json", "{}", b"a guess")
    aside.clear()
    assert erasures.erasures(store, "job", key, aside) == [(1, f"{RECEIPTS}/job/1.json", "{}")]
    assert ["2.json" in line and "It was left out." in line for line in aside] == [True]
