"""A part of a new champion's first run, scored once more by the version before it, so that both can be compared.

It is done beside the part's scores, where a model may run, on some rows of each part, and once: in the first run only.
Whatever goes wrong here changes no score and stops no run; then the run is not compared, and a finding says so.
"""

import logging
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.config.job import Job
from pipeline.config.workspace import Files
from pipeline.contract.checker import Checker
from pipeline.contract.contract import ENTITY
from pipeline.contract.policy import Policy
from pipeline.errors import ScoringError
from pipeline.model import registry, scoring
from pipeline.model.loaded_model import Model
from pipeline.monitoring.first_run import record
from pipeline.monitoring.first_run.movement import LEAST_DATES, Movement
from pipeline.payloads import PartTask, Scored
from pipeline.store import parts
from pipeline.store.layout import RunRef
from pipeline.store.schemas import SCORE_SCHEMA

# Of each part; they say how far two versions are apart to a hundredth of the scores' standard deviation.
_ROWS = 1000

log = logging.getLogger(__name__)


class Former:
    """The version before, loaded when its first part comes, and once."""

    def __init__(self, home: Path, job: Job) -> None:
        """Name whose it is; nothing is loaded yet."""
        self._home, self._job = home, job
        self._loaded: Model | None = None

    def compared(self, files: Files, work: PartTask, scored: Scored) -> Scored:
        """A scored part, with how far some of its scores are from the former version's, where anybody asks for it."""
        if work.former is None or not scored.part.rows or not self._is_evident(work):
            return scored
        try:
            movement = _movement(files, self._job, work, scored, self._model(work))
        except (ScoringError, MemoryError, OSError, pa.ArrowException) as error:
            log.warning("part %s: not compared with version %s: %s", work.part.number, work.former, error)
            return scored
        return scored.model_copy(update={"moved": movement.sums()}) if movement else scored

    def _is_evident(self, work: PartTask) -> bool:
        """Whether there is evidence of how far the scores may move."""
        try:
            pinned = registry.pin(self._home, work.model_name, work.model_version, work.model_sha256)
            promotion = record.read(self._home, self._job.model.alias, pinned)
        except ScoringError:
            return False  # the finding says why
        evidence = promotion.of(work.job) if promotion and promotion.former == work.former else None
        return evidence is not None and len(evidence.days) >= LEAST_DATES

    def _model(self, work: PartTask) -> Model:
        if self._loaded is None:
            self._loaded = registry.load(registry.resolve(self._home, work.model_name, "", work.former))
        return self._loaded


def _movement(files: Files, job: Job, work: PartTask, scored: Scored, former: Model) -> Movement | None:
    """How far the scores are apart, on rows at equal distances; None where the former version takes none of them."""
    ref, number, manifest = RunRef.of(work), work.part.number, former.manifest
    policy = Policy.of(job, manifest.contract, manifest.label)
    # Without the day's end no time comes from the future: what the new version was given the former may have, too.
    checker = Checker(manifest.contract, policy)
    place, step, again = 0, -(-work.part.rows // _ROWS), []
    for batch in parts.read(files.store, ref.input(number), work.part):
        checker.schema(batch.schema, f"part {number} of run {work.run_id}")
        rows = checker.check(batch.take(pa.array(range(-place % step, batch.num_rows, step)))).accepted
        place += batch.num_rows
        if rows.num_rows:
            again.append(scoring.score_batch(former, rows))
    before = pa.Table.from_batches(again, SCORE_SCHEMA)
    entities = before[ENTITY].combine_chunks()
    batches = parts.read(files.store, ref.scored(number), scored.part)
    chosen = [batch.filter(pc.is_in(batch.column(ENTITY), entities)) for batch in batches]
    now = pa.Table.from_batches(chosen, SCORE_SCHEMA)
    places = pc.index_in(entities, now[ENTITY].combine_chunks())
    before, now = before.filter(pc.is_valid(places)), now.take(places.drop_null())
    if not len(now):
        return None
    labels = [table["label"].to_numpy() for table in (before, now)]
    relabelled = 0.0 if manifest.task == "regression" else float(np.mean(labels[0] != labels[1]))
    return Movement.of(manifest.task, before["score"].to_numpy(), now["score"].to_numpy(), relabelled)
