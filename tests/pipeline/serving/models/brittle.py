"""A model that fails on some rows, in each way that a model can; in this process, or registered."""

import os
import signal
from threading import Event

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
from sklearn.base import BaseEstimator, RegressorMixin

from pipeline.contract.contract import Column
from pipeline.model.loaded_model import Model
from pipeline.model.manifest import Manifest


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


def model(estimator: object) -> Model:
    """A regression of visits, in this process."""
    columns = (Column("visits", "integer", "int64", nullable=False),)
    return Model(
        Manifest.model_construct(name="m", version=1, task="regression", classes=(), columns=columns),
        estimator,
    )


def batch(*visits: int) -> pa.RecordBatch:
    """Rows that the contract has accepted."""
    entities = pa.array([str(number) for number in range(len(visits))], pa.string())
    return pa.RecordBatch.from_arrays([entities, pa.array(visits, pa.int64())], names=["entity_id", "visits"])
