"""A part becomes a scored part.

A model's pickle runs code, so nothing here knows a database or looks at the ledger: a run that was closed meanwhile is
scored in vain, and `write` changes nothing.
"""

import logging
from collections.abc import Sequence

from pipeline.config.job import Job
from pipeline.config.workspace import Files
from pipeline.contract.batch_result import REJECTED
from pipeline.model import failing, registry
from pipeline.model.failing import Tolerance
from pipeline.model.loaded_model import Model
from pipeline.model.manifest import PinnedVersion
from pipeline.model.scoring import ScoredBatch, scored_batches
from pipeline.monitoring import references
from pipeline.monitoring.first_run.rescore import Former
from pipeline.monitoring.profile import PROFILE_SCHEMA, SCORE, Profile
from pipeline.monitoring.sliced import look
from pipeline.payloads import Part, PartTask, Scored
from pipeline.runs.code_version import require_same
from pipeline.runtime import resources
from pipeline.runtime.clock import Clock
from pipeline.runtime.progress import Progress
from pipeline.store import parts
from pipeline.store.layout import RunRef
from pipeline.store.schemas import SCORE_SCHEMA

log = logging.getLogger(__name__)


def predict(files: Files, job: Job, work: PartTask) -> Scored:
    """Score one part, batch by batch, into a file beside it.

    Raises:
        DeploymentError: another deployment came since the run began.
        ModelError: the model may not be used.
        PartError: the part is missing or altered.
        PredictError: the model failed, or gave rows no finite score; the rows are named.
        MemoryError: there is too little of it; worth a retry, for other tasks may have taken it.
    """
    clock = Clock()
    require_same(files, job, work)
    pinned = registry.pin(files.home, work.model_name, work.model_version, work.model_sha256)
    tolerance = Tolerance.of(job, work.part.rows)
    scored = score_part(files, work, pinned, registry.load(pinned), clock, tolerance, job.slices)
    return Former(files.home, job).compared(files, work, scored)


def score_part(
    files: Files,
    work: PartTask,
    pinned: PinnedVersion,
    loaded: Model,
    clock: Clock,
    tolerance: Tolerance | None = None,
    slices: Sequence[str] = (),
) -> Scored:
    """What `predict` does, with a model that is loaded already."""
    ref, number = RunRef.of(work), work.part.number
    writer, profile = parts.PartWriter(SCORE_SCHEMA), _Profile(pinned, slices)
    rejected = _Rejected(tolerance)
    progress = Progress(log, f"part {work.part.number}: scored", work.part.rows)
    try:
        for scored in scored_batches(files.store, ref.input(number), work.part, loaded, tolerance):
            writer.write(scored.scores)
            profile.add(scored)
            rejected.add(scored)
            progress.add(scored.rows.num_rows)
    except MemoryError as error:
        raise MemoryError(_too_little(work, error)) from error
    part = writer.save(files.store, ref.scored(number), number)
    kept = profile.save(files.store, ref, number)
    refused = rejected.save(files.store, ref, number)
    resources.give_back()
    by = "the compiled predictor" if loaded.compiled else "the estimator"
    log.info("part %s: %s rows scored by %s", part.number, part.rows, by)
    return Scored(
        run_id=work.run_id,
        job=work.job,
        score_date=work.score_date,
        deployment=work.deployment,
        part=part,
        profile=kept,
        rejected=refused,
        compiled=loaded.compiled,
        cost=clock.cost(),
    )


def _too_little(work: PartTask, error: MemoryError) -> str:
    return (
        f"part {work.part.number} of {work.job} {work.score_date}, {work.part.rows} rows: there is not enough memory "
        f"to score it: {error}. Lower extract.rows_per_part in the job file (a batch has "
        f"{parts.ROWS_PER_GROUP} rows at most), let fewer tasks share the machine, or give it more memory."
    )


class _Profile:
    """Collects what a part's rows and scores look like, in all and by value of the slices that the version knows."""

    def __init__(self, pinned: PinnedVersion, slices: Sequence[str]) -> None:
        reference = references.load(pinned)
        self._bins, self._grid = reference.bins, look.grid_of(reference, slices)
        self._whole, self._sliced = Profile.of(self._bins), self._grid.read(())

    def add(self, scored: ScoredBatch) -> None:
        """Count a batch."""
        columns = {name: scored.rows.column(name) for name in self._bins if name != SCORE}
        columns[SCORE] = scored.scores.column("score")
        self._whole += Profile.of(self._bins, columns)
        self._sliced = self._grid.add(self._sliced, self._grid.count(columns))

    def save(self, store: str, ref: RunRef, number: int) -> Part:
        """Save it beside the part's scores, for `log_metrics`."""
        writer = parts.PartWriter(PROFILE_SCHEMA)
        writer.write(self._whole.batch())
        if self._sliced:
            writer.write(self._grid.batch(self._sliced))
        return writer.save(store, ref.profile(number), number)


class _Rejected:
    """Collects the rows of a part on which the model itself raised: the task of the model has no database."""

    def __init__(self, tolerance: Tolerance | None) -> None:
        self._keep_values = tolerance is not None and tolerance.keep_values
        self._writer, self._read = parts.PartWriter(REJECTED), 0

    def add(self, scored: ScoredBatch) -> None:
        """Take what a batch has of them."""
        if scored.failures:
            self._writer.write(failing.reasons(scored.failures, self._read, keep_values=self._keep_values))
        self._read += scored.rows.num_rows + len(scored.failures)

    def save(self, store: str, ref: RunRef, number: int) -> Part | None:
        """Save them beside the part's scores, for `write` to load; None where there are none."""
        if not self._writer.rows:
            return None
        log.warning("part %s: the model raised on %s rows, which are rejected", number, self._writer.rows)
        return self._writer.save(store, ref.rejected_in(number), number)
