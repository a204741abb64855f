"""A library adds leaves to sums of any layout, from rows of any layout, in several threads at once."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pipeline.worker.compiled.library import Library, platform_name
from pipeline.worker.compiled.packing import pack
from pipeline.worker.compiled.trees import of_boosting
from tests.pipeline.worker.compiled.fitted import fitted, library, needs_compiler


@needs_compiler
@pytest.mark.parametrize("number", [0, 1, 63, 64, 65, 1023, 1024, 1025, 5000])
def test_rows_of_any_number_and_layout_get_the_same_sums(number: int, tmp_path: Path) -> None:
    adder = library(tmp_path).adder(pack(of_boosting(fitted("multiclass"))))
    rows = np.random.default_rng(0).normal(size=(number, 5))
    rows[:, 0] = np.arange(number) % 7
    plain, other = np.zeros((number, 4)), np.zeros((number, 4), order="F")
    adder.add(rows, plain)
    adder.add(np.asfortranarray(rows), other)
    assert plain.tobytes() == other.tobytes("C")
    backwards = np.zeros((number, 4))
    adder.add(rows[::-1], backwards)
    assert backwards[::-1].tobytes() == plain.tobytes()
    assert number == 0 or plain.any()


@needs_compiler
@pytest.mark.parametrize("name", ["multiclass", "large trees"])
def test_sums_of_float32_are_rounded_after_each_leaf(name: str, tmp_path: Path) -> None:
    loaded, trees = library(tmp_path), of_boosting(fitted(name))
    value = trees.value.astype(np.float32).astype(np.float64)
    outputs = int(trees.output.max()) + 1
    rows = np.random.default_rng(0).normal(size=(200, 5))
    expected = np.full((200, outputs), np.float32(0.1))
    for tree in range(len(trees.output)):
        leaves = np.zeros((200, outputs))
        alone = np.where((trees.tree == tree)[:, None], value, 0.0)
        loaded.adder(pack(replace(trees, value=alone))).add(rows, leaves)
        expected += leaves.astype(np.float32)
    for order in ("C", "F"):
        sums = np.full((200, outputs), np.float32(0.1), order=order)
        loaded.float32_adder(pack(replace(trees, value=value))).add(rows, sums)
        assert sums.tobytes("C") == expected.tobytes()


@needs_compiler
def test_several_threads_may_add_at_once(tmp_path: Path) -> None:
    adder = library(tmp_path).adder(pack(of_boosting(fitted("large trees"))))
    rows = np.random.default_rng(0).normal(size=(4000, 5))

    def added(_: int) -> bytes:
        sums = np.zeros((4000, 1))
        adder.add(rows, sums)
        return sums.tobytes()

    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(added, range(16)))) == 1


def test_a_file_of_another_kind_is_no_library(tmp_path: Path) -> None:
    (tmp_path / "x.so").write_bytes(b"\x7fELF")
    with pytest.raises(OSError, match="x.so"):
        Library(str(tmp_path / "x.so"))


def test_a_platform_is_a_system_and_a_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    for name, processor in {"AMD64": "x86_64", "arm64": "aarch64", "riscv64": "riscv64"}.items():
        monkeypatch.setattr("platform.machine", lambda name=name: name)
        assert platform_name() == f"linux-{processor}"
