"""Requests that come at the same time are scored together: a row costs a model no less than a few hundred."""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import pyarrow as pa

from pipeline.attribution.walk import Floats
from pipeline.model.loaded_model import Model
from pipeline.model.manifest import PinnedVersion
from pipeline.reasons.work import Settings
from pipeline.serving import metrics
from pipeline.serving.models.asking import Asked, Asker, Record
from pipeline.serving.models.scoring import Line, Turns
from pipeline.serving.models.walks import Explained, Reasons, Walker
from pipeline.serving.requests.checking import Terms
from pipeline.serving.requests.limits import Limits, Refused

# So long the first of some rows waits for others, where the model is idle.
GATHER_SECONDS = 0.003
# Of one call of the model, unless one request alone has more.
MOST_ROWS = 4096
# So many requests with as many walks as one may have wait at a time.
_EXPLAINED = 10
_ENDED = object()

Result = TypeVar("Result")


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
        self._job, self._limits = job, limits
        self._asker = Asker(job, model, reopen)
        self._walker = Walker(job, self._asker)
        self._waiting: deque[Asked] = deque()
        # What the model has failed on, and what is explained, takes turns with what waits.
        self._apart: deque[Turns[None]] = deque()
        self._rows = self._walks = 0
        self._task: asyncio.Task[None] | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"model-{job}")

    async def score(self, rows: Sequence[Mapping[str, Any]], terms: Terms, record: Record) -> list[Line]:
        """Check and score the rows of a request, together with whatever else waits.

        Args:
            rows: as they were sent.
            terms: what they are held against; those that come with the very same are checked together.
            record: counts what becomes of them.

        Raises:
            Refused: too many rows wait already, or the model does not answer in time, or not at all.
        """
        if self._rows + len(rows) > self._limits.waiting_rows:
            raise Refused(
                429,
                "busy",
                f"{self._rows:,} rows of {self._job} wait for the model already. Try again in a second.",
                Retry_After="1",
            )
        answer: asyncio.Future[list[Line]] = asyncio.get_running_loop().create_future()
        asked = Asked(rows, terms, terms.repeats(rows), record, answer)
        self._waiting.append(asked)
        self._count(len(rows))
        if self._task is None:
            self._task = asyncio.create_task(self._work())
        try:
            return await self._answered(answer)
        finally:
            if asked in self._waiting:  # nobody waits for it any more
                self._waiting.remove(asked)
                self._count(-len(rows))

    async def explain(
        self, rows: pa.RecordBatch, scores: Floats, pinned: PinnedVersion, settings: Settings
    ) -> list[Reasons]:
        """Explain rows that were scored: a block a turn, while what waits to be scored is not kept waiting longer.

        Args:
            rows: that the contract accepts.
            scores: what the model has given them.
            pinned: the version that it is of.
            settings: how the job explains.

        Raises:
            Refused: too many wait already, or the model does not answer in time, or not at all.
        """
        answer: asyncio.Future[list[Reasons]] = asyncio.get_running_loop().create_future()
        asked = Explained(rows, scores, pinned, settings, answer)
        if self._walks + asked.number > _EXPLAINED * self._limits.walks:
            text = f"Too many rows of {self._job} wait to be explained already. Try again in a few seconds."
            raise Refused(429, "busy", text, Retry_After="5")
        self._walks += asked.number
        self._apart.append(self._walker.explain(asked))
        if self._task is None:
            self._task = asyncio.create_task(self._work())
        try:
            return await self._answered(answer)
        finally:
            self._walks -= asked.number

    async def _answered(self, answer: "asyncio.Future[Result]") -> Result:
        try:
            async with asyncio.timeout(self._limits.seconds):
                return await answer
        except TimeoutError:
            raise Refused(
                504,
                "slow_model",
                f"The model has not answered after {self._limits.seconds:g} s.",
                Retry_After="5",
            ) from None

    def _count(self, rows: int) -> None:
        self._rows += rows
        metrics.WAITING.labels(self._job).set(self._rows)

    async def _work(self) -> None:
        """Ask the model for what waits, until nothing does."""
        loop = asyncio.get_running_loop()
        try:
            await asyncio.sleep(GATHER_SECONDS)
            while self._waiting or self._apart:
                if self._waiting:
                    await self._ask(self._take())
                if self._apart:
                    is_done: bool = await loop.run_in_executor(self._thread, _turn, self._apart[0])
                    if is_done:
                        self._apart.popleft()
        finally:
            self._task = None

    async def _ask(self, group: list[Asked]) -> None:
        loop = asyncio.get_running_loop()
        try:
            rest = await loop.run_in_executor(self._thread, self._asker.ask, group)
        except Exception as error:  # noqa: BLE001 - whoever waits is told, and what comes next is scored
            for asked in group:
                asked.end(error)
            return
        if rest:
            self._apart.append(rest)

    def _take(self) -> list[Asked]:
        """What is scored next: requests that fit together, up to a batch."""
        taken: list[Asked] = []
        rows = 0
        while self._waiting:
            first = self._waiting[0]
            if taken and (rows + len(first.rows) > MOST_ROWS or not first.fits(taken[0])):
                break
            taken.append(self._waiting.popleft())
            rows += len(first.rows)
        self._count(-rows)
        return taken


def _turn(apart: Turns[None]) -> bool:
    """Go on until the next call of the model; whether there is none."""
    return next(apart, _ENDED) is _ENDED
