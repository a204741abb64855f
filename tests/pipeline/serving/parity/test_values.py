"""pipeline/serving/parity/values.py: JSON has every value exactly; each kind of column is in test_checking.py."""

import json

import numpy as np
import pyarrow as pa

from pipeline.contract.contract import Column, Contract
from pipeline.serving.parity import values


def test_a_float_comes_back_with_every_bit() -> None:
    bits = np.random.default_rng(0).integers(0, 2**64, 20_000, np.uint64)
    floats = bits.view(np.float64)
    floats = floats[np.isfinite(floats)]
    contract = Contract((Column("x", "number", "float64", nullable=False),))
    batch = pa.RecordBatch.from_arrays(
        [pa.array(["e"] * len(floats)), pa.array(floats)], names=["entity_id", "x"]
    )
    again = np.array([json.loads(row)["x"] for row in values.rows(batch, contract)])
    assert again.view(np.uint64).tolist() == floats.view(np.uint64).tolist()
