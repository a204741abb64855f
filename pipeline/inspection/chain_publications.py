"""Publications, and the runs that analysts see, beside what the chain of decisions says of them."""

from collections.abc import Iterator, Sequence

import sqlalchemy as sa

from pipeline.inspection.sealed import MOVES, Row, name_of, rows

_MOVE = ("job", "score_date", "run_id", "replaced_run_id", "published_at", "kind", "by", "login", "reason")


def altered(connection: sa.Connection, chain: Sequence[Row]) -> Iterator[str]:
    """Lines of `publications` that are not in the chain, and entries that are not in `publications`."""
    names = ["recorded_at" if column == "published_at" else column for column in _MOVE]
    sealed = {tuple(getattr(row, name) for name in names): row for row in chain if row.kind in MOVES}
    for move in rows(connection, "publications", _MOVE, "published_at"):
        if sealed.pop(tuple(move), None) is None:
            yield (
                f"publications: the {move.kind} of run {move.run_id} of {move.job} {move.score_date} was altered, "
                "inserted or doubled: no entry of the chain says the same"
            )
    for row in sealed.values():
        yield f"publications: the line of {name_of(row)} was altered or is gone"


def wrong_pointers(connection: sa.Connection, chain: Sequence[Row]) -> Iterator[str]:
    """Score dates of which analysts see another run than the last one that the chain says was published."""
    sealed = {(row.job, row.score_date): row for row in chain if row.kind in MOVES}
    for pointer in rows(connection, "current_runs", ("job", "score_date", "run_id"), "job", "score_date"):
        entry = sealed.pop((pointer.job, pointer.score_date), None)
        shown = f"{pointer.job} {pointer.score_date} shows run {pointer.run_id}"
        if entry is None:
            yield f"{shown}, and no entry of the chain published it"
        elif entry.run_id != pointer.run_id:
            yield f"{shown}, and not the run of {name_of(entry)}"
    expired = {
        run.run_id
        for run in rows(connection, "scoring_runs", ("run_id", "expired_at"), "run_id")
        if run.expired_at
    }
    for (job, score_date), entry in sealed.items():
        if entry.run_id not in expired:
            yield f"{job} {score_date} shows nothing, and not the run of {name_of(entry)}"
