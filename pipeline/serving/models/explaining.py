"""A request that asks for reasons: what it may ask, and the reasons beside the scores."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from pipeline.reasons.work import Settings
from pipeline.serving.models.catalogue import Served
from pipeline.serving.models.scoring import Line
from pipeline.serving.requests import limits
from pipeline.serving.requests.checking import Terms
from pipeline.serving.requests.limits import Limits, Refused


def settings(served: Served, rows: int, most: Limits) -> Settings:
    """How a job's rows are explained.

    Args:
        served: the job.
        rows: how many rows came.
        most: what one request may ask.

    Raises:
        Refused: the job has no reasons, or that many rows are too many.
    """
    section = served.job.reasons
    if section is None:
        raise Refused(
            422, "no_reasons", "The job has no reasons: its file has no section [reasons]. Ask without."
        )
    if rows * section.orders > most.walks:
        raise Refused(
            413,
            "reasons_limit",
            f"{rows:,} rows in {section.orders} orders are {rows * section.orders:,} walks, and one request has "
            f"{most.walks:,} at most ({limits.WALKS}). Send several.",
        )
    return Settings.of(section, keep_values=served.job.contract.keep_values)


async def explain(
    served: Served, terms: Terms, rows: Sequence[Mapping[str, Any]], lines: Sequence[Line], how: Settings
) -> list[Line]:
    """The lines of a request, each that has a score with its reasons.

    Args:
        served: the job, whose model has scored them.
        terms: what the rows are held against.
        rows: as they were sent.
        lines: what became of each.
        how: they are explained.

    Raises:
        Refused: the model cannot be asked, or what it gives does not add up to the scores.
    """
    checked = terms.check(rows, repeats=terms.repeats(rows))
    scored = ["score" in lines[place] for place in checked.places]
    places = [place for place, has in zip(checked.places, scored, strict=True) if has]
    if not places:
        return list(lines)
    scores = np.array([lines[place]["score"] for place in places])
    reasons = await served.model.explain(
        checked.accepted.filter(pa.array(scored)), scores, served.pinned, how
    )
    by_place = dict(zip(places, reasons, strict=True))
    return [
        {**line, "reasons": by_place[place]} if place in by_place else line
        for place, line in enumerate(lines)
    ]
