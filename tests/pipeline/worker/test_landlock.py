"""pipeline/worker/landlock.py: what it leaves open stays open; tests/pipeline/isolation tries to get at the rest."""

import os
from pathlib import Path

import pyarrow as pa
import pytest

from tests.pipeline.isolation.says import worker

FORGET = Path("/proc/sys/vm/drop_caches")
INODES = "2"
ROWS = pa.RecordBatch.from_pydict({"visits": pa.array([1.0])})
READS = ("/proc/self/maps", "/proc/self/status", "/proc/cpuinfo", "/proc/meminfo", "/proc/sys/kernel/pid_max")


@pytest.mark.skipif(not os.access(FORGET, os.W_OK), reason="only root has the kernel forget inodes")
def test_a_kernel_that_is_short_of_memory_closes_nothing_that_was_open() -> None:
    model = worker(f"[len(open(path).read(9)) for path in {READS}]")
    for _ in range(3):
        assert all(model.answer(ROWS).values > 0)
        FORGET.write_text(INODES)
