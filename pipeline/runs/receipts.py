"""What the store keeps of a run beside its parts, so that a lost database can be made again from it.

A record, before the run is published: its row, its ledger, its metrics and profiles, and its rejected rows. A receipt
for every move of the pointer, after it: what `publications` says of the move, and the rows of the night's runs as they
were then. And a note for every file that an erasure rewrites, before it does: the digests before and after. A record
never changes; receipts and notes say what became of the run since.
"""

import json
import logging
import re
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import date

import pyarrow as pa
import pyarrow.parquet as pq
import sqlalchemy as sa

from pipeline.config import dates
from pipeline.contract.batch_result import REJECTED
from pipeline.databases import postgres
from pipeline.errors import ScoringError
from pipeline.payloads import Part
from pipeline.runs import folders, store_identity
from pipeline.runs.archive import query
from pipeline.runs.store_identity import BehindStore
from pipeline.store import files, layout, objects
from pipeline.store.parts import PartError, PartWriter

log = logging.getLogger(__name__)

KEPT_REJECTED = pa.schema([("part", pa.int32()), *REJECTED])

REJECTED_FILE = "rejected.parquet"
_MOVES = f"{objects.FOLDER}/moves"
_ERASED = f"{objects.FOLDER}/erased"
_ERASURES = f"{objects.FOLDER}/erasures"
# What lies there beside them is not ours.
_MOVE_NAME = re.compile(r"(?P<day>[0-9-]{10})/[0-9]{8}T[0-9]{12}-(?P<number>[0-9]{1,18})\.json")
_NOTE_NAME = re.compile(r"(?P<number>[0-9]{1,18})/[a-z]+-[0-9]{5,}-[0-9a-f]{16}-[0-9a-f]{16}\.json")
_ERASURE_NAME = re.compile(r"(?P<number>[0-9]{1,18})\.json")


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


def record_path(job: str, score_date: str, run_id: int) -> str:
    """Where a run's record is."""
    return f"{layout.folder(job, score_date, run_id)}/run.json"


def rejected_path(job: str, score_date: str, run_id: int) -> str:
    """Where a run's rejected rows are."""
    return f"{layout.folder(job, score_date, run_id)}/{REJECTED_FILE}"


def archive_rejected(uri: str, store: str, run: tuple[str, str, int]) -> Part | None:
    """Write a run's rejected rows into the store; None where there are none.

    Args:
        uri: the predictions database.
        store: where runs keep their parts.
        run: its job, its score date and its number.
    """
    writer = PartWriter(KEPT_REJECTED)
    with postgres.stream(
        uri, query("recovery/rejected.sql"), {"run_id": run[2]}, "recovery/rejected.sql"
    ) as rows:
        for batch in rows:
            writer.write(batch.cast(KEPT_REJECTED))
    return writer.save(store, rejected_path(*run), 0) if writer.rows else None


def rejected_rows(store: str, path: str) -> int | None:
    """How many rejected rows a file has; None where there is no such file."""
    try:
        content = files.fetch(store, path)
    except FileNotFoundError:
        return None
    return int(pq.read_metadata(pa.BufferReader(content)).num_rows)


def archive(connection: sa.Connection, store: str, run: tuple[str, str, int], rejected: Part | None) -> None:
    """Write a run's record into the store, before the run may be published."""
    values = {"run_id": run[2], "rejected": json.dumps(rejected and rejected.json_value())}
    record = connection.execute(sa.text(_RECORD), values).scalar_one()
    objects.put(store, record_path(*run), record, store_identity.read(connection).secret)


