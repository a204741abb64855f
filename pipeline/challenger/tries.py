"""A challenger's try at a run's rows: begun where the database is, scored where it is not, and ended where it is.

Whatever becomes of it, the run stays as it is: nothing here is waited for by a task that publishes, and what fails is a
row of `scoring.challenges` and a line of a log.
"""

import logging
from datetime import date

import sqlalchemy as sa

from pipeline.candidates.candidate import Candidate
from pipeline.challenger import choice, rescoring
from pipeline.config.job import Job
from pipeline.config.workspace import Files, Workspace
from pipeline.contract.checker import Checker
from pipeline.databases import statements, waiting
from pipeline.errors import NothingToDo, kept_text
from pipeline.isolation import deadlines
from pipeline.model import registry
from pipeline.model.loaded_model import Model
from pipeline.model.manifest import numbered
from pipeline.payloads import Value
from pipeline.runs import archive, folders
from pipeline.runs.archive import File
from pipeline.store import files
from pipeline.store.layout import RunRef
from pipeline.store.parts import PartWriter
from pipeline.store.schemas import SCORE_SCHEMA

_SQL = statements.load("challenger/tries")

log = logging.getLogger(__name__)

KILLED = (
    "The task was ended from outside, or by its memory. Its log is all that it left. Where memory ran out, lower "
    "extract.rows_per_part or give the worker more."
)


class Input(Value):
    """A part of a run, and the digest of the rows that its own model got."""

    number: int
    sha256: str


class Try(Value):
    """What a challenger is to score: the parts of a run, by one version, or by one candidate."""

    run_id: int
    job: str
    score_date: date
    model_name: str
    model_version: int
    model_sha256: str
    parts: tuple[Input, ...]
    candidate: Candidate | None = None

    @property
    def label(self) -> str:
        """The challenger, as messages name it."""
        return f"{self.model_name} {numbered(self.model_version)}"


class PartScores(Value):
    """A file with a challenger's scores of a part."""

    number: int
    rows: int
    rejected: int
    sha256: str


class Outcome(Value):
    """What became of a try: the files of its scores, or why it failed."""

    parts: tuple[PartScores, ...] = ()
    failure: str = ""


def begin(workspace: Workspace, job: Job, run_id: int) -> Try:
    """Choose the challenger of a run that is over, and note that it begins.

    Raises:
        NothingToDo: the job has no challenger now, or this run is not for one.
        ReplayError: the challenger cannot be compared with the version of the run.
        ModelError: the challenger cannot be used.
        LedgerError: the run was not scored whole.
    """
    challenger = choice.choose(workspace, job)
    run = archive.run(workspace.predictions, run_id)
    champion = registry.pin(workspace.home, run["model_name"], run["model_version"], run["model_sha256"])
    choice.require_another(job, champion.manifest, challenger.manifest)
    work = Try(
        run_id=run_id,
        job=job.name,
        score_date=run["score_date"],
        model_name=challenger.manifest.name,
        model_version=challenger.manifest.version,
        model_sha256=challenger.sha256,
        parts=tuple(Input(number=part.number, sha256=part.input.sha256) for part in archive.parts_of(run)),
        candidate=challenger.candidate,
    )
    values = work.model_dump(include={"run_id", "model_name", "model_version", "model_sha256"})
    if refusal := _ask(workspace, run_id, _SQL["begin"], values):
        # The database knows a candidate by its number with a minus.
        refusal = refusal.replace(f"{work.model_name} version {work.model_version} ", f"{work.label} ")
        raise NothingToDo(f"no challenger of run {run_id}: {refusal}")
    log.info("run %s: challenger %s", run_id, work.label)
    return work


def attempt(place: Files, job: Job, work: Try) -> Outcome:
    """Score a run's parts by its challenger, in a process of its own and within its time; whatever fails is returned.

    Args:
        place: the folders and the store; no database is asked.
        job: with a section `[challenger]`.
        work: what `begin` returned.
    """
    minutes = job.challenger.time_limit_minutes if job.challenger else 0.0
    try:
        with deadlines.within(60 * minutes, "challenger.time_limit_minutes"):
            pin = work.model_name, work.model_version, work.model_sha256
            model = registry.load(choice.loadable(place.home, *pin, work.candidate))
            rules = rescoring.checker(job, model.manifest, work.score_date)
            done = tuple(_score(place.store, RunRef.of(work), part, rules, model) for part in work.parts)
    except Exception as error:  # noqa: BLE001 - whatever it is, the run is published
        log.error("challenger %s: %s", work.label, error)
        return Outcome(failure=kept_text(error))
    log.info("%s rows scored by the challenger", sum(part.rows for part in done))
    return Outcome(parts=done)


def end(workspace: Workspace, work: Try, outcome: Outcome) -> str:
    """Note what became of a try; returns why there are no scores of it, empty where there are.

    Args:
        workspace: folders, store and databases.
        work: what `begin` returned.
        outcome: what `attempt` returned.
    """
    digests = {part.number: part.sha256 for part in work.parts}
    values = {
        "run_id": work.run_id,
        "model_sha256": work.model_sha256,
        "parts": [part.number for part in outcome.parts],
        "scored": [part.rows for part in outcome.parts],
        "rejected": [part.rejected for part in outcome.parts],
        "digests": [part.sha256 for part in outcome.parts],
        "inputs": [digests.get(part.number) for part in outcome.parts],
    }
    failure = outcome.failure or _ask(workspace, work.run_id, _SQL["end"], values)
    files.remove_temporary(workspace.store, RunRef.of(work).folder)
    if not failure:
        return ""
    values = {"run_id": work.run_id, "model_sha256": work.model_sha256, "reason": failure}
    _ask(workspace, work.run_id, _SQL["fail"], values)
    state = _ask(workspace, work.run_id, _SQL["state"], values)
    if state == "scored":  # by an earlier try of this task, whose answer was lost
        return ""
    if state == "failed":
        # Nobody knows of these files: an erasure would not find what they hold. Those of another try are its own.
        for part in work.parts:
            folders.discard(workspace.store, RunRef.of(work).challenger(part.number))
    log.warning("run %s: its challenger has no scores: %s", work.run_id, failure)
    return failure


def whole(workspace: Workspace, job: Job, run_id: int) -> str:
    """Have a run's challenger score it, in one go; returns why there are no scores of it, empty where there are.

    Raises:
        ScoringError: as `begin` does.
    """
    work = begin(workspace, job, run_id)
    return end(workspace, work, attempt(workspace, job, work))


def _score(store: str, ref: RunRef, part: Input, rules: Checker, model: Model) -> PartScores:
    """Score one part into a file beside it."""
    writer, rejected = PartWriter(SCORE_SCHEMA), 0
    file = File(ref.input(part.number), part.sha256)
    for batch in rescoring.of_part(store, file, rules, model):
        rejected += batch.rejected
        if batch.scores.num_rows:
            writer.write(batch.scores)
    saved = writer.save(store, ref.challenger(part.number), part.number)
    return PartScores(number=saved.number, rows=saved.rows, rejected=rejected, sha256=saved.sha256)


def _ask(workspace: Workspace, run_id: int, query: str, values: dict[str, object]) -> str:
    """A function's answer, such as why it refuses; or nothing."""

    def work(connection: sa.Connection) -> str:
        return connection.execute(sa.text(query), values).scalar_one() or ""

    return waiting.patiently(workspace.predictions, f"noting the challenger of run {run_id}", work)
