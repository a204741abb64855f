"""A run's challenger once the outcomes are known: what both lost on the same entities, and what the days say together.

What the days say is computed anew from the stored losses, from the score date on that was measured: one that is
measured again, or late, counts once, and what it changes of later dates is entered, too.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from pipeline.challenger import choice, comparison, paired_test, sentences
from pipeline.challenger.comparison import Day
from pipeline.challenger.day import compare
from pipeline.challenger.paired_test import WRONG, Paired
from pipeline.config.job import Job
from pipeline.config.workspace import Workspace
from pipeline.contract.contract import ENTITY
from pipeline.databases import postgres, statements, waiting
from pipeline.errors import NothingToDo
from pipeline.evaluation import outcomes
from pipeline.evaluation.scored_sample import ScoredSample
from pipeline.model.manifest import Manifest
from pipeline.monitoring.references import LEAST_OUTCOMES
from pipeline.runs.archive import File
from pipeline.store import parts
from pipeline.store.layout import RunRef
from pipeline.store.schemas import SCORE_SCHEMA

_SQL = statements.load("challenger/measuring")

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Standing:
    """Where a challenger stands after a score date that was measured.

    Attributes:
        day: the score date, by both.
        model: the model's name.
        challenger: the challenger's version.
        loss: what is compared.
        newest: the last score date of the pair that is measured.
        together: what its days say together after that date.
        turns: how often the pair was decided otherwise than before, so far.
    """

    day: Day
    model: str
    challenger: int
    loss: str
    newest: date
    together: Paired
    turns: int

    @property
    def sentence(self) -> str:
        """What the days say, for people."""
        label, beside = f"{self.model} version {self.challenger}", f"version {self.day.version}"
        return sentences.verdict(label, beside, self.loss, self.together)


def measure(
    workspace: Workspace, job: Job, score_date: date, *, most: int = outcomes.MAX_ROWS
) -> Standing | None:
    """Compare a published run with its challenger, and enter what that says; None where it has no challenger's scores.

    Args:
        workspace: folders, store and databases.
        job: with a section `[outcomes]`.
        score_date: the day whose rows were scored.
        most: rows to compare; of a larger run a sample is.

    Raises:
        NothingToDo: no run of that score date is published.
        ModelError: one of the versions is missing or altered.
        PartError: a part is missing or altered.
        ScoringError: as `pipeline.challenger.day.compare` does.
    """
    run, entities = outcomes.published(workspace.predictions, job.name, score_date)
    with postgres.engine(workspace.predictions).connect() as connection:
        done = connection.execute(sa.text(_SQL["done"]), run).mappings().one_or_none()
        lines = [dict(line) for line in connection.execute(sa.text(_SQL["parts"]), run).mappings()]
    if done is None or run["served_by"] != "model":
        return None
    if run["parts_pruned_at"]:
        log.warning(
            "run %s: its challenger's scores went with its parts (retention.parts_days)", run["run_id"]
        )
        return None
    challenger = choice.pinned(
        workspace.home, done["model_name"], done["model_version"], done["model_sha256"]
    )

    def scores(sample: ScoredSample) -> tuple[pa.Table, int]:
        wanted = sample.rows[ENTITY].combine_chunks() if sample.weight > 1 else None
        ref = RunRef(job.name, score_date, run["run_id"])
        return _kept(workspace.store, ref, lines, wanted), sum(line["rows_rejected"] for line in lines)

    day = compare(workspace, job, (run, entities), challenger.manifest, scores, most)
    return _enter(workspace.predictions, job, day, challenger.manifest, done["model_sha256"])


def _kept(store: str, ref: RunRef, lines: Sequence[Mapping[str, Any]], wanted: pa.Array | None) -> pa.Table:
    """The scores that a challenger has left of the wanted entities, or of all."""
    batches = []
    for line in lines:
        file = File(ref.challenger(line["part"]), line["sha256"])
        for batch in parts.read(store, file.path, file):
            scores = batch.cast(SCORE_SCHEMA)
            batches.append(scores if wanted is None else scores.filter(pc.is_in(scores[ENTITY], wanted)))
    return pa.Table.from_batches(batches, SCORE_SCHEMA)


def _enter(database_url: str, job: Job, day: Day, challenger: Manifest, sha256: str) -> Standing:
    loss = comparison.loss_of(challenger.task)
    pair = {
        "job": job.name,
        "model_name": challenger.name,
        "champion": day.version,
        "challenger": challenger.version,
    }

    def work(connection: sa.Connection) -> Standing:
        connection.execute(sa.text(_SQL["lock"]))
        connection.execute(sa.text(_SQL["enter"]), {"model_sha256": sha256, "loss": loss, **_result(day)})
        rows = [dict(row) for row in connection.execute(sa.text(_SQL["days"]), pair).mappings()]
        if day.run_id not in {row["run_id"] for row in rows}:
            raise NothingToDo(f"run {day.run_id} of {job.name} was replaced while it was measured")
        together = _together(rows, day.score_date)
        connection.execute(sa.text(_SQL["verdicts"]), _columns(together))
        verdicts = [
            together[row["run_id"]].verdict if row["run_id"] in together else row["verdict"] for row in rows
        ]
        newest = rows[-1]
        return Standing(
            day, challenger.name, challenger.version, loss, newest["score_date"], together[newest["run_id"]],
            turns(verdicts),
        )  # fmt: skip

    standing = waiting.patiently(database_url, f"entering the challenger of run {day.run_id}", work)
    log.info("%s", standing.sentence)
    return standing


def _result(day: Day) -> dict[str, Any]:
    return {
        "run_id": day.run_id,
        "entities": day.entities,
        "outcomes": day.losses.rows,
        "champion_loss": day.losses.champion,
        "challenger_loss": day.losses.challenger,
        "moved": day.moved,
        "relabelled": day.relabelled,
        "in_sample": day.seen,
    }


def turns(verdicts: Sequence[str]) -> int:
    """How often days in a row have decided otherwise than those before: 0 while none has decided anything."""
    decided = [verdict for verdict in verdicts if verdict != "undecided"]
    return sum(1 for place, verdict in enumerate(decided) if not place or verdict != decided[place - 1])


def _together(rows: Sequence[Mapping[str, Any]], since: date) -> dict[int, Paired]:
    """What the days until each say together, of those since one that was measured."""
    differences: list[float] = []
    entered: dict[int, Paired] = {}
    for row in rows:
        if not row["in_sample"] and row["outcomes"] >= LEAST_OUTCOMES:
            differences.append(row["difference"])
        if row["score_date"] >= since:
            entered[row["run_id"]] = paired_test.compare(differences, WRONG)
    return entered


def _columns(together: Mapping[int, Paired]) -> dict[str, list[Any]]:
    entered = list(together.values())
    return {
        "run_ids": list(together),
        "days": [each.days for each in entered],
        "verdicts": [each.verdict for each in entered],
        "means": [each.mean for each in entered],
        "lows": [each.low for each in entered],
        "highs": [each.high for each in entered],
        "strengths": [each.evidence for each in entered],
    }
