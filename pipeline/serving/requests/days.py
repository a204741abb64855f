"""The score date that a request names: what is taken, and how the OpenAPI document says it."""

from datetime import date
from typing import Any

from pipeline.config import dates
from pipeline.serving.requests.body import Number, shown
from pipeline.serving.requests.limits import Refused

# Wider than what a run may score, which moves from day to day: a document that said so would be wrong tomorrow.
_LAST = date(2199, 12, 31)
SCHEMA = {
    "type": "string",
    "format": "date",
    "pattern": "^(19[7-9][0-9]|2[01][0-9]{2})-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$",
}


def of(value: Any) -> date | None:
    """A score date that was asked for; None where none was.

    Raises:
        Refused: it is none.
    """
    if value is None:
        return None
    try:
        if isinstance(value, Number) or not isinstance(value, str):
            raise dates.DateError("it is no text")
        day = dates.any_day(value)
        if not dates.FIRST <= day <= _LAST:
            raise dates.DateError("it is out of bounds")
    except dates.DateError:
        text = value if isinstance(value, str) else type(value).__name__  # as deep as it may be
        raise Refused(
            422,
            "no_date",
            f"score_date = '{shown(text)}' is no date from {dates.FIRST} to {_LAST}: YYYY-MM-DD.",
        ) from None
    return day
