"""Asks a model for the rows of many requests in one call; those on which it fails take turns with what else comes.

Rows are held against the contract together, too: to check one row costs no less than to check a few hundred.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, chain
from typing import Any

from pipeline.errors import ScoringError
from pipeline.isolation.forkers import WorkerError
from pipeline.model.loaded_model import Model
from pipeline.serving import metrics
from pipeline.serving.models import scoring
from pipeline.serving.models.scoring import Line, Search, Turns, UnusableError, settle
from pipeline.serving.requests.checking import Checked, Terms
from pipeline.serving.requests.limits import Refused

log = logging.getLogger(__name__)

# Counts what became of rows that were checked and scored together.
Record = Callable[[Checked, list[Line]], None]


@dataclass(eq=False)
class Asked:
    """Rows of one request, and who waits for their answers.

    Attributes:
        rows: as they were sent.
        terms: what they are held against.
        repeats: whether they have an entity twice where the job rejects such rows.
        record: counts what becomes of them, in the loop's thread.
        answer: a line a row.
    """

    rows: Sequence[Mapping[str, Any]]
    terms: Terms
    repeats: bool
    record: Record
    answer: "asyncio.Future[list[Line]]"

    def fits(self, other: "Asked") -> bool:
        """Whether both can be checked and scored together."""
        return self.terms is other.terms and not self.repeats and not other.repeats

    def end(self, result: list[Line] | Exception) -> None:
        """Answer whoever waits, in the loop's thread."""
        settle(self.answer, result)


class Asker:
    """A loaded model, as the one thread that asks it sees it."""

    def __init__(self, job: str, model: Model, reopen: Callable[[], Model]) -> None:
        """Take a model that is verified.

        Args:
            job: whose model it is.
            model: the model.
            reopen: gives it once more, where its process has ended.
        """
        self._job, self.model, self._reopen = job, model, reopen

    def ask(self, group: Sequence[Asked]) -> Turns[None] | None:
        """Answer requests that fit together, in one call of the model; where it fails, what is left to do for them."""
        try:
            self._answer(group)
        except (WorkerError, MemoryError) as error:
            # One that was killed, as where memory runs out, tells a MemoryError, and so does every call of it after.
            return self._after_end(group, error)
        except UnusableError as error:
            log.error("%s: the model cannot be used: %s", self._job, type(error).__name__)
            _end(
                group,
                Refused(500, "model", "The model's answers are none that could be used. Tell its team."),
            )
        except Exception as error:  # noqa: BLE001 - the model's own code may raise anything
            return self._apart(group, error, Search(lambda batch: scoring.score(self.model, batch)))
        return None

    def _answer(self, group: Sequence[Asked]) -> None:
        """Check and score requests together."""
        rows = list(chain.from_iterable(asked.rows for asked in group))
        checked = group[0].terms.check(rows, repeats=group[0].repeats)
        if checked.accepted.num_rows:
            metrics.BATCH_ROWS.labels(self._job).observe(checked.accepted.num_rows)
        _give(group, checked, scoring.score(self.model, checked.accepted))

    def _apart(self, group: Sequence[Asked], error: Exception, search: Search) -> Turns[None]:
        """Answer requests that cannot be answered together: half of them, and half of those that fail again."""
        if all(asked.answer.done() for asked in group):
            return
        if len(group) == 1:
            yield from self._rows(group[0], error, search)
            return
        half = len(group) // 2
        for part in (group[:half], group[half:]):
            if search.left < 1:
                _end(part, _fails_often())
                continue
            yield
            search.left -= 1
            try:
                self._answer(part)
            except (WorkerError, MemoryError) as raised:
                if rest := self._after_end(part, raised):
                    yield from rest
            except Exception as raised:  # noqa: BLE001 - the model's own code may raise anything
                yield from self._apart(part, raised, search)

    def _rows(self, asked: Asked, error: Exception, search: Search) -> Turns[None]:
        """Answer a request that the model fails on: each of its rows for itself."""
        try:
            checked = asked.terms.check(asked.rows, repeats=asked.repeats)
            keep_values = asked.terms.policy.keep_values
            _give(
                [asked], checked, (yield from search.rows(checked.accepted, error, keep_values=keep_values))
            )
        except (WorkerError, MemoryError) as raised:
            self._after_end([asked], raised)
        except Exception as raised:  # noqa: BLE001 - whoever waits is told, and the next is served
            _end([asked], raised)

    def restart(self, error: Exception) -> bool:
        """Start the model's process again, which has ended; whether it answers."""
        log.error(
            "%s: the model's process has ended (%s); it is started again", self._job, type(error).__name__
        )
        metrics.ENDED.labels(self._job).inc()
        try:
            self.model = self._reopen()
        except (ScoringError, MemoryError, OSError) as failure:
            log.error("%s: the model cannot be opened again: %s", self._job, type(failure).__name__)
            return False
        return True

    def _after_end(self, group: Sequence[Asked], error: WorkerError | MemoryError) -> Turns[None] | None:
        """The model's process has ended: it is started again, for each request alone, so that one alone is refused."""
        if self.restart(error) and len(group) > 1:
            return self._each(group)
        _end(group, _ended(error))
        return None

    def _each(self, group: Sequence[Asked]) -> Turns[None]:
        for asked in group:
            if not asked.answer.done():
                yield
                if rest := self.ask([asked]):
                    yield from rest


def _give(group: Sequence[Asked], checked: Checked, scored: list[Line]) -> None:
    """Give requests their answers: of all rows, in the order in which they were sent."""
    lines: list[Line] = [
        {"rejected": checked.rejected.get(number)} for number in range(len(checked.entities))
    ]
    for place, line in zip(checked.places, scored, strict=True):
        lines[place] = line
    named = [{"entity_id": entity, **line} for entity, line in zip(checked.entities, lines, strict=True)]
    ends = accumulate(len(asked.rows) for asked in group)
    parts = [named[end - len(asked.rows) : end] for asked, end in zip(group, ends, strict=True)]

    def give() -> None:
        group[0].record(checked, lines)
        for asked, part in zip(group, parts, strict=True):
            asked.end(part)

    group[0].answer.get_loop().call_soon_threadsafe(give)


def _end(group: Sequence[Asked], error: Exception) -> None:
    for asked in group:
        asked.answer.get_loop().call_soon_threadsafe(asked.end, error)


def _fails_often() -> Refused:
    text = "The model fails on too many rows that came at this moment. Try again."
    return Refused(503, "model_fails", text, Retry_After="1")


def _ended(error: Exception) -> Refused:
    if isinstance(error, MemoryError):
        return Refused(
            503, "memory", "There is too little memory to score. Send fewer rows.", Retry_After="5"
        )
    return Refused(
        503,
        "model_ended",
        "The model's process has ended over these rows, and is started again. Send them one by one.",
        Retry_After="5",
    )
