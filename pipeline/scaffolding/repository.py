"""A team's own repository, laid out: where its jobs, queries and models stand, and what it takes to run them."""

import re
from pathlib import Path

from pipeline.project import ROOT
from pipeline.scaffolding import containers, dotenv, files
from pipeline.scaffolding.files import ScaffoldError
from pipeline.scaffolding.job_files import schema_text
from pipeline.scaffolding.schema import FILE
from pipeline.version import NAME, VERSION

# The product's DAG files and plugins; each gets a file that runs it.
_PLACES = ("dags", "plugins")
# Git keeps no empty folder.
_EMPTY = ("sql", "models", "wheels")


def make(folder: Path) -> list[str]:
    """Lay a repository out in a folder that is new or empty, and return the paths of its files.

    Args:
        folder: the folder; a `.git` in it stays.

    Raises:
        ScaffoldError: it is no folder, or holds something.
    """
    folder = folder.absolute()
    _require_empty(folder)
    texts = {
        **{name: files.rendered(f"repository/{name}", folder=folder.name, name=NAME, version=VERSION)
           for name in ("README.md", ".gitignore", ".dockerignore")},
        **{f"{place}/{path.name}": _runs(f"{place}/{path.name}")
           for place in _PLACES for path in sorted((ROOT / place).glob("*.py"))},
        **{f"{name}/.gitkeep": "" for name in _EMPTY},
        **containers.files_of(image_name(folder.name)),
        FILE: schema_text(),
    }  # fmt: skip
    files.write(folder, texts)
    dotenv.write(folder / ".env", "scoring init", files.rendered("repository/.env"))
    return [*texts, ".env"]


def image_name(folder: str) -> str:
    """A name for the repository's container image, as Docker allows it."""
    return re.sub(r"[^a-z0-9]+", "-", folder.lower()).strip("-") or "scoring"


def _require_empty(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise ScaffoldError(f"{folder} is a file. Nothing was written. Name a new or an empty folder.")
    held = sorted(path.name for path in folder.iterdir() if path.name != ".git") if folder.exists() else []
    if held:
        more = f" and {len(held) - 3} more" if len(held) > 3 else ""
        raise ScaffoldError(
            f"{folder} is not empty: it holds {', '.join(held[:3])}{more}. Nothing was written. Name a new or an empty "
            "folder."
        )


def _runs(name: str) -> str:
    """A file that runs one of the product's in its place."""
    docstring = (ROOT / name).read_text(encoding="utf-8").split('"""')[1].splitlines()[0]
    return files.rendered("repository/runs.py", name=name, docstring=docstring)
