"""Scores published dates once more with another version of the model, and compares both with the outcomes.

What the published run was scored on lies in its parts, so nothing is read from the warehouse but the outcomes, and
nothing is written: an answer for weeks that are over, before a version has scored its first night.
"""

from collections.abc import Sequence
from datetime import date

import pyarrow as pa

from pipeline.challenger import comparison, rescoring
from pipeline.challenger.comparison import Comparison, Day
from pipeline.challenger.day import Watch, compare
from pipeline.config.job import Job
from pipeline.config.workspace import Workspace
from pipeline.contract.contract import ENTITY
from pipeline.evaluation import outcomes
from pipeline.evaluation.scored_sample import ScoredSample
from pipeline.model import registry
from pipeline.model.loaded_model import Model
from pipeline.monitoring.references import LEAST_OUTCOMES
from pipeline.runs import archive
from pipeline.store.schemas import SCORE_SCHEMA


def opened(workspace: Workspace, job: Job, version: int) -> Model:
    """The version of the job's model that is to be replayed, verified.

    Raises:
        ModelError: it is not registered, or is altered.
    """
    return registry.load(registry.resolve(workspace.home, job.model.name, "", version))


def day(
    workspace: Workspace,
    job: Job,
    challenger: Model,
    score_date: date,
    *,
    most: int = outcomes.MAX_ROWS,
    watch: Watch = lambda published, before, after: None,
) -> Day:
    """Score the published run of a date with another version, and compare both with the outcomes.

    Args:
        workspace: folders, store and databases.
        job: with a section `[outcomes]`.
        challenger: another version of the job's model.
        score_date: the day whose rows were scored.
        most: rows to compare; of a larger run a sample is.
        watch: sees the scores themselves.

    Raises:
        NothingToDo: no run of that score date is published.
        ReplayError: the versions predict different things, or the run's parts lack what the challenger takes.
        OutcomeError: the job names no outcomes.
        OutcomesQueryError: the outcomes query lacks a column, or its outcomes are unknown or contradict each other.
        ModelError: the model that scored is missing or altered.
        PartError: a part is missing or altered.
        PredictError: the challenger failed on rows, which are named.
    """
    run, entities = outcomes.published(workspace.predictions, job.name, score_date)
    rules = rescoring.checker(job, challenger.manifest, score_date)

    def scores(sample: ScoredSample) -> tuple[pa.Table, int]:
        wanted = sample.rows[ENTITY].combine_chunks() if sample.weight > 1 else None
        again = [
            batch
            for part in archive.parts_of(run)
            for batch in rescoring.of_part(workspace.store, part.input, rules, challenger, wanted)
        ]
        together = pa.Table.from_batches([batch.scores for batch in again], SCORE_SCHEMA)
        return together, sum(batch.rejected for batch in again)

    return compare(workspace, job, (run, entities), challenger.manifest, scores, most, watch)


def concluded(challenger: Model, days: Sequence[Day], rate: float) -> Comparison:
    """What the dates of a replay say together.

    Args:
        challenger: the version that was replayed.
        days: its dates.
        rate: how often a verdict may be wrong where neither version is better.
    """
    manifest, ordered = challenger.manifest, sorted(days, key=lambda day: day.score_date)
    return Comparison(
        manifest.name,
        manifest.version,
        comparison.loss_of(manifest.task),
        ordered,
        *comparison.judge(ordered, LEAST_OUTCOMES, rate),
    )
