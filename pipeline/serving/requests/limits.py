"""What the API takes of one request and of all together, and how it refuses the rest: in words, with a status."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from pipeline.errors import ScoringError, UsageError

# What may be set, in the environment of `scoring serve`.
ROWS, BODY_MB, WAITING, SECONDS, WALKS = (
    "SCORING_API_ROWS",
    "SCORING_API_BODY_MB",
    "SCORING_API_WAITING_ROWS",
    "SCORING_API_SECONDS",
    "SCORING_API_WALKS",
)


class Refused(ScoringError):
    """A request that is not answered with what it asks for.

    Attributes:
        status: the answer's status of HTTP.
        code: a word for programs.
        headers: further headers of the answer.
    """

    def __init__(self, status: int, code: str, message: str, **headers: str) -> None:
        super().__init__(message)
        self.status, self.code = status, code
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


@dataclass(frozen=True)
class Limits:
    """What is taken.

    Attributes:
        rows: of one request to score, and keys of one look-up.
        body_bytes: of one request's body.
        waiting_rows: of one job, in each process, that wait for the model; what comes on top is refused.
        seconds: that a request's body, the model or the database is waited for.
        walks: of one request that asks for reasons: its rows times the orders in which each is walked.
    """

    rows: int = 1000
    body_bytes: int = 4_000_000
    waiting_rows: int = 10_000
    seconds: float = 30.0
    walks: int = 3200

    @classmethod
    def of(cls, environ: Mapping[str, str] = os.environ) -> Self:
        """The limits of an environment; the defaults where it sets none.

        Raises:
            UsageError: one is no positive number.
        """
        rows = int(_positive(environ, ROWS, cls.rows))
        return cls(
            rows,
            int(_positive(environ, BODY_MB, cls.body_bytes / 1e6) * 1e6),
            max(rows, int(_positive(environ, WAITING, cls.waiting_rows))),
            _positive(environ, SECONDS, cls.seconds),
            int(_positive(environ, WALKS, cls.walks)),
        )


def _positive(environ: Mapping[str, str], name: str, default: float) -> float:
    text = environ.get(name, "")
    try:
        value = float(text) if text else default
    except ValueError:
        value = -1.0
    if not 0 < value < float("inf"):
        raise UsageError(f"{name}={text!r}: set it to a positive number, or leave the variable out.")
    return value
