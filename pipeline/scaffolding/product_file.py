"""A DAG file or a plugin of a team's repository that runs the product's: an upgrade of the package is one of both."""

import os
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

from pipeline.project import ROOT


def run(name: str, here: str) -> dict[str, Any]:
    """Run a file of the product as though it stood elsewhere, and return what it defines.

    Args:
        name: the file, such as `dags/scoring.py`.
        here: the file in whose place it runs, in a folder of a team's home: job files are looked for beside it.
    """
    # Airflow's processes run in folders of their own.
    os.environ.setdefault("SCORING_HOME", str(Path(here).resolve().parents[1]))
    path = ROOT / name
    spec = spec_from_file_location(f"product_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is no Python file")
    module = module_from_spec(spec)
    module.__file__ = here
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return {key: value for key, value in vars(module).items() if not key.startswith("__")}
