"""A model that fails on some rows, in each way that a model can; in this process, or registered."""

import os
import signal
from dataclasses import replace
from datetime import date
from threading import Event
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
from sklearn.base import BaseEstimator, RegressorMixin

from pipeline.config import loader
from pipeline.contract.contract import Column, Contract
from pipeline.contract.policy import Policy
from pipeline.model.loaded_model import Model
from pipeline.model.manifest import Manifest
from pipeline.project import ROOT
from pipeline.serving.requests.body import Number
from pipeline.serving.requests.checking import Terms


class Brittle(RegressorMixin, BaseEstimator):
    """A regressor that fails on some numbers of visits."""

    def predict(self, frame: pd.DataFrame) -> npt.NDArray[np.float64]:
        """A third of the visits, unless they are among those that it fails on."""
        visits = frame["visits"].to_numpy(dtype=np.float64)
        if (visits == 1300).any():
            os._exit(7)
        if (visits == 1400).any():
            os.kill(os.getpid(), signal.SIGKILL)
        if (visits == 99).any():
            raise IndexError(f"visits beyond {visits.max()}")
        if len(visits) > 1 and (visits == 77).any():
            raise ValueError("taken together alone")
        return np.where(visits == 55, np.nan, visits / 3)


class Waiting:
    """A regressor that answers when it may, and remembers how many rows it was asked for at a time."""

    def __init__(self) -> None:
        self.may, self.asked = Event(), list[int]()

    def predict(self, frame: pd.DataFrame) -> npt.NDArray[np.float64]:
        """The visits."""
        self.asked.append(len(frame))
        assert self.may.wait(30)
        return frame["visits"].to_numpy(dtype=np.float64)


COLUMNS = (Column("visits", "integer", "int64", nullable=False),)


def model(estimator: object) -> Model:
    """A regression of visits, in this process."""
    return Model(
        Manifest.model_construct(name="m", version=1, task="regression", classes=(), columns=COLUMNS),
        estimator,
    )


def batch(*visits: int) -> pa.RecordBatch:
    """Rows that the contract has accepted."""
    entities = pa.array([str(number) for number in range(len(visits))], pa.string())
    return pa.RecordBatch.from_arrays([entities, pa.array(visits, pa.int64())], names=["entity_id", "visits"])


def rows(*visits: int | None) -> list[dict[str, Any]]:
    """Rows as a request has them."""
    return [
        {"entity_id": str(number), "visits": None if value is None else Number(value)}
        for number, value in enumerate(visits)
    ]


def terms(unique: Literal["refuse", "reject"] = "refuse") -> Terms:
    """What such rows are held against."""
    contract = Contract(COLUMNS)
    job = loader.find(ROOT / "dags", "flight_delay")
    return Terms(job, contract, replace(Policy.resolve(contract), unique=unique), date(2024, 3, 1))
