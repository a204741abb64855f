"""A model that looks around where it is unpickled: what a hostile one would see and could ask for."""

import os
from pathlib import Path
from typing import Any

from sklearn.dummy import DummyClassifier

ASKED = ("warehouse", "predictions", "predictions_janitor", "analyst")


class Curious(DummyClassifier):
    """Prints what it sees, each time that it is unpickled."""

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        block = Path("/proc/self/environ").read_bytes().decode().split("\0")
        for variable in {*block, *(f"{name}={value}" for name, value in os.environ.items())}:
            print("curious sees", variable)
        print("curious is given", [conn_id for conn_id in ASKED if _given(conn_id)])


class Broken(Curious):
    """Scores a few rows and its whole reference, as when it is registered, and fails on a part."""

    def predict_proba(self, X: Any) -> Any:  # noqa: N803
        """Probabilities, unless there are as many rows as in a part."""
        if 20 < len(X) < 400:
            raise ValueError("see http://evil.example/login")
        return super().predict_proba(X)


def _given(conn_id: str) -> bool:
    from airflow.sdk import Connection

    try:
        return bool(Connection.get(conn_id))
    except Exception:  # noqa: BLE001 - no answer is what is hoped for
        return False
