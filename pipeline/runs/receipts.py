"""What the store keeps of a run beside its parts, so that a lost database can be made again from it.

A record, before the run is published: its row, its ledger, its metrics and profiles, and its rejected rows. A receipt
for every move of the pointer, after it: what `publications` says of the move, and the rows of the day's runs as they
were then. And a note for every file that an erasure rewrites, before it does: the digests before and after. A record
never changes; receipts and notes say what became of the run since.
"""

import json
import logging
import re
from datetime import date
from functools import partial

import pyarrow as pa
import pyarrow.parquet as pq
import sqlalchemy as sa

from pipeline.config import dates
from pipeline.contract.batch_result import REJECTED
from pipeline.databases import postgres, statements
from pipeline.databases.queries import Query
from pipeline.errors import ScoringError
from pipeline.payloads import Part
from pipeline.runs import folders, store_identity
from pipeline.runs.archive import query
from pipeline.runs.erasures import NOTE_NAME, NOTES, RECEIPT_NAME, RECEIPTS
from pipeline.runs.folders import named, not_ours
from pipeline.runs.store_identity import BehindStore
from pipeline.store import files, objects
from pipeline.store.layout import RunRef
from pipeline.store.parts import PartWriter

_SQL = statements.load("runs/receipts")

log = logging.getLogger(__name__)

KEPT_REJECTED = pa.schema([("part", pa.int32()), *REJECTED])

_MOVES = f"{objects.FOLDER}/moves"
# What lies there beside them is not ours.
_MOVE_NAME = re.compile(r"(?P<day>[0-9-]{10})/[0-9]{8}T[0-9]{12}-(?P<number>[0-9]{1,18})\.json")


def archive_rejected(database_url: str, store: str, ref: RunRef) -> Part | None:
    """Write a run's rejected rows into the store; None where there are none.

    Args:
        database_url: the predictions database.
        store: where runs keep their parts.
        ref: the run.
    """
    writer = PartWriter(KEPT_REJECTED)
    with postgres.stream(
        database_url, Query(query("recovery/rejected.sql"), {"run_id": ref.run_id}, "recovery/rejected.sql")
    ) as rows:
        for batch in rows:
            writer.write(batch.cast(KEPT_REJECTED))
    return writer.save(store, ref.rejected, 0) if writer.rows else None


def rejected_rows(store: str, path: str) -> int | None:
    """How many rejected rows a file has; None where there is no such file."""
    try:
        content = files.fetch(store, path)
    except FileNotFoundError:
        return None
    return int(pq.read_metadata(pa.BufferReader(content)).num_rows)


def archive(connection: sa.Connection, store: str, ref: RunRef, rejected: Part | None) -> None:
    """Write a run's record into the store, before the run may be published."""
    values = {"run_id": ref.run_id, "rejected": json.dumps(rejected and rejected.json_value())}
    record = connection.execute(sa.text(_SQL["record"]), values).scalar_one()
    objects.put(store, ref.record, record, store_identity.read(connection).secret)


def follow(database_url: str, store: str, job: str) -> None:
    """Write a receipt for every move of a job's pointer that the store has none of.

    The moves stand already: where the store or the database does not answer, a warning says so, and whoever moves the
    job's pointer next makes up for it.
    """
    try:
        written = set(objects.find(store, f"{_MOVES}/{job}"))
        with postgres.engine(database_url).connect() as connection:
            secret = store_identity.read(connection).secret
            for move in connection.execute(sa.text(_SQL["publications"]), {"job": job}).mappings().all():
                path = f"{_MOVES}/{job}/{move['score_date']}/{move['moment']}-{move['run_id']}.json"
                if path not in written:
                    receipt = connection.execute(sa.text(_SQL["move"]), dict(move)).scalar_one()
                    objects.put(store, path, receipt, secret)
    except (OSError, ScoringError, sa.exc.SQLAlchemyError) as error:
        log.warning(
            "%s: what was published is published, but the store got no receipt for it: %s. The next publication of the "
            "job makes up for it; until then `rebuild` knows of the earlier ones only.",
            job,
            str(error).splitlines()[0],
        )


def moves_by_day(store: str, job: str, aside: list[str]) -> dict[date, list[tuple[int, str]]]:
    """The receipts of a job's moves, in order, by score date: the run's number, and the file.

    Args:
        store: where runs keep their parts.
        job: the job's name.
        aside: takes a sentence about everything else that lies there.
    """
    moves: dict[date, list[tuple[int, str]]] = {}
    for name, path in named(store, f"{_MOVES}/{job}", _MOVE_NAME, aside):
        if day := dates.parse_or_none(name["day"]):
            moves.setdefault(day, []).append((int(name["number"]), path))
        else:
            aside.append(not_ours(path))
    return moves


def paths(store: str, job: str) -> list[str]:
    """All that is sealed of a job, but for what says whose it is."""
    records = [RunRef(job, folder.score_date, folder.run_id).record for folder in folders.folders(store, job)]
    kept = ((_MOVES, _MOVE_NAME), (NOTES, NOTE_NAME), (RECEIPTS, RECEIPT_NAME))
    return records + [
        path for folder, pattern in kept for _, path in named(store, f"{folder}/{job}", pattern, [])
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
    store_identity.require_current(store, partial(store_identity.read, connection))
    there = {folder.run_id for folder in folders.folders(store, job)}
    unknown = there - set(connection.execute(sa.text(_KNOWN), {"job": job}).scalars())
    forgotten = sorted(
        {
            run_id
            for moves in (moves_by_day(store, job, []).values() if unknown else ())
            for run_id, path in moves
            if run_id in unknown and objects.sealed(store, path, database.secret)
        }
    )
    if forgotten:
        raise BehindStore(
            f"the store {store} holds published runs of {job} that this database does not know: "
            f"{', '.join(map(str, forgotten[:10]))}. It was restored from a backup. Nothing was touched. Bring them "
            f"back: scoring rebuild {job}. Where they are not wanted, repeat this with --after-restore."
        )


_KNOWN = "SELECT run_id FROM scoring.scoring_runs WHERE job = :job"
