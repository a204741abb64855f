"""Score a run's archived parts again with its pinned model, and compare bit for bit with what was written then."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from pipeline.config.workspace import Workspace
from pipeline.databases import postgres, statements
from pipeline.databases.queries import Query
from pipeline.errors import ScoringError
from pipeline.inspection import lineage
from pipeline.inspection.differences import Difference, between, unexplained
from pipeline.inspection.lineage import Change
from pipeline.model import registry, scoring
from pipeline.model.artifact import ModelError
from pipeline.model.loaded_model import Model
from pipeline.model.remote.remote_model import RemoteModel
from pipeline.runs import archive, history
from pipeline.runs.archive import ArchivedPart
from pipeline.store import parts
from pipeline.store.parts import MissingPart
from pipeline.store.schemas import SCORE_SCHEMA

_SQL = statements.load("inspection/reproduce")

# As many differences are named; all are counted.
NAMED = 20


@dataclass
class Reproduction:
    """What came of scoring a run again.

    Attributes:
        run_id: the run.
        job: its job.
        score_date: the day whose rows it scored.
        rows: rows scored again.
        equal: per place, `scored part` and `database`, how many rows are the same to the last bit.
        problems: what is missing or altered: parts, the model.
        differences: the first values that differ.
        differing: how many values differ.
        rounded: how many differ in their last bits alone, in parts of which rows were erased since: on how many rows
            are scored together, the last bits of a score may depend.
        predictor: what scored the run then, and what scores it now: the estimator, or what was compiled of it.
        notes: what is not the same today as when the run was scored, but did not change a score.
    """

    run_id: int
    job: str
    score_date: str
    rows: int = 0
    equal: dict[str, int] = field(default_factory=lambda: {"scored part": 0, "database": 0})
    problems: list[str] = field(default_factory=list)
    differences: list[Difference] = field(default_factory=list)
    differing: int = 0
    rounded: int = 0
    predictor: str = ""
    notes: list[Change] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        """Whether every score is the same: bit for bit, save what an erasure explains."""
        return not self.problems and not self.differing

    def compare(self, part: ArchivedPart, where: str, then: pa.Table, now: pa.Table) -> None:
        """Compare one part's scores with those of now, in whatever order the rows are."""
        every = list(between(part.number, where, then, now))
        self.equal[where] += len(now) - len({difference.entity_id for difference in every})
        different = unexplained(every, part)
        self.rounded += len(every) - len(different)
        self.differing += len(different)
        self.differences += different[: NAMED - len(self.differences)]


def reproduce(
    workspace: Workspace,
    run_id: int,
    progress: Callable[[int, int], None] = lambda done, total: None,
    *,
    compiled: bool = True,
) -> Reproduction:
    """Score a run again, part by part, and compare with its archived scored parts and with its rows in the database.

    Args:
        workspace: folders, store and databases.
        run_id: the run.
        progress: called with the parts done and the parts in all.
        compiled: whether a compiled predictor may score, where the version has one; else the estimator does.

    Raises:
        LedgerError: there is no such run, or it was not scored to its end.
    """
    row = archive.run(workspace.predictions, run_id)
    reproduction = Reproduction(run_id, row["job"], row["score_date"].isoformat())
    reproduction.notes = lineage.changes(row, {**row, **lineage.today(workspace.home, row["job"]).row})
    try:
        loaded = load(workspace, row, compiled=compiled)
    except ModelError as error:
        reproduction.problems.append(str(error))
        return reproduction
    files = archive.parts_of(row)
    then = _then(workspace, run_id, len(files))
    reproduction.predictor = f"scored then by {then}, now by {loaded.scored_by}"
    values = {"run_id": run_id, "score_date": row["score_date"]}
    with archive.by_part(
        workspace.predictions, Query(_SQL["rows"], values, "inspection/reproduce.sql")
    ) as stream:
        for number, (part, rows) in enumerate(_aligned(files, stream, reproduction)):
            progress(number, len(files))
            _part(workspace.store, part, rows, loaded, reproduction)
    return reproduction


def _then(workspace: Workspace, run_id: int, parts: int) -> str:
    with postgres.engine(workspace.predictions).connect() as connection:
        metrics = history.details(connection, run_id)["metrics"]
    compiled = {row["metric"]: row["value"] for row in metrics}.get("compiled_parts")
    if compiled is None:
        return "nobody knows what"
    return f"the compiled predictor ({compiled:.0f} of {parts} parts)" if compiled else "the estimator"


def load(workspace: Workspace, row: Mapping[str, Any], *, compiled: bool = True) -> RemoteModel:
    """The model of a run, verified.

    Raises:
        ModelError: it is gone, or is not the one that scored the run.
    """
    pinned = registry.pin(workspace.home, row["model_name"], row["model_version"], row["model_sha256"])
    return registry.load(pinned, compiled=compiled)


def _aligned(
    files: list[ArchivedPart], stream: Iterator[tuple[int, int, pa.Table]], reproduction: Reproduction
) -> Iterator[tuple[ArchivedPart, pa.Table]]:
    """Each part of the ledger with its rows in the database, which may have none."""
    empty = SCORE_SCHEMA.empty_table()
    rows_of_part = next(stream, None)
    for part in files:
        if rows_of_part is not None and rows_of_part[1] == part.number:
            yield part, rows_of_part[2].select(SCORE_SCHEMA.names)
            rows_of_part = next(stream, None)
        else:
            yield part, empty
    if rows_of_part is not None:
        reproduction.problems.append(
            f"the database has rows of part {rows_of_part[1]}, which is not in the ledger"
        )


def _part(store: str, part: ArchivedPart, rows: pa.Table, loaded: Model, reproduction: Reproduction) -> None:
    try:
        again = scoring.scores_of(store, part.input.path, part.input, loaded, part.tolerance)
        now = pa.Table.from_batches(list(again), schema=SCORE_SCHEMA)
        reproduction.rows += len(now)
        if part.rows > part.erased and not len(rows):
            reproduction.problems.append(
                f"part {part.number}: its {part.rows} rows are no longer in the database"
            )
        else:
            reproduction.compare(part, "database", rows, now)
        then = pa.Table.from_batches(
            list(parts.read(store, part.scored.path, part.scored)), schema=SCORE_SCHEMA
        )
        reproduction.compare(part, "scored part", then, now)
    except MissingPart as error:
        reproduction.problems.append(f"part {part.number}: {error.path} is no longer in the store")
    except ScoringError as error:
        reproduction.problems.append(f"part {part.number}: {error}")
