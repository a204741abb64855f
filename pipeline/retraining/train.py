"""Trains a candidate from rows that were read: in a process of its own, tried by registration's own code, evaluated.

Nothing here reads a database: in Airflow it runs where models do, without a credential of any.
"""

import logging
import tempfile
from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.candidates import content
from pipeline.candidates.candidate import Draft
from pipeline.config.job import Job
from pipeline.config.workspace import Files
from pipeline.isolation import programs
from pipeline.isolation.programs import Ended, Program
from pipeline.model.files import sha256
from pipeline.model.manifest import PROFILE, REFERENCE, Manifest, PinnedVersion
from pipeline.registration import surroundings
from pipeline.retraining import card, environment, evaluation, fitting, rows, team_code
from pipeline.retraining.rows import TrainingRows
from pipeline.retraining.team_code import RetrainingError, TeamCode
from pipeline.runs.code_version import code_version
from pipeline.runtime import resources
from pipeline.worker.failures import EstimatorError

log = logging.getLogger(__name__)

_FIT = f"{fitting.__name__}:{fitting.fit.__name__}"


def train(files: Files, job: Job, read: TrainingRows, path: Path) -> Draft:
    """Train a candidate, evaluate it, and put its files into the artefact store.

    Args:
        files: the home and the store.
        job: with a section [training].
        read: the training rows.
        path: their file.

    Raises:
        RetrainingError: the rows are others, or the team's function fails, takes too long or too much memory.
        ModelError: what it gives cannot be registered, or the champion's lock is another than was registered.
        BuildError: the champion's environment cannot be made.
        UsageError: SCORING_TASKS is no positive number.
        ArtefactError: the artefact store cannot be used.
    """
    section, _ = rows.required(job)
    if sha256(path.read_bytes()) != read.sha256:
        raise RetrainingError(
            f"{job.name}: the training rows are not those that were read. Read them again: clear `extract_training`."
        )
    code, champion = team_code.read(files.home, section.function), rows.champion(files.home, job)
    given = _run(job, code, read, champion, path)
    carries, scores = given.pop(fitting.CODE), given.pop(fitting.SCORES)
    manifest = _manifest(given.pop(fitting.MANIFEST), given, job.name)
    own = code.files if carries else {}
    locked = environment.lock_of(champion, manifest)
    manifest, contents = surroundings.carry(manifest, given, own, f"{job.name}: the candidate", locked)
    tested = evaluation.tested(pq.read_table(path), pq.read_table(pa.BufferReader(scores)), manifest)
    with tempfile.TemporaryDirectory(prefix="candidate-") as folder:
        (Path(folder) / REFERENCE).write_bytes(contents[REFERENCE])
        pinned = PinnedVersion(manifest, manifest.sha256, Path(folder), files.home)
        figures = evaluation.figures(job, pinned, champion, tested)
    figures["folds"] = section.folds
    own_figures = {f"{fitting.OUT_OF_FOLD}_{name}": value for name, value in figures["candidate"].items()}
    manifest = manifest.model_copy(update={"metrics": own_figures})
    return Draft(
        job=job.name,
        model=job.model.name,
        manifest=manifest.model_dump_json(),
        card=card.written(job, read, code, manifest, figures),
        files=content.put(job.model.name, contents),
        training_start=read.first,
        training_end=read.last,
        rows=read.labelled,
        data_sha256=read.sha256,
        query=read.query,
        query_sha256=read.query_sha256,
        outcomes_sha256=read.outcomes_sha256,
        function=code.function,
        code_sha256=code.sha256,
        code_version=code_version(),
        job_sha256=job.sha256,
        evaluation=figures,
    )


def _run(
    job: Job, code: TeamCode, read: TrainingRows, champion: PinnedVersion | None, path: Path
) -> dict[str, bytes]:
    section, _ = rows.required(job)
    columns = champion.manifest.columns if champion else ()
    settings = {
        "model": job.model.name,
        "function": code.function,
        "outcome": read.outcome,
        "folds": section.folds,
        "first": read.first.isoformat(),
        "last": read.last.isoformat(),
        "threshold": champion.manifest.threshold if champion else None,
        "planned": [column.name for column in columns if column.planned],
        "floats": [column.name for column in columns if column.dtype == "float64"],
    }
    python, threads = environment.interpreter(champion), resources.share()
    seconds = section.time_limit_minutes * 60
    program = Program(f"{job.name} in training", _FIT, settings, code.files, seconds, python, threads)
    try:
        return programs.run(program, path)
    except EstimatorError as error:
        failure = error.failure
        known = "ScoringError" in failure.kinds
        text = failure.text if known else f"{failure.kind}: {failure.text}. Correct {section.function}."
        # The function's own words may hold a value of a row: whoever keeps them, or sends them, leaves them out.
        private = failure.private if known else (failure.text,)
        raise RetrainingError(f"{job.name}: nothing was trained: {text}", private=private) from None
    except Ended as error:
        remedy = (
            "Lower training.window_days, or give it more memory (SCORING_MODEL_MEMORY, in MB, where that is set)."
            if error.memory
            else f"Correct {section.function}, or raise training.time_limit_minutes where it only takes long."
        )
        last = f" The last that it printed: {error.printed}" if error.printed else ""
        raise RetrainingError(
            f"{job.name}: nothing was trained: the training process {error}. {remedy}{last}",
            private=[error.printed],
        ) from None


def _manifest(text: bytes, files: Mapping[str, bytes], job: str) -> Manifest:
    """The manifest that the training process wrote, whose files have to be those that came with it."""
    manifest = Manifest.model_validate_json(text)
    given = {name: sha256(files.get(name, b"")) for name in (manifest.artefact, REFERENCE, PROFILE)}
    if manifest.digests != given:
        raise RetrainingError(
            f"{job}: nothing was trained: the training process gave other files than it says. Train again; where it "
            "does so twice, look at what the training function writes."
        )
    return manifest
