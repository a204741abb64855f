"""The values of a job's slices, which the database does not have: they are in the archived parts of the runs."""

from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.contract.contract import ENTITY
from pipeline.runs import archive
from pipeline.store import parts
from pipeline.store.parts import MissingPart


class Slices:
    """The slices of one run, of which one part is in memory at a time.

    Args:
        store: where runs keep their parts.
        run: the run's row, with its ledger.
        columns: the slices.
    """

    def __init__(self, store: str, run: Mapping[str, Any], columns: tuple[str, ...]) -> None:
        self._store, self._run, self._columns = store, run, columns
        self._parts = {part.number: part for part in archive.parts_of(run)}
        self._number, self._rows = -1, pa.table({})
        self.notes: dict[str, None] = {}

    def of(self, part: int, entities: pa.Array) -> list[pa.Array]:
        """The values of entities of one part, as text, a column each; null where the store has none any more.

        Raises:
            PartError: the part is altered.
        """
        if part != self._number:
            self._number, self._rows = part, self._read(part)
        if not self._rows.num_rows:
            return [pa.nulls(len(entities), pa.string()) for _ in self._columns]
        positions = pc.index_in(entities, self._rows[ENTITY].combine_chunks())
        return [self._column(name, positions) for name in self._columns]

    def _column(self, name: str, positions: pa.Array) -> pa.Array:
        if name not in self._rows.column_names:
            self._note(f"its model does not take {name!r}, which is empty")
            return pa.nulls(len(positions), pa.string())
        return pc.cast(self._rows[name].take(positions).combine_chunks(), pa.string())

    def _read(self, number: int) -> pa.Table:
        part = self._parts[number]
        try:
            columns = [ENTITY, *self._columns]
            return pa.Table.from_batches(list(parts.read(self._store, part.input.path, part.input, columns)))
        except MissingPart:
            self._note("its parts are no longer in the store, so its slices are empty")
            return pa.table({})

    def _note(self, what: str) -> None:
        self.notes[f"run {self._run['run_id']} of {self._run['score_date']}: {what}"] = None
