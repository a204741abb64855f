"""A model that predicts by an expression, and the order for its worker."""

import ctypes
import os
import pickle
import sys
import time
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator

from pipeline.isolation import places
from pipeline.isolation.messages import Order
from pipeline.isolation.workers import Worker

VISITS = {"name": "visits", "dtype": "float64", "categories": None, "ordered": False}


class Says(BaseEstimator):
    """Predicts by an expression of its rows."""

    def __init__(self, code: str) -> None:
        self.code = code

    def predict(self, rows: Any) -> Any:
        """Whatever the expression gives."""
        return eval(self.code, {"rows": rows, "np": np, "os": os, "ctypes": ctypes, "sys": sys, "time": time})


def order(**values: Any) -> Order:
    """A worker of a model `own version 1` of one column."""
    given = {
        "columns": [VISITS],
        "path": places.module_folders(),
        "reads": places.readable([__name__]),
        **values,
    }
    return Order(label="own version 1", task="regression", labels="scores", **given)


def worker(code: str, **values: Any) -> Worker:
    """A worker whose model predicts by an expression."""
    return Worker(order(**values), pickle.dumps(Says(code)))
