"""A part becomes a scored part.

A model's pickle runs code, so nothing here knows a database or looks at the ledger: a run that was closed meanwhile is
scored in vain, and `write` changes nothing.
"""

import logging

from pipeline.config.job import Job
from pipeline.config.workspace import Files
from pipeline.model import registry
from pipeline.model.loaded_model import Model
from pipeline.model.manifest import PinnedVersion
from pipeline.model.scoring import scored_batches
from pipeline.monitoring import references
from pipeline.monitoring.profile import PROFILE_SCHEMA, SCORE, Profile
from pipeline.payloads import PartTask, Scored
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
    return score_part(files, work, pinned, registry.load(pinned), clock)


def score_part(files: Files, work: PartTask, pinned: PinnedVersion, loaded: Model, clock: Clock) -> Scored:
    """What `predict` does, with a model that is loaded already."""
    ref, number = RunRef.of(work), work.part.number
    writer, profiles = parts.PartWriter(SCORE_SCHEMA), parts.PartWriter(PROFILE_SCHEMA)
    bins = references.load(pinned).bins
    profile = Profile.of(bins)
    progress = Progress(log, f"part {work.part.number}: scored", work.part.rows)
    try:
        for rows, scores in scored_batches(files.store, ref.input(number), work.part, loaded):
            writer.write(scores)
            columns = {name: rows.column(name) for name in bins if name != SCORE}
            profile += Profile.of(bins, {**columns, SCORE: scores.column("score")})
            progress.add(scores.num_rows)
    except MemoryError as error:
        raise MemoryError(
            f"part {work.part.number} of {work.job} {work.score_date}, {work.part.rows} rows: there is not enough "
            f"memory to score it: {error}. Lower extract.rows_per_part in the job file (a batch has "
            f"{parts.ROWS_PER_GROUP} rows at most), let fewer tasks share the machine, or give it more memory."
        ) from error
    part = writer.save(files.store, ref.scored(number), number)
    profiles.write(profile.batch())
    kept = profiles.save(files.store, ref.profile(number), number)
    resources.give_back()
    log.info("part %s: %s rows scored", part.number, part.rows)
    return Scored(
        run_id=work.run_id,
        job=work.job,
        score_date=work.score_date,
        deployment=work.deployment,
        part=part,
        profile=kept,
        cost=clock.cost(),
    )
