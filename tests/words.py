"""Words that stand for something already in Python, in Airflow, in SQL and here, and that a user may give as names."""

import ast
import builtins
import keyword
import re
from pathlib import Path

import airflow.sdk
from sqlalchemy.dialects.mysql.reserved_words import RESERVED_WORDS_MARIADB
from sqlalchemy.dialects.postgresql.base import RESERVED_WORDS as RESERVED_WORDS_POSTGRES

from orchestration.credentials import TASKS
from pipeline.__main__ import app
from pipeline.config import job, sections

_ROOT = Path(__file__).resolve().parents[1]
_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")


def _in_dags() -> set[str]:
    """Every name that the files of dags/ give, import or call: what a DAG that took its place would break."""
    names: set[str] = set()
    for path in (_ROOT / "dags").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names |= {
                str(getattr(node, key)) for key in ("id", "name", "arg", "asname") if hasattr(node, key)
            }
    return names


def _here() -> set[str]:
    modules = {
        path.stem
        for folder in ("pipeline", "orchestration", "plugins")
        for path in (_ROOT / folder).rglob("*.py")
    }
    keys = {
        key
        for model in (job.Job, sections.ExtractSection, sections.OutcomesSection)
        for key in model.model_fields
    }
    commands = {str(getattr(command.callback, "__name__", "")) for command in app.registered_commands}
    tables = {
        word
        for path in (_ROOT / "sql" / "migrations").rglob("*.py")
        for word in re.findall(r"scoring\.(\w+)", path.read_text(encoding="utf-8"))
    }
    return modules | keys | commands | tables | set(TASKS)


def _legal(words: set[str]) -> list[str]:
    return sorted({name for word in words if _NAME.fullmatch(name := word.lower())})


PYTHON = _legal({*keyword.kwlist, *keyword.softkwlist, *dir(builtins)})
AIRFLOW = _legal(
    {*airflow.sdk.__all__, "airflow", "dag", "dags", "default", "all", "none", "logical_date", "ds"}
)
SQL = _legal({*RESERVED_WORDS_POSTGRES, *RESERVED_WORDS_MARIADB})
DAGS = _legal(_in_dags())
OURS = _legal(_here())
WORDS = sorted({*PYTHON, *AIRFLOW, *SQL, *DAGS, *OURS})
