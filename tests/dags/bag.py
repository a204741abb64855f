"""DAG files, read as Airflow's DAG processor reads them."""

import sys
from pathlib import Path
from typing import Any

from airflow.dag_processing.dagbag import DagBag
from airflow.sdk import DAG

from tests.home import Home

ROOT = Path(__file__).resolve().parents[2]


def load(home: Home) -> DagBag:
    """Read a home's dags/ as Airflow's DAG processor does."""
    folder = home.path / "dags"
    return DagBag(str(folder), bundle_path=folder, bundle_name="tests")


def callable_of(task: Any) -> Any:
    """The function that a task runs."""
    return task.python_callable


def module(dag: DAG) -> Any:
    """The module that built a DAG."""
    return sys.modules[callable_of(dag.task_dict["extract"]).__module__]
