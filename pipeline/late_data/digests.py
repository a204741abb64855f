"""Rows as digests: two numbers for the entity and one for each value, by which equal rows are found equal.

Numbers and times are their own bits. Texts are hashed with a key that lives as long as the comparison: two that differ
have the same digest once in 2 to the power of 64, and nobody can look for such two.
"""

import secrets
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from pipeline.contract.contract import ENTITY

Digests = npt.NDArray[np.uint64]

# How many of a row's numbers are the entity's.
KEYS = 2


def _key() -> str:
    return secrets.token_hex(8)  # 16 characters, as the hash takes them


@dataclass(frozen=True)
class Digester:
    """Makes digests of rows; those of one digester can be compared with one another.

    Attributes:
        keys: of the hashes of entities.
        text_key: of the hash of other texts.
        null: the digest of a missing value.
    """

    keys: tuple[str, str] = field(default_factory=lambda: (_key(), _key()))
    text_key: str = field(default_factory=_key)
    null: int = field(default_factory=lambda: secrets.randbits(64))

    def of(self, batch: pa.RecordBatch) -> Digests:
        """The digests of a batch of a part: a row each, the entity's first."""
        entities = batch.column(ENTITY).to_numpy(zero_copy_only=False)
        columns = [pd.util.hash_array(entities, hash_key=key, categorize=False) for key in self.keys]
        columns += [
            self._values(column)
            for name, column in zip(batch.schema.names, batch.columns, strict=True)
            if name != ENTITY
        ]
        return np.column_stack(columns)

    def _values(self, column: pa.Array) -> Digests:
        if pa.types.is_string(column.type):
            return self._texts(column)
        digests = _bits(column)
        if column.null_count:
            digests[~column.is_valid().to_numpy(zero_copy_only=False)] = self.null
        return digests

    def _texts(self, column: pa.Array) -> Digests:
        encoded = column.dictionary_encode()
        texts = encoded.dictionary.to_numpy(zero_copy_only=False)
        hashed = pd.util.hash_array(texts, hash_key=self.text_key, categorize=False)
        # Null comes last, where an index of -1 finds it.
        known = np.append(hashed, np.uint64(self.null))
        digests: Digests = known[encoded.indices.fill_null(-1).to_numpy()]
        return digests


def _bits(column: pa.Array) -> Digests:
    """Numbers and times as they are in memory; whatever a null has there."""
    if pa.types.is_boolean(column.type):
        column = column.cast(pa.uint8())
    elif pa.types.is_timestamp(column.type):
        column = column.view(pa.int64())
    elif pa.types.is_float16(column.type):
        column = column.cast(pa.float32())
    numbers = column.fill_null(0).to_numpy(zero_copy_only=False)
    digests: Digests = numbers.view(f"u{numbers.itemsize}").astype(np.uint64)
    return digests
