"""A model that looks around where it is unpickled: what a hostile one would see and could ask for."""

import json
import os
from pathlib import Path
from typing import Any

from sklearn.dummy import DummyClassifier

ASKED = ("warehouse", "predictions", "predictions_janitor", "analyst")


class Curious(DummyClassifier):
    """Writes what it sees into the store, each time that it is unpickled in a process that has one."""

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        if folder := os.environ.get("SCORING_STORE"):
            seen = {
                "environ": "\n".join(f"{name}={value}" for name, value in os.environ.items()),
                "block": Path("/proc/self/environ").read_bytes().replace(b"\0", b"\n").decode(),
                "given": [conn_id for conn_id in ASKED if _given(conn_id)],
            }
            Path(folder, f"curious-{os.getpid()}.json").write_text(json.dumps(seen))


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
