"""Published scores by key: what analysts see, with the run and the model that it came from."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

from pipeline.databases import statements
from pipeline.serving.published.connections import Connections, Row
from pipeline.serving.requests import days
from pipeline.serving.requests.body import require_keys, shown
from pipeline.serving.requests.limits import Limits, Refused

_SQL = statements.load("serving/lookups")
# Postgres keeps no text with it, so nobody can have such a name.
_NUL = "\0"


async def single(
    connections: Connections, job: str, entity_id: str, score_date: date | None
) -> dict[str, Any]:
    """The published row of an entity: of that score date, or of the last one.

    Raises:
        Refused: nothing is published of it, or the database is gone.
    """
    if _NUL not in entity_id:
        values = {"job": job, "score_date": score_date, "entity_id": entity_id}
        for row in await connections.rows(_SQL["single"], values):
            return _answer(job, row["score_date"], row)
    day = score_date or await latest(connections, job)
    if day is None:
        raise _unpublished(job)
    raise Refused(
        404, "no_score", f"No published score of {job} {day} is that of entity '{shown(entity_id)}'."
    )


async def many(
    connections: Connections, job: str, entity_ids: Sequence[str], score_date: date | None
) -> dict[str, Any]:
    """The published rows of entities, all of one run; and those that it has none of.

    Raises:
        Refused: nothing is published, or the database is gone.
    """
    day = score_date or await latest(connections, job)
    if day is None:
        raise _unpublished(job)
    wanted = [entity for entity in dict.fromkeys(entity_ids) if _NUL not in entity]
    rows = await connections.rows(_SQL["many"], {"job": job, "score_date": day, "entity_ids": wanted})
    by_entity = {row["entity_id"]: _answer(job, day, row) for row in rows}
    return {
        "job": job,
        "score_date": day.isoformat(),
        "predictions": [by_entity[entity] for entity in wanted if entity in by_entity],
        "missing": [entity for entity in dict.fromkeys(entity_ids) if entity not in by_entity],
    }


async def latest(connections: Connections, job: str) -> date | None:
    """The last score date of a job that is published.

    Raises:
        Refused: the database is gone.
    """
    [row] = await connections.rows(_SQL["latest"], {"job": job})
    day: date | None = row["score_date"]
    return day


def keys(document: Any, limits: Limits) -> tuple[list[str], date | None]:
    """The keys and the score date of a request to look up many.

    Raises:
        Refused: it is none.
    """
    wanted = document.get("entity_ids") if isinstance(document, dict) else None
    if not isinstance(wanted, list) or not wanted or any(type(each) is not str for each in wanted):
        raise Refused(
            422,
            "no_keys",
            'The body is to be an object with a list of entities: {"entity_ids": ["..."]}.',
        )
    if len(wanted) > limits.rows:
        raise Refused(
            413, "row_limit", f"{len(wanted):,} keys came, and {limits.rows:,} are the most of one request."
        )
    for entity in wanted:
        if not entity.isascii() and entity != entity.encode("utf-8", "replace").decode():
            raise Refused(422, "no_text", f"Entity '{shown(entity)}' is no text: half of a pair of UTF-16.")
    require_keys(document, ("entity_ids", "score_date", "reasons"))
    return wanted, days.of(document.get("score_date"))


def _answer(job: str, day: date, row: Row) -> dict[str, Any]:
    return {
        "job": job,
        "score_date": day.isoformat(),
        "entity_id": row["entity_id"],
        "score": row["score"],
        "label": row["label"],
        "class_scores": row["class_scores"],
        "model": model(row["model_name"], row["model_version"], row["model_sha256"]),
        "run_id": row["run_id"],
        "served_by": row["served_by"],
        "staleness_days": row["staleness_days"],
        "scored_at": _instant(row["scored_at"]),
        "published_at": _instant(row["published_at"]),
    }


def model(name: str, version: int, sha256: str) -> Mapping[str, Any]:
    """A model, as every answer names it."""
    return {"name": name, "version": version, "sha256": sha256}


def _instant(value: datetime | None) -> str | None:
    return value.astimezone(UTC).isoformat() if value else None


def _unpublished(job: str) -> Refused:
    return Refused(404, "unpublished", f"Nothing of {job} is published yet.")
