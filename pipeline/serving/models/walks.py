"""Rows that have just been scored are explained by the same model, block by block: other requests have their turn."""

import asyncio
import logging
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from pipeline.attribution import background, ranking
from pipeline.attribution.explainer import EXACT, Block, Explainer
from pipeline.attribution.players import GroupError
from pipeline.attribution.walk import Floats
from pipeline.contract.contract import ENTITY
from pipeline.isolation.forkers import WorkerError
from pipeline.model.manifest import PinnedVersion
from pipeline.reasons.work import Settings
from pipeline.serving.models.asking import Asker
from pipeline.serving.models.scoring import Turns, settle
from pipeline.serving.requests.limits import Refused

log = logging.getLogger(__name__)

# The reasons of a row, as an answer has them.
Reasons = dict[str, Any]


@dataclass(eq=False)
class Explained:
    """Rows of one request that are to be explained, and who waits for it.

    Attributes:
        rows: that the contract accepts, and that have scores.
        scores: theirs.
        pinned: the version that has scored them.
        settings: how the job explains.
        answer: the reasons of each row.
    """

    rows: pa.RecordBatch
    scores: Floats
    pinned: PinnedVersion
    settings: Settings
    answer: "asyncio.Future[list[Reasons]]"

    @property
    def number(self) -> int:
        """How many walks that takes."""
        return int(self.rows.num_rows) * self.settings.orders

    def end(self, result: list[Reasons] | Exception) -> None:
        """Answer whoever waits, from the thread that asks the model."""
        self.answer.get_loop().call_soon_threadsafe(settle, self.answer, result)


class Walker:
    """Explains with a loaded model, in the one thread that asks it."""

    def __init__(self, job: str, asker: Asker) -> None:
        """Begin with nothing prepared.

        Args:
            job: whose model it is.
            asker: has the model that is open now, and starts it again.
        """
        self._job, self._asker = job, asker
        self._prepared: tuple[Settings, Explainer] | None = None

    def explain(self, asked: Explained) -> Turns[None]:
        """Explain rows, a block a turn, and answer whoever waits."""
        try:
            yield
            explainer, reasons = self._explainer(asked), list[Reasons]()
            for rows, scores in explainer.blocks([(asked.rows, asked.scores)]):
                if asked.answer.done():
                    return
                yield
                reasons += _reasons(explainer.explain(rows, scores), explainer, asked.settings)
            asked.end(reasons)
        except (WorkerError, MemoryError) as error:
            self._asker.restart(error)  # or whoever asks next would be refused for it
            text = "The model's process has ended over these reasons. Ask for the reasons of fewer rows."
            asked.end(Refused(503, "model_ended", text, Retry_After="5"))
        except (Refused, GroupError) as error:
            asked.end(error if isinstance(error, Refused) else Refused(500, "reasons", str(error)))
        except Exception as error:  # noqa: BLE001 - the model's own code may raise anything
            log.error("%s: reasons: %s", self._job, type(error).__name__)
            asked.end(_unexplained("The model fails on mixtures of these rows with rows of training."))

    def _explainer(self, asked: Explained) -> Explainer:
        """The model with what it takes to explain, prepared once: unless it was opened again, or the job changed."""
        model = self._asker.model
        if self._prepared and self._prepared[0] == asked.settings and self._prepared[1].model is model:
            return self._prepared[1]
        players = asked.settings.players(asked.pinned.manifest)
        rows = background.load(asked.pinned, model)
        explainer = Explainer.of(model, players, rows, asked.settings.orders)
        self._prepared = asked.settings, explainer
        return explainer


def _reasons(block: Block, explainer: Explainer, settings: Settings) -> list[Reasons]:
    """The reasons of each row of a block.

    Raises:
        Refused: they do not add up to its score.
    """
    if not block.gap <= EXACT:
        raise _unexplained("The model gives these rows other scores than a moment ago.")
    shares, top = block.shares, settings.top
    columns = ranking.reasons(block, explainer.players, top, keep_values=settings.keep_values).to_pylist()
    # A column that moved a score by nothing is no reason: a row may have fewer.
    ends = np.minimum(np.count_nonzero(shares.values, axis=1), top).cumsum().tolist()
    rest = (shares.outputs - shares.base).tolist()
    return [
        shown(base, columns[first:end], other)
        for base, first, end, other in zip(shares.base.tolist(), [0, *ends], ends, rest, strict=False)
    ]


def shown(base: float, rows: list[dict[str, Any]], rest: float = 0.0) -> Reasons:
    """The reasons of an entity, as an answer has them.

    Args:
        base: what contributions begin with.
        rows: as `prediction_reasons` has them, in the order of ranks.
        rest: what the others make together where no row says so.
    """
    dropped = (ENTITY, "base", "others")
    columns = [{name: value for name, value in row.items() if name not in dropped} for row in rows]
    return {"base": base, "others": rows[0]["others"] if rows else rest, "columns": columns}


def _unexplained(why: str) -> Refused:
    return Refused(500, "reasons", f"{why} So they cannot be explained. Tell its team.")
