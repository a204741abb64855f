"""A part becomes a scored part.

A model's pickle runs code, so nothing here knows a database or looks at the ledger: a run that was closed meanwhile is
scored in vain, and `write` changes nothing.
"""

import logging
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline import machine, model, parts, references
from pipeline.contract import ENTITY
from pipeline.errors import ScoringError
from pipeline.model import Manifest, Model, ScoreError
from pipeline.places import Files
from pipeline.profile import KEPT, SCORE, Profile
from pipeline.progress import Progress
from pipeline.stage import Clock, Run, Scored, Work

log = logging.getLogger(__name__)

SCORED = pa.schema(
    {
        "entity_id": pa.string(),
        "score": pa.float64(),
        "label": pa.string(),
        "class_scores": pa.list_(pa.float64()),
    }
)


# How many failing rows a message names.
NAMED = 5


class PredictError(ScoringError):
    """Rows that the model could not score."""


def load_model(files: Files, run: Run) -> list[Work]:
    """Verify and load the run's pinned model once, before any part is scored.

    Returns:
        one piece of work for each part.

    Raises:
        ModelError: the model may not be used.
    """
    model.load(_pin(files, run))
    return [run.work(part) for part in run.parts]


def predict(files: Files, work: Work) -> Scored:
    """Score one part, batch by batch, into a file beside it.

    Raises:
        ModelError: the model may not be used.
        PartError: the part is missing or altered.
        PredictError: the model failed, or gave rows no finite score; the rows are named.
        MemoryError: there is too little of it; worth a retry, for other tasks may have taken it.
    """
    clock = Clock()
    return score_part(files, work, model.load(_pin(files, work)), clock)


def score_part(files: Files, work: Work, loaded: Model, clock: Clock) -> Scored:
    """What `predict` does, with a model that is loaded already."""
    where = (work.job, work.score_date, work.run_id, work.part.number)
    writer, looks = parts.PartWriter(SCORED), parts.PartWriter(KEPT)
    bins = references.load(_pin(files, work)).bins
    profile = Profile.of(bins)
    progress = Progress(log, f"part {work.part.number}: scored", work.part.rows)
    try:
        for rows, scores in _scored(files.store, parts.input_path(*where), work.part, loaded):
            writer.write(scores)
            columns = {name: rows.column(name) for name in bins if name != SCORE}
            profile += Profile.of(bins, {**columns, SCORE: scores.column("score")})
            progress.add(scores.num_rows)
    except MemoryError as error:
        raise MemoryError(
            f"part {work.part.number} of {work.job} {work.score_date}, {work.part.rows} rows: the memory does not "
            f"suffice to score it: {error}. Lower extract.rows_per_part in the job file (a batch has "
            f"{parts.ROWS_PER_GROUP} rows at most), let fewer tasks share the machine, or give it more memory."
        ) from error
    part = writer.save(files.store, parts.scored_path(*where), work.part.number)
    looks.write(profile.batch())
    kept = looks.save(files.store, parts.profile_path(*where), work.part.number)
    machine.give_back()
    log.info("part %s: %s rows scored", part.number, part.rows)
    return Scored(
        run_id=work.run_id,
        job=work.job,
        score_date=work.score_date,
        part=part,
        profile=kept,
        cost=clock.cost(),
    )


def scores_of(store: str, path: str, part: parts.Written, loaded: Model) -> Iterator[pa.RecordBatch]:
    """Score a part's rows in the batches in which they are always read: on their size a score's last bits may depend.

    Raises:
        PartError: the part is missing or altered.
        PredictError: the model failed, or gave rows no finite score; the rows are named.
    """
    for _, scores in _scored(store, path, part, loaded):
        yield scores


def _scored(
    store: str, path: str, part: parts.Written, loaded: Model
) -> Iterator[tuple[pa.RecordBatch, pa.RecordBatch]]:
    """A part's batches in their order, each with its scores."""
    batches = (batch for batch in parts.read(store, path, part) if batch.num_rows)
    threads = scoring_threads(loaded.manifest)
    return machine.in_order(lambda batch: (batch, score_batch(loaded, batch)), batches, threads)


