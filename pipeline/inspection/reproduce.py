"""Score a run's kept parts again with its pinned model, and compare bit for bit with what was written then."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.config.workspace import Workspace
from pipeline.contract.contract import ENTITY
from pipeline.errors import ScoringError
from pipeline.inspection import lineage
from pipeline.inspection.lineage import Change
from pipeline.model import registry, scoring
from pipeline.model.artifact import ModelError
from pipeline.model.loaded_model import Model
from pipeline.runs import archive
from pipeline.runs.archive import ArchivedPart
from pipeline.store import parts
from pipeline.store.parts import MissingPart
from pipeline.store.schemas import SCORE_SCHEMA

# A sum in another order differs by less.
ROUNDING = 1e-9

# As many differences are named; all are counted.
NAMED = 20


@dataclass(frozen=True)
class Difference:
    """A value that is not what the model gives now.

    Attributes:
        part: number of the part.
        entity_id: whose score it is.
        where: `scored part` or `database`.
        column: `score`, `label` or `class_scores`; `entity_id` where the whole row is on one side only.
        then: the value that was kept.
        now: the value that the model gives now.
    """

    part: int
    entity_id: str
    where: str
    column: str
    then: Any
    now: Any


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
    notes: list[Change] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        """Whether every score was found again: bit for bit, save what an erasure explains."""
        return not self.problems and not self.differing

    def compare(self, part: ArchivedPart, where: str, then: pa.Table, now: pa.Table) -> None:
        """Hold one part's scores against those of now; the order of the rows says nothing."""
        every = list(differences(part.number, where, then, now))
        self.equal[where] += len(now) - len({found.entity_id for found in every})
        different = unexplained(every, part)
        self.rounded += len(every) - len(different)
        self.differing += len(different)
        self.differences += different[: NAMED - len(self.differences)]


def reproduce(
    places: Workspace, run_id: int, progress: Callable[[int, int], None] = lambda done, total: None
) -> Reproduction:
    """Score a run again, part by part, and compare with its kept scored parts and with its rows in the database.

    Args:
        places: folders, store and databases.
        run_id: the run.
        progress: called with the parts done and the parts in all.

    Raises:
        LedgerError: there is no such run, or it was not scored to its end.
    """
    row = archive.run(places.predictions, run_id)
    found = Reproduction(run_id, row["job"], row["score_date"].isoformat())
    found.notes = lineage.changes(row, {**row, **lineage.today(places.home, row["job"]).row})
    try:
        loaded = load(places, row)
    except ModelError as error:
        found.problems.append(str(error))
        return found
    files = archive.parts_of(row)
    values = {"run_id": run_id, "score_date": row["score_date"]}
    with archive.by_part(places.predictions, "reproduce/rows.sql", values) as stream:
        for number, (part, rows) in enumerate(_aligned(files, stream, found)):
            progress(number, len(files))
            _part(places.store, part, rows, loaded, found)
    return found


def load(places: Workspace, row: Mapping[str, Any]) -> Model:
    """The model of a run, verified.

    Raises:
        ModelError: it is gone, or is not the one that scored the run.
    """
    return registry.load(
        registry.pin(places.home, row["model_name"], row["model_version"], row["model_sha256"])
    )


def differences(part: int, where: str, then: pa.Table, now: pa.Table) -> Iterator[Difference]:
    """The values of a part that are not the same to the last bit, entity by entity."""
    place = pc.index_in(now[ENTITY], then[ENTITY].combine_chunks())
    missing = pc.is_null(place).combine_chunks()
    for row in now.filter(missing).to_pylist():
        yield Difference(part, row[ENTITY], where, ENTITY, None, row["score"])
    unknown = pc.invert(pc.is_in(then[ENTITY], now[ENTITY].combine_chunks()))
    for row in then.filter(unknown).to_pylist():
        yield Difference(part, row[ENTITY], where, ENTITY, row["score"], None)
    found = pc.invert(missing)
    now, then = now.filter(found), then.take(place.filter(found))
    for column in SCORE_SCHEMA.names[1:]:
        differs = pc.not_equal(bits(then[column]), bits(now[column]))
        for old, new in zip(then.filter(differs).to_pylist(), now.filter(differs).to_pylist(), strict=True):
            yield Difference(part, new[ENTITY], where, column, old[column], new[column])


def unexplained(found: list[Difference], part: ArchivedPart) -> list[Difference]:
    """The differences of a part that are more than the last bits, which an erasure may have changed."""
    return [one for one in found if not (part.erased and _is_rounding(one.then, one.now))]


def _is_rounding(then: Any, now: Any) -> bool:
    before, after = (value if isinstance(value, list) else [value] for value in (then, now))
    return len(before) == len(after) and all(
        isinstance(old, float) and isinstance(new, float) and math.isclose(old, new, rel_tol=ROUNDING)
        for old, new in zip(before, after, strict=True)
    )


def bits(values: pa.ChunkedArray) -> pa.Array:
    """A column as bytes, so that values are equal only where every bit is: 0.0 and -0.0 are not, null and null are."""
    array = values.combine_chunks()
    if pa.types.is_string(array.type):
        return pc.fill_null(array.cast(pa.binary()), b"\0")
    if pa.types.is_floating(array.type):
        return pa.array(array.to_numpy().view(np.int64))
    lengths = pc.fill_null(pc.list_value_length(array), 0).to_numpy()
    offsets = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)]) * 8
    floats = np.ascontiguousarray(array.flatten().to_numpy())
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(floats)]
    return pa.Array.from_buffers(pa.large_binary(), len(array), buffers)


def _aligned(
    files: list[ArchivedPart], stream: Iterator[tuple[int, int, pa.Table]], found: Reproduction
) -> Iterator[tuple[ArchivedPart, pa.Table]]:
    """Each part of the ledger with its rows in the database, which may have none."""
    empty = SCORE_SCHEMA.empty_table()
    following = next(stream, None)
    for part in files:
        if following is not None and following[1] == part.number:
            yield part, following[2].select(SCORE_SCHEMA.names)
            following = next(stream, None)
        else:
            yield part, empty
    if following is not None:
        found.problems.append(f"the database has rows of part {following[1]}, which the ledger does not know")


def _part(store: str, part: ArchivedPart, rows: pa.Table, loaded: Model, found: Reproduction) -> None:
    try:
        again = scoring.scores_of(store, part.input.path, part.input, loaded)
        now = pa.Table.from_batches(list(again), schema=SCORE_SCHEMA)
        found.rows += len(now)
        if part.rows > part.erased and not len(rows):
            found.problems.append(f"part {part.number}: its {part.rows} rows are no longer in the database")
        else:
            found.compare(part, "database", rows, now)
        then = pa.Table.from_batches(
            list(parts.read(store, part.scored.path, part.scored)), schema=SCORE_SCHEMA
        )
        found.compare(part, "scored part", then, now)
    except MissingPart as error:
        found.problems.append(f"part {part.number}: {error.path} is no longer in the store")
    except ScoringError as error:
        found.problems.append(f"part {part.number}: {error}")
