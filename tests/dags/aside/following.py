"""The context of tasks aside of a run, each of which follows on others."""

import json
from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any

from tests.dags.test_publish import context


class Instance(SimpleNamespace):
    """A task instance whose values others pull; it keeps its own as Airflow carries them."""

    task_id: str
    places: int
    values: dict[tuple[str, str], Any]

    def xcom_push(self, key: str, value: Any) -> None:
        """Keep a value of this task, or of the first of several that it is mapped over."""
        carried = json.loads(json.dumps(value))
        self.values[self.task_id, key] = [carried, *[None] * (self.places - 1)] if self.places else carried

    def xcom_pull(
        self, task_ids: str, key: str = "return_value", map_indexes: Iterable[int] | None = None
    ) -> Any:
        """What a task has left; of a mapped one a list, with None where it left nothing."""
        value = self.values.get((task_ids, key))
        return value if map_indexes is None else value or [None for _ in map_indexes]


def following(task_id: str, values: dict[str, Any], *, tried: int = 1, places: int = 0) -> dict[str, Any]:
    """The context of a task that follows on others.

    Args:
        task_id: what its own values are kept by.
        values: what other tasks have returned.
        tried: which try it is, of two.
        places: over how many parts it is mapped; 0 where it is not.
    """
    given = context()
    left = {(task, "return_value"): value for task, value in values.items()}
    link = given["ti"].log_url
    given["ti"] = Instance(
        task_id=task_id, places=places, values=left, try_number=tried, max_tries=1, log_url=link
    )
    return given
