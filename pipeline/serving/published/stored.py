"""The reasons that are kept of published scores, beside these."""

from collections.abc import Sequence
from typing import Any

from pipeline.databases import statements
from pipeline.serving.models import walks
from pipeline.serving.published.connections import Connections, Row
from pipeline.serving.requests.body import shown
from pipeline.serving.requests.limits import Refused

_SQL = statements.load("serving/lookups")

# What a query of a URL may say.
FLAGS = {"true": True, "false": False}


def asked(text: str | None) -> bool:
    """Whether a URL asks for reasons.

    Raises:
        Refused: it says neither yes nor no.
    """
    if text is not None and text not in FLAGS:
        raise Refused(422, "no_flag", f"reasons = '{shown(text)}' is to be true or false.")
    return FLAGS.get(text or "", False)


async def beside(connections: Connections, predictions: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Published rows, each with its reasons; null where none are kept, or another run was published meanwhile.

    Args:
        connections: with the predictions database.
        predictions: answers to a look-up, all of one run.

    Raises:
        Refused: the database is gone.
    """
    by_entity: dict[str, list[Row]] = {}
    if predictions:
        run = {name: predictions[0][name] for name in ("job", "score_date", "run_id")}
        entities = [row["entity_id"] for row in predictions]
        for row in await connections.rows(_SQL["reasons"], {**run, "entity_ids": entities}):
            by_entity.setdefault(row["entity_id"], []).append(row)
    return [{**row, "reasons": _shown(by_entity.get(row["entity_id"]))} for row in predictions]


def _shown(rows: list[Row] | None) -> walks.Reasons | None:
    return walks.shown(rows[0]["base"], [dict(row) for row in rows]) if rows else None
