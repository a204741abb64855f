"""A deployment that comes while a run is on: other code, another job file or another query, as a rename leaves it."""

import hashlib
import os
from pathlib import Path
from typing import Any
from unittest.mock import patch

from pipeline.config import loader
from pipeline.runs import code_version

KINDS = ("code", "job", "query")
# The tasks that compare what they find with what their run began with.
COMPARING = ("load_model", "predict", "write", "log_metrics", "publish")


def prepare(home: Path) -> None:
    """Give a home code of its own, whose digest its tries take for the product's."""
    (home / "code" / "tasks").mkdir(parents=True)
    (home / "code" / "tasks" / "deployed.py").write_text("")


def use(home: Path, *, compares: bool) -> None:
    """Have this process, which ends with its try, take the home's code for the product's.

    Args:
        home: of the lane.
        compares: whether tasks compare; a campaign must find out where they do not.
    """
    patch.object(code_version, "PACKAGE", home / "code").start()
    for task in () if compares else COMPARING:
        patch(f"pipeline.tasks.{task}.require_same", lambda *given: None).start()


def deploy(home: Path, job: str, what: str) -> None:
    """Change what is there, in one step."""
    files = {
        "code": home / "code" / "tasks" / "deployed.py",
        "job": home / "dags" / f"{job}.toml",
        "query": home / "sql" / f"{job}.sql",
    }
    file, mark = files[what], "--" if what == "query" else "#"
    aside = file.with_name(f".{file.name}.{os.getpid()}")
    aside.write_text(f"{file.read_text()}\n{mark} deployed\n")
    os.rename(aside, file)  # not `os.replace`, which is a boundary


def deployed(home: Path, job: str) -> dict[str, Any]:
    """What is there, as a run's row names it."""
    return {
        "code_version": code_version.code_version(),
        "job_sha256": loader.find(home / "dags", job).sha256,
        "query_sha256": hashlib.sha256((home / "sql" / f"{job}.sql").read_bytes()).hexdigest(),
    }
