"""How many rows a second the contract checks, on one core: `make bench-contract`.

Fifteen columns of every kind, as the driver of Postgres sends them, in the batches that a night streams; three nights:
without a bad row, one row in a thousand bad, and every row bad. Seconds count the check and the making of the rejected
rows' reasons.
"""

import argparse
from collections.abc import Iterator
from statistics import median
from time import process_time

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from pipeline.contract.checker import Checker
from pipeline.contract.contract import Contract
from pipeline.contract.infer import infer

BATCH = 65_536  # about what 8 MB of such rows come to
COLUMNS = 15
NUMERIC = pa.opaque(pa.string(), "numeric", "PostgreSQL")


def main() -> None:
    """Measure three times each, and print medians."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    asked = parser.parse_args()
    pa.set_cpu_count(1)
    pa.set_memory_pool(pa.system_memory_pool())
    for name, share in (("no bad row", 0.0), ("1 in 1000 bad", 0.001), ("every row bad", 1.0)):
        rates = [_measure(asked.rows, share) for _ in range(3)]
        print(f"{name:14} {median(pace for pace, _ in rates) / 1e6:6.2f} million rows/s")


def _measure(rows: int, share: float) -> tuple[float, int]:
    checker = Checker(_contract())
    seconds, reasons = 0.0, 0
    for batch in _batches(rows, share):
        started = process_time()
        reasons += sum(len(batch) for batch in checker.check(batch).reasons())
        seconds += process_time() - started
    return rows / seconds, reasons


def _contract() -> Contract:
    rows = _rows(np.random.default_rng(0), 20_000)
    contract = infer(rows, [name for name in rows.columns if name != "entity_id"])
    if len(contract.columns) != COLUMNS:
        raise ValueError(f"{len(contract.columns)} columns, not {COLUMNS}")
    return contract


def _batches(rows: int, share: float) -> Iterator[pa.RecordBatch]:
    random = np.random.default_rng(1)
    # One batch again and again: what is measured is the check, and a new one would take longer to make than to check.
    sent = _as_sent(_spoilt(_rows(random, BATCH), random.random(BATCH) < share))
    for start in range(0, rows, BATCH):
        yield sent.slice(0, rows - start)


def _rows(random: np.random.Generator, rows: int) -> pd.DataFrame:
    """Four floats, two with gaps; four integers, one with gaps; a decimal; three texts; a flag; two times."""
    gaps = random.random(rows) < 0.1
    seconds = random.integers(0, 10_000_000, rows)
    return pd.DataFrame(
        {
            "entity_id": [f"customer-{number:09d}" for number in range(rows)],
            "amount": np.where(gaps, np.nan, random.normal(50, 10, rows).clip(0, 100)),
            "balance": random.uniform(-1000, 1000, rows),
            "ratio": random.random(rows),
            "temperature": np.where(gaps, np.nan, random.uniform(-20, 40, rows)),
            "visits": random.integers(0, 20, rows),
            "age": random.integers(18, 99, rows).astype("int32"),
            "items": random.integers(0, 5, rows).astype("int32"),
            "referrer": pd.array(np.where(gaps, 0, random.integers(1, 10**9, rows)), "Int64"),
            "price": random.integers(0, 100_000, rows) / 100,
            "channel": random.choice(["web", "shop", "phone"], rows),
            "country": random.choice([f"C{number}" for number in range(200)], rows),
            "note": [f"called about order {number}" for number in random.integers(0, 10**9, rows)],
            "member": random.random(rows) < 0.5,
            "joined": pd.to_datetime(seconds, unit="s").astype("datetime64[us]"),
            "seen": pd.to_datetime(seconds, unit="s", utc=True).astype("datetime64[us, UTC]"),
        }
    ).assign(referrer=lambda frame: frame["referrer"].mask(gaps))


def _spoilt(rows: pd.DataFrame, bad: npt.NDArray[np.bool_]) -> pd.DataFrame:
    """The same rows; the bad ones break four rules: an infinite number, a decimal that is none, two nulls."""
    return rows.assign(
        balance=rows["balance"].mask(bad, np.inf),
        price=rows["price"].map("{:.2f}".format).mask(bad, "1.2.3"),
        channel=rows["channel"].mask(bad, None),
        visits=rows["visits"].astype("Int64").mask(bad),
    )


def _as_sent(rows: pd.DataFrame) -> pa.RecordBatch:
    batch = pa.RecordBatch.from_pandas(rows, preserve_index=False)
    place = batch.schema.get_field_index("price")
    price = pa.ExtensionArray.from_storage(NUMERIC, batch.column(place).cast(pa.string()))
    return batch.set_column(place, "price", price)


if __name__ == "__main__":
    main()
