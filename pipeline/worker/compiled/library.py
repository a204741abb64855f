"""The shared library of a version, and how it is called: arrays go in by their addresses, sums come out."""

import ctypes
import platform
import sys
from typing import Any

import numpy as np

from pipeline.worker.compiled.packing import Packed
from pipeline.worker.compiled.trees import Numbers

FUNCTION = "add_leaves_2"
# The same for sums of float32. A library from before has none, and serves all that adds in float64.
FLOAT32_FUNCTION = "add_leaves_float_2"
_ADDRESS, _STEP, _COUNT = ctypes.c_void_p, ctypes.c_ssize_t, ctypes.c_uint64


# What machines call the same processor.
_PROCESSORS = {"amd64": "x86_64", "arm64": "aarch64"}


def platform_name() -> str:
    """What a library is for, such as linux-x86_64: another system or processor cannot load it."""
    processor = platform.machine().lower()
    return f"{sys.platform}-{_PROCESSORS.get(processor, processor)}"


class _Model(ctypes.Structure):
    _fields_ = (
        *((name, _ADDRESS) for name in ("trees", "tests", "nodes", "sets", "columns", "values")),
        *((name, _COUNT) for name in ("tree_count", "column_count", "width")),
    )


class _Matrix(ctypes.Structure):
    _fields_ = (("data", _ADDRESS), ("row", _STEP), ("column", _STEP), ("rows", _COUNT), ("wide", _COUNT))


class _Sums(ctypes.Structure):
    _fields_ = (("data", _ADDRESS), ("row", _STEP), ("column", _STEP))


class Library:
    """A shared library that was compiled from trees.c; to load one is to run it, so load what is trusted."""

    def __init__(self, path: str) -> None:
        """Load it.

        Raises:
            OSError: it is none of this machine.
            AttributeError: it has no such function.
        """
        self._loaded = ctypes.CDLL(path)
        self._call = self._function(FUNCTION)

    def adder(self, packed: Packed) -> "Adder":
        """What adds the leaves of these trees to sums of float64."""
        return Adder(self._call, packed)

    def float32_adder(self, packed: Packed) -> "Adder":
        """What adds the leaves of these trees to sums of float32.

        Raises:
            AttributeError: it has no such function.
        """
        return Adder(self._function(FLOAT32_FUNCTION), packed)

    def _function(self, name: str) -> Any:
        call = getattr(self._loaded, name)
        call.argtypes = (*(ctypes.POINTER(each) for each in (_Model, _Matrix, _Sums)), _ADDRESS)
        call.restype = None
        return call


class Adder:
    """Adds the leaves of an estimator's trees to sums; several threads may do so at once."""

    def __init__(self, call: Any, packed: Packed) -> None:
        self._call, self._packed = call, packed
        arrays = (packed.trees, packed.tests, packed.nodes, packed.sets, packed.columns, packed.values)
        addresses = [each.ctypes.data for each in arrays]
        self._model = _Model(*addresses, len(packed.trees), len(packed.columns), packed.values.shape[1])

    def add(self, rows: Numbers, sums: Numbers) -> None:
        """Add each row's leaves, one after the other, to its sums.

        Args:
            rows: float64 or float32 of shape (rows, features).
            sums: of shape (rows, outputs), of the dtype that it adds in, changed in place.
        """
        data = _Matrix(rows.ctypes.data, *rows.strides, len(rows), rows.dtype == np.float64)
        whole = sums.itemsize
        out = _Sums(sums.ctypes.data, *(step // whole for step in sums.strides))
        scratch = np.empty(self._packed.scratch)
        self._call(self._model, data, out, scratch.ctypes.data)
