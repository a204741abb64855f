"""orchestration/_airflow.py: what we use of Airflow that it does not call public is still there."""

import inspect
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import is_typeddict

import pytest
from airflow.sdk import DAG

from orchestration import _airflow

ROOT = Path(__file__).resolve().parents[2]

# Module, name, and the parameters or fields that we give it.
USED = [
    ("airflow.sdk.execution_time.hitl", "upsert_hitl_detail",
     ("ti_id", "options", "subject", "body", "params", "assigned_users")),
    ("airflow.sdk.execution_time.hitl", "HITLUser", ("id", "name")),
    ("airflow.sdk.execution_time.comms", "SkipDownstreamTasks", ("tasks",)),
    ("airflow.sdk.execution_time.comms", "GetConnection", ("conn_id",)),
    ("airflow.sdk.execution_time.comms", "ErrorResponse", ("error",)),
    ("airflow.sdk.observability.stats", "normalize_name_for_stats", ("name", "log_warning")),
    ("airflow.sdk.observability.stats", "gauge", ()),
    ("airflow.sdk.observability.stats", "incr", ()),
]  # fmt: skip


def gone(what: str) -> str:
    """What a person does who reads that a private name is gone."""
    return (
        f"Airflow {version('apache-airflow')} has no {what}. orchestration/_airflow.py was seen to work with "
        f"{_airflow.SEEN_WITH}: put it right there, and write the new version down."
    )


@pytest.mark.parametrize(("module", "name", "fields"), USED, ids=lambda value: str(value))
def test_what_we_use_is_still_there(module: str, name: str, fields: tuple[str, ...]) -> None:
    used = getattr(import_module(module), name, None)
    assert used is not None, gone(f"{module}.{name}")
    taken = used.__annotations__ if is_typeddict(used) else inspect.signature(used).parameters
    for field in fields:
        assert field in taken, gone(f"{field} of {module}.{name}")


def test_a_dag_still_says_its_file_and_its_fields_in_ways_that_we_can_change() -> None:
    for name in ("relative_fileloc", "get_serialized_fields"):
        assert hasattr(DAG("any", schedule=None), name), gone(f"DAG.{name}")


def test_airflow_still_tells_which_of_its_settings_are_secret() -> None:
    assert ("database", "sql_alchemy_conn") in _airflow.sensitive_settings(), gone(
        "conf.sensitive_config_values"
    )


def test_the_version_is_the_one_that_is_installed() -> None:
    assert version("apache-airflow") == _airflow.SEEN_WITH, (
        f"Airflow {version('apache-airflow')} is installed, and orchestration/_airflow.py was seen to work with "
        f"{_airflow.SEEN_WITH}. Run tests/dags and tests/e2e, and write the new version down there."
    )


def test_nothing_else_uses_what_is_private() -> None:
    private = ("execution_time", "observability", "relative_fileloc", "sensitive_config_values")
    for path in [*(ROOT / "orchestration").glob("*.py"), *(ROOT / "dags").glob("*.py")]:
        if path.name != "_airflow.py":
            text = path.read_text(encoding="utf-8")
            assert [word for word in private if word in text] == [], path.name
