"""A published score date, scored by two versions and held against its outcomes."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.challenger import choice, comparison
from pipeline.challenger.comparison import Day, Losses
from pipeline.config.job import Job
from pipeline.config.workspace import Workspace
from pipeline.contract.contract import ENTITY
from pipeline.evaluation import outcomes, scored_sample
from pipeline.evaluation.metrics import LabelledScores
from pipeline.evaluation.scored_sample import ScoredSample
from pipeline.model import registry
from pipeline.model.manifest import Manifest, PinnedVersion

# Gives a version's scores of a sample's entities, and how many of their rows its contract rejects.
Scores = Callable[[ScoredSample], tuple[pa.Table, int]]
# Is called with the version that was published, and with both versions' scores of the same rows.
Watch = Callable[[PinnedVersion, LabelledScores, LabelledScores], None]


def compare(
    workspace: Workspace,
    job: Job,
    published: tuple[Mapping[str, Any], int],
    challenger: Manifest,
    scores: Scores,
    most: int,
    watch: Watch = lambda published, before, after: None,
) -> Day:
    """Compare what was published with what another version says of the same entities.

    Args:
        workspace: folders, store and databases.
        job: with a section `[outcomes]`.
        published: the row of the published run, with its ledger, and how many entities it has.
        challenger: the other version.
        scores: gives its scores.
        most: rows to compare; of a larger run a sample is.
        watch: sees the scores themselves.

    Raises:
        ReplayError: the versions predict different things.
        OutcomeError: the job names no outcomes.
        OutcomesQueryError: the outcomes query lacks a column, or its outcomes are unknown or contradict each other.
        ModelError: the model that scored is missing or altered.
        PartError: a part is missing or altered.
    """
    run, entities = published
    champion = registry.pin(workspace.home, run["model_name"], run["model_version"], run["model_sha256"])
    choice.require_alike(job, champion.manifest, challenger)
    sample = scored_sample.read(workspace.predictions, workspace.store, run, entities, job.slices, most)
    again, refused = scores(sample)
    both, other = _together(sample, again)
    true = outcomes.true_values(workspace, job, run["score_date"], champion, both).values
    mine = scored_sample.labelled(both, champion.manifest, true)
    theirs = scored_sample.labelled(other, champion.manifest, true)
    watch(champion, mine, theirs)
    has = ~np.isnan(true)
    lost, won = (comparison.row_losses(labelled.where(has)) for labelled in (mine, theirs))
    groups = both.groups.filter(pa.array(has)) if both.groups.column_names else both.groups
    relabelled = None if mine.label is None or not len(mine) else float(np.mean(mine.label != theirs.label))
    return Day(
        score_date=run["score_date"],
        run_id=run["run_id"],
        version=champion.manifest.version,
        entities=len(both.rows),
        refused=refused,
        losses=Losses(int(has.sum()), *(float(each.mean()) if len(each) else 0.0 for each in (lost, won))),
        groups=comparison.by_group(groups, lost, won),
        moved=comparison.moved(mine.score, theirs.score),
        relabelled=relabelled,
        seen=any(manifest.trained_on(run["score_date"]) for manifest in (champion.manifest, challenger)),
    )


def _together(sample: ScoredSample, again: pa.Table) -> tuple[ScoredSample, ScoredSample]:
    """The entities that both have scored, in one order: as the one scored them, and as the other."""
    places = pc.index_in(sample.rows[ENTITY].combine_chunks(), again[ENTITY].combine_chunks())
    both = pc.is_valid(places)
    groups = sample.groups.filter(both) if sample.groups.column_names else sample.groups
    mine = ScoredSample(sample.rows.filter(both), groups, sample.weight, sample.notes)
    return mine, ScoredSample(again.take(places.filter(both)), groups, sample.weight, sample.notes)
