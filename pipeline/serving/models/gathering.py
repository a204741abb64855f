"""Requests that come at the same time are scored together: a row costs a model no less than a few hundred."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pyarrow as pa

from pipeline.errors import ScoringError
from pipeline.isolation.forkers import WorkerError
from pipeline.model.loaded_model import Model
from pipeline.serving import metrics
from pipeline.serving.models import scoring
from pipeline.serving.models.scoring import Line
from pipeline.serving.requests.limits import Limits, Refused

log = logging.getLogger(__name__)

# So long the first of some rows waits for others, where the model is idle.
GATHER_SECONDS = 0.003
# Of one call of the model, unless one request alone has more.
MOST_ROWS = 4096


@dataclass(eq=False)
class _Asked:
    """Rows that wait for the model, and who waits for them."""

    batch: pa.RecordBatch
    keep_values: bool
    answer: "asyncio.Future[list[Line]]"


class Gatherer:
    """A loaded model, the rows that wait for it, and the one thread that asks it.

    Nothing of it has to be ended: with the last request that began on a version, its model goes.
    """

    def __init__(self, job: str, model: Model, reopen: Callable[[], Model], limits: Limits) -> None:
        """Take a model that is verified.

        Args:
            job: whose model it is.
            model: the model.
            reopen: gives it once more, where its process has ended.
            limits: how many rows may wait, and for how long.
        """
        self._job, self._model, self._reopen, self._limits = job, model, reopen, limits
        self._waiting: deque[_Asked] = deque()
        self._rows = 0
        self._task: asyncio.Task[None] | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"model-{job}")

    async def score(self, batch: pa.RecordBatch, *, keep_values: bool) -> list[Line]:
        """Score rows that the contract accepts, together with whatever else waits.

        Raises:
            Refused: too many rows wait already, or the model does not answer in time, or not at all.
        """
        if not batch.num_rows:
            return []
        if self._rows + batch.num_rows > self._limits.waiting_rows:
            raise Refused(
                429,
                "busy",
                f"{self._rows:,} rows of {self._job} wait for the model already. Try again in a second.",
                Retry_After="1",
            )
        asked = _Asked(batch, keep_values, asyncio.get_running_loop().create_future())
        self._waiting.append(asked)
        self._count(batch.num_rows)
        if self._task is None:
            self._task = asyncio.create_task(self._work())
        try:
            async with asyncio.timeout(self._limits.seconds):
                return await asked.answer
        except TimeoutError:
            raise Refused(
                504,
                "slow_model",
                f"The model has not answered after {self._limits.seconds:g} s.",
                Retry_After="5",
            ) from None
        finally:
            if asked in self._waiting:  # nobody waits for it any more
                self._waiting.remove(asked)
                self._count(-batch.num_rows)

    def _count(self, rows: int) -> None:
        self._rows += rows
        metrics.WAITING.labels(self._job).set(self._rows)

    async def _work(self) -> None:
        """Ask the model for what waits, until nothing does."""
        try:
            await asyncio.sleep(GATHER_SECONDS)
            while self._waiting:
                await self._answer(self._take())
        finally:
            self._task = None

    def _take(self) -> list[_Asked]:
        """What is scored next: rows of one kind of answer, up to a batch."""
        taken: list[_Asked] = []
        rows = 0
        while self._waiting:
            first = self._waiting[0]
            if taken and (
                rows + first.batch.num_rows > MOST_ROWS or first.keep_values != taken[0].keep_values
            ):
                break
            taken.append(self._waiting.popleft())
            rows += first.batch.num_rows
        self._count(-rows)
        return taken

    async def _answer(self, taken: list[_Asked]) -> None:
        batches = [asked.batch for asked in taken]
        metrics.BATCH_ROWS.labels(self._job).observe(sum(batch.num_rows for batch in batches))
        loop = asyncio.get_running_loop()
        try:
            answers = await loop.run_in_executor(self._thread, self._score, batches, taken[0].keep_values)
        except Exception as error:  # noqa: BLE001 - whoever waits is told, and what comes next is scored
            for asked in taken:
                if not asked.answer.done():
                    asked.answer.set_exception(error)
            return
        for asked, lines in zip(taken, answers, strict=True):
            if asked.answer.done():  # nobody waits for it any more
                continue
            if isinstance(lines, Refused):
                asked.answer.set_exception(lines)
            else:
                asked.answer.set_result(lines)

    def _score(self, batches: list[pa.RecordBatch], keep_values: bool) -> list[list[Line] | Refused]:
        """The answers to several requests, in this model's thread; where they cannot be had together, to each alone."""
        try:
            lines = scoring.score(self._model, scoring.together(batches), keep_values=keep_values)
        except (WorkerError, MemoryError) as error:
            # One that was killed, as where memory runs out, tells a MemoryError, and so does every call of it after.
            return self._after_end(error, batches, keep_values)
        except ScoringError as error:
            log.error("%s: the model cannot be used: %s", self._job, type(error).__name__)
            return [
                Refused(500, "model", "The model's answers are none that could be used. Tell its team.")
                for _ in batches
            ]
        answers: list[list[Line] | Refused] = []
        first = 0
        for batch in batches:
            answers.append(lines[first : first + batch.num_rows])
            first += batch.num_rows
        return answers

    def _after_end(
        self, error: WorkerError | MemoryError, batches: list[pa.RecordBatch], keep_values: bool
    ) -> list[list[Line] | Refused]:
        """The model's process has ended: it is started again, for each request alone, so that one alone is refused."""
        log.error(
            "%s: the model's process has ended (%s); it is started again", self._job, type(error).__name__
        )
        metrics.ENDED.labels(self._job).inc()
        try:
            self._model = self._reopen()
        except (ScoringError, MemoryError, OSError) as failure:
            log.error("%s: the model cannot be opened again: %s", self._job, type(failure).__name__)
            return [_ended(error) for _ in batches]
        if len(batches) == 1:
            return [_ended(error)]
        return [self._score([batch], keep_values)[0] for batch in batches]


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
