"""Where a worker finds modules, and which files it may read."""

import importlib.util
import os
import sys
from collections.abc import Iterable
from pathlib import Path

from pipeline.project import PACKAGE, SQL

# Further files and folders that models may read, such as a language model's weights.
READS = "SCORING_MODEL_READS"


def module_folders(python: Path | None = None) -> list[str]:
    """The folders in which this process finds modules, named as another process finds them.

    Args:
        python: an interpreter; of one with other libraries than this, the folders of this one's are no business.
    """
    folders = [os.path.abspath(entry) for entry in sys.path if os.path.exists(entry or ".")]
    if python is None or python == Path(sys.executable):
        return folders
    own = tuple(Path(prefix) for prefix in (sys.prefix, sys.base_prefix))
    return [
        folder
        for folder in folders
        if not _is_installed(Path(folder)) and not any(Path(folder).is_relative_to(prefix) for prefix in own)
    ]


def installed_folders() -> list[str]:
    """The folders of this interpreter's installed packages."""
    return [folder for folder in module_folders() if _is_installed(Path(folder))]


def readable(modules: Iterable[str]) -> list[str]:
    """What a worker may read beside its interpreter's own: this product's code, and a team's own modules.

    A folder of modules, such as the project's root, may hold secrets beside them: it is read only where it is one of
    installed packages.
    """
    own = [path for module in modules for path in _sources(module.partition(".")[0])]
    named = [path for path in os.environ.get(READS, "").split(os.pathsep) if path]
    return [str(PACKAGE), str(SQL), *installed_folders(), *own, *named]


def _is_installed(folder: Path) -> bool:
    return folder.is_file() or any(folder.glob("*.dist-info"))


def _sources(module: str) -> list[str]:
    """A module's file, or its package's folders."""
    spec = importlib.util.find_spec(module)
    if spec is None:
        return []
    if spec.submodule_search_locations is not None:
        return list(spec.submodule_search_locations)
    return [spec.origin] if spec.origin else []
