"""The rows of a run's parts, scored once more by another version: what its own contract rejects is counted."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.challenger.choice import ReplayError
from pipeline.config import dates
from pipeline.config.job import Job
from pipeline.contract.batch_result import BatchResult
from pipeline.contract.checker import Checker
from pipeline.contract.contract import ENTITY, ContractError
from pipeline.contract.policy import Policy
from pipeline.model import scoring
from pipeline.model.loaded_model import Model
from pipeline.model.manifest import Manifest
from pipeline.runs.archive import File
from pipeline.runtime import resources
from pipeline.store import parts
from pipeline.store.schemas import SCORE_SCHEMA


@dataclass(frozen=True)
class Rescored:
    """A batch of a part.

    Attributes:
        scores: of schema `SCORE_SCHEMA`.
        rejected: how many rows the version's own contract rejects.
    """

    scores: pa.RecordBatch
    rejected: int


def checker(job: Job, manifest: Manifest, score_date: date) -> Checker:
    """Checks rows by the contract of a version, as a run of it would."""
    end = dates.interval(score_date, job.zone)[1].astimezone(job.zone)
    return Checker(manifest.contract, Policy.of(job, manifest.contract, manifest.label), end)


def of_part(
    store: str, part: File, rules: Checker, model: Model, wanted: pa.Array | None = None
) -> Iterator[Rescored]:
    """Score the rows of a part, batch by batch.

    Args:
        store: where runs keep their parts.
        part: the file with the rows that the run's own model got.
        rules: of the version.
        model: the version, loaded.
        wanted: the entities to score; all where it is None.

    Raises:
        ReplayError: the part lacks columns that the version takes.
        PartError: it is missing or altered.
        PredictError: the model failed on rows, which are named.
    """

    def checked() -> Iterator[BatchResult]:
        for batch in parts.read(store, part.path, part):
            _require_columns(part, rules, batch, model.manifest.label)
            yield rules.check(
                batch if wanted is None else batch.filter(pc.is_in(batch.column(ENTITY), wanted))
            )

    def score(result: BatchResult) -> Rescored:
        if not result.accepted.num_rows:
            return Rescored(pa.RecordBatch.from_pylist([], SCORE_SCHEMA), result.rejected_rows)
        return Rescored(scoring.score_batch(model, result.accepted), result.rejected_rows)

    return resources.in_order(score, checked(), scoring.scoring_threads(model.manifest))


def _require_columns(part: File, rules: Checker, batch: pa.RecordBatch, label: str) -> None:
    try:
        rules.schema(batch.schema, f"the part {part.path}")
    except ContractError as error:
        raise ReplayError(
            f"{error} A run keeps the columns of the version that scored it, so {label} cannot score it again. "
            "Try it alone: scoring score JOB DATE --model-version N --dry-run"
        ) from error