def follow(uri: str, store: str, job: str) -> None:
    """Write a receipt for every move of a job's pointer that the store has none of.

    The moves stand already: where the store or the database does not answer, a warning says so, and whoever moves the
    job's pointer next makes up for it.
    """
    try:
        written = set(objects.find(store, f"{_MOVES}/{job}"))
        with postgres.engine(uri).connect() as connection:
            secret = store_identity.read(connection).secret
            for move in connection.execute(sa.text(_PUBLICATIONS), {"job": job}).mappings().all():
                path = f"{_MOVES}/{job}/{move['score_date']}/{move['moment']}-{move['run_id']}.json"
                if path not in written:
                    receipt = connection.execute(sa.text(_MOVE), dict(move)).scalar_one()
                    objects.put(store, path, receipt, secret)
    except (OSError, ScoringError, sa.exc.SQLAlchemyError) as error:
        log.warning(
            "%s: what was published is published, but the store got no receipt for it: %s. The next publication of the "
            "job makes up for it; until then `rebuild` knows of the earlier ones only.",
            job,
            str(error).splitlines()[0],
        )


def nights(store: str, job: str, aside: list[str]) -> dict[date, list[tuple[int, str]]]:
    """The receipts of a job's moves, in order, by score date: the run's number, and the file.

    Args:
        store: where runs keep their parts.
        job: the job's name.
        aside: takes a sentence about everything else that lies there.
    """
    nights: dict[date, list[tuple[int, str]]] = {}
    for name, path in _named(store, f"{_MOVES}/{job}", _MOVE_NAME, aside):
        if day := dates.parse_or_none(name["day"]):
            nights.setdefault(day, []).append((int(name["number"]), path))
        else:
            aside.append(_not_ours(path))
    return nights


def paths(store: str, job: str) -> list[str]:
    """All that is sealed of a job, but for what says whose it is."""
    records = [
        record_path(job, folder.score_date.isoformat(), folder.run_id)
        for folder in folders.folders(store, job)
    ]
    kept = ((_MOVES, _MOVE_NAME), (_ERASED, _NOTE_NAME), (_ERASURES, _ERASURE_NAME))
    return records + [
        path for folder, pattern in kept for _, path in _named(store, f"{folder}/{job}", pattern, [])
    ]


def require_own(connection: sa.Connection, store: str, job: str, *, after_restore: bool = False) -> None:
    """Go on with what throws away only where the store is the database's own, and the database knows all of it.

    Args:
        connection: of the predictions database.
        store: where runs keep their parts.
        job: whose runs are concerned.
        after_restore: go on though the database has forgotten runs.

    Raises:
        ForeignStore: the job's runs are another database's, or nobody's that is known.
        BehindStore: the database was restored from a backup, and the store holds what it has forgotten.
    """
    database = store_identity.read(connection)
    store_identity.require(store, job, database)
    if after_restore:
        return
    store_identity.require_current(store, database)
    known = set(connection.execute(sa.text(_KNOWN), {"job": job}).scalars())
    unknown = {folder.run_id for folder in folders.folders(store, job)} - known
    forgotten = sorted(
        {
            run_id
            for moves in (nights(store, job, []).values() if unknown else ())
            for run_id, path in moves
            if run_id in unknown and objects.sealed(store, path, database.secret)
        }
    )
    if forgotten:
        raise BehindStore(
            f"the store {store} holds published runs of {job} that this database does not know: "
            f"{', '.join(map(str, forgotten[:10]))}. It was restored from a backup. Nothing was touched. Bring them "
            f"back: python -m pipeline rebuild {job}. Where they are not wanted, repeat this with --after-restore."
        )


def note(connection: sa.Connection, store: str, job: str, run_id: int, rewritten: Note) -> None:
    """Note what a file of a run is about to become, before it does."""
    name = f"{rewritten.kind}-{rewritten.part:05d}-{rewritten.before[:16]}-{rewritten.after[:16]}.json"
    secret = store_identity.read(connection).secret
    objects.put(store, f"{_ERASED}/{job}/{run_id}/{name}", json.dumps(asdict(rewritten)), secret)


