"""Columns of the tests of this room, and how a batch is compared with them."""

from datetime import datetime
from typing import Any

import pyarrow as pa

from pipeline.config.contract_section import ContractSection
from pipeline.contract.batch_result import BatchResult
from pipeline.contract.checker import Checker
from pipeline.contract.contract import Column, Contract
from pipeline.contract.policy import Policy

NUMERIC = pa.opaque(pa.string(), "numeric", "PostgreSQL")

AMOUNT = Column("amount", "number", "float64", nullable=False, minimum=0.0, maximum=100.0)

COUNT = Column("count", "integer", "int64", nullable=False, minimum=0, maximum=10)

CHANNEL = Column("channel", "text", "str", nullable=True, categories=("shop", "web"))

PICKY = Column("channel", "text", "str", nullable=True, categories=("shop", "web"), accepts_unknown=False)

BIG = Column("big", "integer", "Int64", nullable=True)

RANGED = Column("big", "integer", "Int64", nullable=True, minimum=0, maximum=2**53 + 1)

FLOATING = Column("big", "integer", "Int64", nullable=True, minimum=0.0, maximum=2.0**60)

EMPTY = Column("channel", "text", "str", nullable=True, categories=())

CLOCK = Column("at", "timestamp", "datetime64[ns]", nullable=False)

INSTANT = Column("at", "instant", "datetime64[us, UTC]", nullable=False)

FAR = datetime(9999, 12, 31)  # noqa: DTZ001

SINGLE = Column("amount", "number", "float32", nullable=False)

TINY = Column("count", "integer", "int8", nullable=False)


def numeric(*values: str | None) -> pa.Array:
    """Decimals as the Postgres driver sends them: text that says it is numeric."""
    return pa.ExtensionArray.from_storage(NUMERIC, pa.array(values, pa.string()))


def text_of(*cells: bytes | None) -> pa.Array:
    """Texts as a database without rules hands them out."""
    return pa.Array.from_buffers(pa.string(), len(cells), pa.array(cells, pa.binary()).buffers())


def checker(columns: list[Column], said: dict[str, Any] | None = None, **options: Any) -> Checker:
    """Holds batches against columns, as a job says it below [contract]."""
    contract = Contract(tuple(columns))
    return Checker(contract, Policy.resolve(contract, ContractSection.model_validate(said or {})), **options)


def check(columns: list[Column], said: dict[str, Any] | None = None, **values: Any) -> BatchResult:
    """Hold one batch of values against columns."""
    size = len(next(iter(values.values())))
    values.setdefault("entity_id", [f"e{number}" for number in range(size)])
    return checker(columns, said).check(pa.record_batch(values))


def reasons(checked: BatchResult) -> list[tuple[str, str]]:
    """Which column broke which rule."""
    return [(row["column_name"], row["rule"]) for row in checked.rejected.to_pylist()]
