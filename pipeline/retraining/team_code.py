"""A team's training function: a file of its repository with the modules beside it, and what calling it may raise."""

import importlib
import traceback
from collections.abc import Callable, Mapping
from contextlib import chdir
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from pipeline.errors import ScoringError
from pipeline.model.files import sha256

Train = Callable[[pd.DataFrame], Any]


class RetrainingError(ScoringError):
    """A candidate that cannot be trained as its job file says."""


@dataclass(frozen=True)
class TeamCode:
    """The modules that train.

    Attributes:
        function: as the job file names it.
        files: the modules of the function's folder, and the packages in it, by path.
        sha256: digest of their names and contents.
    """

    function: str
    files: Mapping[str, bytes]
    sha256: str


def read(home: Path, function: str) -> TeamCode:
    """Read the file of a training function and the modules beside it; nothing is run.

    Args:
        home: the repository.
        function: as the job file names it, such as models/shop/training.py:train.

    Raises:
        RetrainingError: there is no such file.
    """
    name = function.partition(":")[0]
    file = home / name
    if not file.is_file():
        raise RetrainingError(
            f"{file} is missing, and training.function names it. Write it, with a function that takes the training "
            "rows and returns a trained estimator; or correct the job file."
        )
    packages = [each.parent for each in file.parent.glob("*/__init__.py")]
    paths = [*file.parent.glob("*.py"), *(path for package in packages for path in package.rglob("*.py"))]
    files = {path.relative_to(file.parent).as_posix(): path.read_bytes() for path in sorted(paths)}
    listed = "".join(f"{path} {sha256(content)}\n" for path, content in files.items())
    return TeamCode(function, files, sha256(f"{function}\n{listed}".encode()))


def load(function: str, folder: Path) -> Train:
    """The function, imported from a copy of its folder; what it raises says where it did.

    Raises:
        RetrainingError: the file cannot be imported, or has no such function.
    """
    path, _, name = function.partition(":")
    stem = Path(path).stem
    try:
        module = importlib.import_module(stem)
    except Exception as error:
        raise _raised(error, f"{path} cannot be imported", folder) from error
    if not Path(getattr(module, "__file__", None) or "/").is_relative_to(folder):
        raise RetrainingError(
            f"{path}: another module is called {stem!r}, and was imported instead. Rename the file."
        )
    trainer = getattr(module, name, None)
    if not callable(trainer):
        raise no_function(function)

    def train(rows: pd.DataFrame) -> Any:
        try:
            with chdir(Path.cwd()):  # wherever the function goes to: the candidate is written here
                return trainer(rows)
        except MemoryError:
            raise
        except Exception as error:
            raise _raised(error, f"{function} failed", folder) from error

    return train


def no_function(function: str) -> RetrainingError:
    """The error for a file without the function that the job file names."""
    path, _, name = function.partition(":")
    return RetrainingError(f"{path} has no function {name!r}. Correct training.function in the job file.")


def _raised(error: Exception, what: str, folder: Path) -> RetrainingError:
    frames = [
        each for each in traceback.extract_tb(error.__traceback__) if each.filename.startswith(str(folder))
    ]
    # For the log of whoever corrects it: the line of a library may say more than that of the function.
    traceback.print_exception(error)
    at = f", in line {frames[-1].lineno} of {Path(frames[-1].filename).name}" if frames else ""
    text = str(error)
    return RetrainingError(
        f"{what}: {type(error).__name__}: {text}{at}. Correct it. It runs in one process, without network and "
        "credentials, and imports what lies beside it or is installed.",
        private=[text],
    )