def notes(store: str, job: str, secret: bytes, aside: list[str]) -> dict[int, list[Note]]:
    """The notes on the files of a job's runs, by run.

    Args:
        store: where runs keep their parts.
        job: the job's name.
        secret: the database's key; what it has not sealed is left out.
        aside: takes a sentence about everything that is left out.
    """
    notes: dict[int, list[Note]] = {}
    for name, path in _named(store, f"{_ERASED}/{job}", _NOTE_NAME, aside):
        try:
            if value := objects.read(store, path, secret):
                notes.setdefault(int(name["number"]), []).append(Note(**json.loads(value)))
        except PartError as error:
            aside.append(f"{error} It was left out.")
        except (TypeError, ValueError):
            aside.append(_not_ours(path))
    return notes


def erasures_between(
    noted: Iterable[Note], kind: str, part: int, before: str, after: str
) -> tuple[Note, ...] | None:
    """The erasures that made one digest of a file another, in order; None where no notes lead there."""
    steps = [one for one in noted if (one.kind, one.part) == (kind, part)]
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
    objects.put(store, f"{_ERASURES}/{job}/{erasure}.json", value, store_identity.read(connection).secret)


def erasures(store: str, job: str, secret: bytes, aside: list[str]) -> list[tuple[int, str, str]]:
    """The receipts of a job's erasures: each one's number, its file, and its JSON; see `notes`."""
    erasures = []
    for name, path in _named(store, f"{_ERASURES}/{job}", _ERASURE_NAME, aside):
        try:
            if value := objects.read(store, path, secret):
                erasures.append((int(name["number"]), path, value))
        except PartError as error:
            aside.append(f"{error} It was left out.")
    return erasures


def _named(
    store: str, folder: str, pattern: re.Pattern[str], aside: list[str]
) -> Iterator[tuple[re.Match[str], str]]:
    """The files below a folder that have names of ours, with the parts of those names."""
    for path in objects.find(store, folder):
        if name := pattern.fullmatch(path.removeprefix(f"{folder}/")):
            yield name, path
        else:
            aside.append(_not_ours(path))


def _not_ours(path: str) -> str:
    return f"{path} in the store is no file of the pipeline's. It was left out: remove it."


# Made by the database, and read by it again: no number passes through Python's floats.
_RECORD = """
SELECT jsonb_build_object(
    'run', to_jsonb(run),
    'rejected', CAST(:rejected AS jsonb),
    'run_parts', (SELECT coalesce(jsonb_agg(to_jsonb(line) ORDER BY line.part), '[]')
                  FROM scoring.run_parts AS line WHERE line.run_id = run.run_id),
    'run_metrics', (SELECT coalesce(jsonb_agg(to_jsonb(line) ORDER BY line.metric), '[]')
                    FROM scoring.run_metrics AS line WHERE line.run_id = run.run_id),
    'feature_metrics', (SELECT coalesce(jsonb_agg(to_jsonb(line) ORDER BY line.feature, line.metric), '[]')
                        FROM scoring.feature_metrics AS line WHERE line.run_id = run.run_id),
    'profiles', (SELECT coalesce(jsonb_agg(to_jsonb(line) ORDER BY line.column_name, line.bin), '[]')
                 FROM scoring.profiles AS line WHERE line.run_id = run.run_id))::text
FROM scoring.scoring_runs AS run WHERE run.run_id = :run_id
"""
_PUBLICATIONS = """
SELECT score_date, run_id, published_at, to_char(published_at AT TIME ZONE 'UTC', 'YYYYMMDD"T"HH24MISSUS') AS moment
FROM scoring.publications WHERE job = :job ORDER BY published_at
"""
_MOVE = """
SELECT jsonb_build_object(
    'publication', to_jsonb(move),
    'runs', (SELECT jsonb_agg(to_jsonb(run) ORDER BY run.run_id) FROM scoring.scoring_runs AS run
             WHERE run.job = move.job AND run.score_date = move.score_date AND run.published_at IS NOT NULL))::text
FROM scoring.publications AS move WHERE move.run_id = :run_id AND move.published_at = :published_at
"""
_KNOWN = "SELECT run_id FROM scoring.scoring_runs WHERE job = :job"
_ERASURE = "SELECT to_jsonb(erasure)::text FROM scoring.erasures AS erasure WHERE erasure_id = :erasure"
