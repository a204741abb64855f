"""What the store keeps of erasures: a note for every file that one rewrites, and a receipt for each.

A note says what a file is about to become, before it does: its digests before and after. A database that was lost
could not tell the new file from a damaged one.
"""

import json
import re
from collections import deque
from collections.abc import Iterable
from dataclasses import asdict, dataclass

import sqlalchemy as sa

from pipeline.runs import folders, store_identity
from pipeline.store import objects
from pipeline.store.parts import PartError

NOTES = f"{objects.FOLDER}/erased"


RECEIPTS = f"{objects.FOLDER}/erasures"


NOTE_NAME = re.compile(r"(?P<number>[0-9]{1,18})/[a-z]+-[0-9]{5,}-[0-9a-f]{16}-[0-9a-f]{16}\.json")


RECEIPT_NAME = re.compile(r"(?P<number>[0-9]{1,18})\.json")


@dataclass(frozen=True)
class Note:
    """A file that an erasure rewrote, or was about to. Never whose rows went.

    Attributes:
        kind: `input`, `scored` or `rejected`.
        part: number of the part; 0 for rejected rows.
        before: the file's digest before.
        after: and after.
        rows: how many rows the file lost.
    """

    kind: str
    part: int
    before: str
    after: str
    rows: int


def note(connection: sa.Connection, store: str, job: str, run_id: int, rewritten: Note) -> None:
    """Note what a file of a run is about to become, before it does."""
    name = f"{rewritten.kind}-{rewritten.part:05d}-{rewritten.before[:16]}-{rewritten.after[:16]}.json"
    secret = store_identity.read(connection).secret
    objects.put(store, f"{NOTES}/{job}/{run_id}/{name}", json.dumps(asdict(rewritten)), secret)


def notes(store: str, job: str, secret: bytes, aside: list[str]) -> dict[int, list[Note]]:
    """The notes on the files of a job's runs, by run.

    Args:
        store: where runs keep their parts.
        job: the job's name.
        secret: the database's key; what it has not sealed is left out.
        aside: takes a sentence about everything that is left out.
    """
    notes: dict[int, list[Note]] = {}
    for name, path in folders.named(store, f"{NOTES}/{job}", NOTE_NAME, aside):
        try:
            if value := objects.read(store, path, secret):
                notes.setdefault(int(name["number"]), []).append(Note(**json.loads(value)))
        except PartError as error:
            aside.append(f"{error} It was left out.")
        except (TypeError, ValueError):
            aside.append(folders.not_ours(path))
    return notes


def erasures_between(
    noted: Iterable[Note], kind: str, part: int, before: str, after: str
) -> tuple[Note, ...] | None:
    """The erasures that made one digest of a file another, in order; None where no notes lead there."""
    steps = [note for note in noted if (note.kind, note.part) == (kind, part)]
    waiting: deque[tuple[str, tuple[Note, ...]]] = deque([(before, ())])
    seen = {before}
    while waiting:
        digest, path = waiting.popleft()
        if digest == after:
            return path
        for step in steps:
            if step.before == digest and step.after not in seen:
                seen.add(step.after)
                waiting.append((step.after, (*path, step)))
    return None


def keep_erasure(connection: sa.Connection, store: str, job: str, erasure: int) -> None:
    """Write an erasure's receipt into the store as well."""
    value = connection.execute(sa.text(_ERASURE), {"erasure": erasure}).scalar_one()
    objects.put(store, f"{RECEIPTS}/{job}/{erasure}.json", value, store_identity.read(connection).secret)


def erasures(store: str, job: str, secret: bytes, aside: list[str]) -> list[tuple[int, str, str]]:
    """The receipts of a job's erasures: each one's number, its file, and its JSON; see `notes`."""
    erasures = []
    for name, path in folders.named(store, f"{RECEIPTS}/{job}", RECEIPT_NAME, aside):
        try:
            if value := objects.read(store, path, secret):
                erasures.append((int(name["number"]), path, value))
        except PartError as error:
            aside.append(f"{error} It was left out.")
    return erasures


_ERASURE = "SELECT to_jsonb(erasure)::text FROM scoring.erasures AS erasure WHERE erasure_id = :erasure"