def scoring_threads(manifest: Manifest) -> int:
    """How many threads score the batches of a part at once."""
    return machine.share() if manifest.concurrent else 1


def pin(home: Path, name: str, version: int, sha256: str) -> model.Pinned:
    """The version that a run was pinned to when it began, held against today's pin.

    Raises:
        ModelError: it is no longer registered, or is pinned to other bytes.
    """
    found = model.resolve(home, name, "", version)
    if found.sha256 != sha256:
        raise model.ModelError(
            f"model {name} version {version} is pinned to {found.sha256} now, and was to {sha256} when the run began. "
            "Versions never change: restore versions.toml from git."
        )
    return found


def _pin(files: Files, run: Run | Work) -> model.Pinned:
    return pin(files.home, run.model_name, run.model_version, run.model_sha256)


def score_batch(loaded: Model, batch: pa.RecordBatch) -> pa.RecordBatch:
    """Score a batch of a part: one row of schema `SCORED` for each of its rows.

    Raises:
        PredictError: the model failed, or gave rows no finite score; the rows are named.
    """
    entities = batch.column(ENTITY)
    try:
        scores = loaded.score(loaded.manifest.contract.frame(batch))
    except ScoreError as error:
        names = ", ".join(entities.take(pa.array(error.rows)).to_pylist())
        private = [*error.private, names]
        raise PredictError(f"{error} The first rows are: {names}.", private=private) from error
    except (ScoringError, MemoryError):
        raise
    except Exception as error:  # the model's own code may raise anything
        culprits = _culprits(loaded, batch)
        raise PredictError(
            f"model {loaded.manifest.name} version {loaded.manifest.version} failed on rows {culprits}: "
            f"{type(error).__name__}: {error}. Correct them in the warehouse, leave them out in the query, or train a "
            "model that takes them.",
            private=[culprits, str(error)],
        ) from error
    labels, classes = _labels(loaded, scores.label, len(entities)), _lists(scores.classes, len(entities))
    return pa.RecordBatch.from_arrays([entities, pa.array(scores.score), labels, classes], schema=SCORED)


def _culprits(loaded: Model, batch: pa.RecordBatch) -> str:
    """The rows that the model fails on, by the names of their entities, as far as a person needs them."""
    found = list(islice(_failing(loaded, batch), NAMED + 1))
    if not found:
        entities = batch.column(ENTITY)
        return f"{entities[0]} to {entities[-1]} taken together"
    return f"{', '.join(found[:NAMED])}{' and more' if len(found) > NAMED else ''}"


def _failing(loaded: Model, batch: pa.RecordBatch) -> Iterator[str]:
    """Halve a batch until what fails is one row: for one bad row in n that takes twice the batch's own time."""
    try:
        loaded.score(loaded.manifest.contract.frame(batch))
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - whatever made the model fail before
        if batch.num_rows == 1:
            yield batch.column(ENTITY)[0].as_py()
        else:
            half = batch.num_rows // 2
            yield from _failing(loaded, batch.slice(0, half))
            yield from _failing(loaded, batch.slice(half))


def _labels(loaded: Model, indices: npt.NDArray[np.int64] | None, rows: int) -> pa.Array:
    if indices is None:
        return pa.nulls(rows, pa.string())
    return pa.array(loaded.manifest.classes, pa.string()).take(pa.array(indices))


def _lists(classes: npt.NDArray[np.float64] | None, rows: int) -> pa.Array:
    if classes is None:
        return pa.nulls(rows, SCORED.field("class_scores").type)
    offsets = pa.array(np.arange(0, classes.size + 1, classes.shape[1], dtype=np.int32))
    return pa.ListArray.from_arrays(offsets, pa.array(classes.ravel()))
