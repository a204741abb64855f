"""orchestration/credentials.py: a model's task keeps nothing that opens anything but its store."""

import os
import subprocess
import sys

SECRETS = {
    "AIRFLOW_CONN_PREDICTIONS", "AIRFLOW_VAR_KEY", "SCORING_ANALYST", "SCORING_PAGES",
    "SCORING_SIGNING_KEY", "PGPASSWORD", "PGPASSFILE",
    "POSTGRES_PASSWORD", "REDIS_PASSWORD", "MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN", "SLACK_TOKEN",
    "AIRFLOW__SMTP__SMTP_PASSWORD", "AIRFLOW__CORE__FERNET_KEY",
    "SENTRY_DSN",
}  # fmt: skip
KEPT = {"AWS_SECRET_ACCESS_KEY", "SCORING_STORE", "SCORING_VERIFY_KEY", "PATH"}
PROGRAM = """
import os, sys
from orchestration.credentials import keep_needed
keep_needed(sys.argv[1])

print(*sorted(name for name in os.environ if os.environ[name] == "canary"), "end")
"""


def left(task: str) -> set[str]:
    """Which of the variables a task still has."""
    environ = {**os.environ, **dict.fromkeys((SECRETS | KEPT) - {"PATH"}, "canary")}
    command = [sys.executable, "-c", PROGRAM, task]
    ended = subprocess.run(command, env=environ, capture_output=True, text=True, check=True)
    return set(ended.stdout.splitlines()[-1].split()[:-1])


def test_a_task_that_unpickles_keeps_its_store_and_nothing_else() -> None:
    for task in ("load_model", "predict"):
        assert left(task) == KEPT - {"PATH"}
