"""A part's scores are explained by the run's own model, in its process and within a time; no database is asked."""

import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from pipeline.attribution import background, ranking
from pipeline.attribution.explainer import EXACT, Block, Explainer
from pipeline.config.workspace import Files
from pipeline.contract.contract import ENTITY
from pipeline.errors import kept_text
from pipeline.isolation import deadlines
from pipeline.model import registry, scoring
from pipeline.model.manifest import PinnedVersion
from pipeline.reasons.rows import CHOSEN, Chosen
from pipeline.reasons.sums import SUMS, Sums
from pipeline.reasons.work import Outcome, PartWork, ReasonsError, Settings
from pipeline.runs.archive import File
from pipeline.runtime import resources
from pipeline.store import parts
from pipeline.store.layout import RunRef
from pipeline.store.parts import PartWriter

log = logging.getLogger(__name__)

# So many rows of training say what contributions are usual.
TRAINING_ROWS = 200


@dataclass
class _Part:
    """What has been explained of a part so far."""

    settings: Settings
    sums: Sums
    writer: PartWriter = field(default_factory=lambda: PartWriter(ranking.REASONS))
    wanted: int = 0
    explained: int = 0
    gap: float = 0.0
    background: str | None = None

    def add(self, block: Block) -> None:
        """Take a block, whose contributions have to add up to what was published.

        Raises:
            ReasonsError: they do not.
        """
        if not block.gap <= EXACT:
            raise ReasonsError(
                f"base and contributions miss a published score by {block.gap:.3g}, where {EXACT:g} is allowed: the "
                "model gives another score today than it gave the run. Nothing of these rows was kept. Look with: "
                "scoring reproduce RUN"
            )
        top, keep_values = self.settings.top, self.settings.keep_values
        self.writer.write(ranking.reasons(block, self.sums.players, top, keep_values=keep_values))
        self.sums.add(block)
        self.explained += block.rows.num_rows
        self.gap = max(self.gap, block.gap)


def attempt(files: Files, work: PartWork) -> Outcome:
    """Explain a part's scores; whatever fails is returned, and what was explained before that is kept.

    Args:
        files: the folders and the store; no database is asked.
        work: the part.
    """
    ref, failure = RunRef.of(work), ""
    part = _Part(work.settings, Sums((), work.slices))
    try:
        with deadlines.within(max(work.until - time.time(), 0.001), "reasons.time_limit_minutes"):
            _explain(files, work, part)
    except Exception as error:  # noqa: BLE001 - whatever it is, the run is published
        log.error("reasons of part %s: %s", work.number, error)
        failure = kept_text(error)
    values: dict[str, Any] = {
        "number": work.number,
        "wanted": part.wanted,
        "explained": part.explained,
        "gap": part.gap,
    }
    if part.sums.by_key:
        sums = PartWriter(SUMS)
        sums.write(part.sums.batch())
        values["reasons"] = part.writer.save(files.store, ref.reasons(work.number), work.number).sha256
        values["contributions"] = sums.save(files.store, ref.contributions(work.number), work.number).sha256
    log.info("part %s: %s of %s scores explained", work.number, part.explained, part.wanted)
    return Outcome(**values, background=part.background, failure=failure)


def prepare(pinned: PinnedVersion, settings: Settings) -> Explainer:
    """Load a version, with the background that its contributions are compared with.

    Raises:
        ModelError: it may not be used.
        GroupError: a group names a column that it does not take.
    """
    players = settings.players(pinned.manifest)
    model = registry.load(pinned)
    return Explainer.of(model, players, background.load(pinned, model), settings.orders)


def chosen(files: Files, work: PartWork) -> Chosen:
    """The part's files, and which rows get reasons.

    Raises:
        PartError: the file that names them is missing or altered.
    """
    ref = RunRef.of(work)
    among = None
    if work.chosen_sha256:
        names = parts.read(files.store, ref.chosen(work.number), File("", work.chosen_sha256))
        among = pa.Table.from_batches(names, CHOSEN)[ENTITY].combine_chunks()
    return Chosen(
        files.store,
        File(ref.input(work.number), work.input_sha256),
        File(ref.scored(work.number), work.scored_sha256),
        work.settings.least,
        among,
    )


def training(pinned: PinnedVersion, explainer: Explainer) -> Iterator[Block]:
    """Rows of the version's reference, spread over it and explained as a part's rows are.

    Raises:
        ModelError: its reference is missing or altered.
    """
    rows = background.reference(pinned)
    rows = background.evenly(rows, min(TRAINING_ROWS, rows.num_rows))
    names = pa.array([f"training {place}" for place in range(rows.num_rows)])
    named = pa.RecordBatch.from_arrays([names, *rows.columns], names=[ENTITY, *rows.schema.names])
    scores = explainer.model.score_batch(rows).score
    return (explainer.explain(*block) for block in explainer.blocks([(named, scores)]))


def _explain(files: Files, work: PartWork, part: _Part) -> None:
    pinned = registry.pin(files.home, work.model_name, work.model_version, work.model_sha256)
    batches = list(chosen(files, work).read())
    part.wanted = sum(rows.num_rows for rows, _ in batches)
    explainer = prepare(pinned, work.settings)
    part.sums.players = explainer.players
    part.background = background.digest(explainer.background)
    if work.number == 0:
        sizes = [np.abs(block.shares.values) for block in training(pinned, explainer)]
        part.sums.training(np.concatenate(sizes).mean(axis=0))
    threads = scoring.scoring_threads(pinned.manifest)
    blocks = explainer.blocks(iter(batches))
    for block in resources.in_order(lambda each: explainer.explain(*each), blocks, threads):
        part.add(block)
