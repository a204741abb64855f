"""Rows become parts: cut to size, checked, and stored with the reasons of those that are rejected."""

import logging
from collections.abc import Iterator

import pyarrow as pa

from pipeline.config.workspace import Workspace
from pipeline.contract.checker import Checker
from pipeline.extraction.rejections import Rejections
from pipeline.payloads import Part
from pipeline.runs.ledger import PartRecord
from pipeline.runtime.progress import Progress
from pipeline.store.layout import RunRef
from pipeline.store.parts import PartWriter

log = logging.getLogger(__name__)


def write(
    workspace: Workspace, ref: RunRef, number: int, batches: Iterator[pa.RecordBatch], checker: Checker
) -> tuple[Part, PartRecord]:
    """Check a part's rows, keep the reasons of those that are rejected, and store the others.

    Args:
        workspace: folders, store and databases.
        ref: the run.
        number: number of the part.
        batches: its rows.
        checker: checks rows against the contract.
    """
    extracted, rejected = 0, 0
    rejections = Rejections(workspace.predictions, ref.run_id, number)
    writer = PartWriter(checker.contract.schema)
    for batch in batches:
        checked = checker.check(batch)
        writer.write(checked.accepted)
        rejections.add(checked.reasons())
        extracted, rejected = extracted + batch.num_rows, rejected + checked.rejected_rows
    rejections.load()
    part = writer.save(workspace.store, ref.input(number), number)
    log.info("part %s: %s rows extracted, %s rejected", number, extracted, rejected)
    return part, PartRecord(number, extracted, rejected, part.sha256)


def cut(batches: Iterator[pa.RecordBatch], sizes: Iterator[int]) -> Iterator[Iterator[pa.RecordBatch]]:
    """Cut a stream of batches into groups of exactly these sizes, the last one shorter; never holds a group."""
    batches = (batch for batch in batches if batch.num_rows)
    rest = next(batches, None)

    def group() -> Iterator[pa.RecordBatch]:
        nonlocal rest
        wanted = next(sizes)
        while rest is not None and wanted:
            taken = rest.slice(0, wanted)
            rest = rest.slice(len(taken)) if len(taken) < len(rest) else next(batches, None)
            wanted -= len(taken)
            yield taken

    while rest is not None:
        yield group()


def counted(batches: Iterator[pa.RecordBatch], progress: Progress) -> Iterator[pa.RecordBatch]:
    """The batches as they are, each counted once it has been taken."""
    for batch in batches:
        yield batch
        progress.add(batch.num_rows)
