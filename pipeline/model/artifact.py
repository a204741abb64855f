"""A model's artefact: a file, the modules that it depends on, and an estimator that computes on one thread.

scikit-learn is imported where an artefact is read: the web server's pages need no more than the errors.
"""

import io
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import TYPE_CHECKING, Any

import joblib
import numpy as np

from pipeline.errors import ScoringError
from pipeline.worker.formats import reading
from pipeline.worker.formats.native import FormatError, Settings

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator

# What a file raises that is cut or no pickle, besides Python's own errors of values.
_BROKEN = {"UnpicklingError", "error", "LZMAError", "BadGzipFile"}


MADE_IN_SCRIPT = (
    "The model uses a class or function of the script that trained it (module __main__), which no other process can "
    "import. Move it into a module of its own, import it from there, train again."
)


class ModelError(ScoringError):
    """A model that may not be used: missing, unpinned, altered, of another library version, or wrong."""


def open_estimator(content: bytes, origin: str, settings: Settings) -> tuple[Any, frozenset[str]]:
    """The estimator of an artefact whose bytes are trusted, and the modules that it depends on.

    Args:
        content: its bytes.
        origin: whose they are, for error messages.
        settings: its format, and what opens it.

    Raises:
        ModelError: the bytes are none of that format, or need what is not there.
    """
    if settings.format == reading.JOBLIB:
        return unpickle_and_name_modules(content, origin)
    try:
        estimator = reading.read(content, settings)
    except FormatError as error:
        raise ModelError(f"{origin}: {error}") from error
    except ModuleNotFoundError as error:
        raise ModelError(f"{origin}: the model cannot be loaded: {error}. {_remedy(error)}") from error
    _use_one_thread(estimator)
    return estimator, reading.modules(content, settings)


def unpickle(content: bytes, origin: str) -> Any:
    """Unpickle a model from bytes that are trusted; it computes on one thread.

    Raises:
        ModelError: they are no joblib file, need a module that is not there, or were made by another scikit-learn.
    """
    return unpickle_and_name_modules(content, origin)[0]


def unpickle_and_name_modules(content: bytes, origin: str) -> tuple[Any, frozenset[str]]:
    """The same, and the modules that the pickle itself names.

    Raises:
        ModelError: as for `unpickle`.
    """
    from sklearn.exceptions import InconsistentVersionWarning

    with warnings.catch_warnings(), _named_modules() as modules:
        warnings.simplefilter("error", InconsistentVersionWarning)
        try:
            estimator = joblib.load(io.BytesIO(content))
        except Exception as error:  # unpickling runs the model's own code, which may raise anything
            raise ModelError(
                f"{origin}: the model cannot be loaded: {type(error).__name__}: {error}. {_remedy(error)}"
            ) from error
    _use_one_thread(estimator)
    return estimator, frozenset(modules)


_naming: ContextVar[set[str] | None] = ContextVar("naming", default=None)


@cache
def _listen() -> None:
    """Python reports every name that a pickle looks up; such a hook is for as long as the process lives."""

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "pickle.find_class" and (modules := _naming.get()) is not None:
            modules.add(arguments[0])

    sys.addaudithook(hook)


@contextmanager
def _named_modules() -> Iterator[set[str]]:
    _listen()
    modules: set[str] = set()
    token = _naming.set(modules)
    try:
        yield modules
    finally:
        _naming.reset(token)


def _remedy(error: Exception) -> str:
    from sklearn.exceptions import InconsistentVersionWarning

    if isinstance(error, InconsistentVersionWarning):
        return (
            f"Install scikit-learn=={error.original_sklearn_version}, or train it with the installed version."
        )
    if isinstance(error, ModuleNotFoundError):
        return (
            f"Install the package that has {error.name}, in the version that the model was trained with; put a module "
            "of your own on PYTHONPATH."
        )
    if isinstance(error, AttributeError) and "__main__" in str(error):
        return MADE_IN_SCRIPT
    if isinstance(error, AttributeError):
        return "The module has no such name here: install the version that the model was trained with."
    if isinstance(error, EOFError | KeyError | ValueError | IndexError) or type(error).__name__ in _BROKEN:
        return "The file is cut, or none that joblib.dump wrote. Write or copy it again."
    return "Train and register it with the libraries of requirements.txt."


def _use_one_thread(estimator: Any) -> None:
    """Have an estimator, and all that it is made of, compute on the caller's own thread.

    Threads that add up a forest's trees do so in any order, so that the last bits of a score would differ from one try
    to the next; and tasks share their machine's processors themselves.
    """
    for part in _parts(estimator, set()):
        # None is one thread for scikit-learn and every processor for others.
        if getattr(part, "n_jobs", 1) != 1:
            part.n_jobs = 1


def _parts(value: Any, seen: set[int]) -> "Iterator[BaseEstimator]":
    """An estimator and the fitted ones within it, which their own parameters do not always name."""
    from sklearn.base import BaseEstimator

    if id(value) in seen:
        return
    seen.add(id(value))
    if isinstance(value, BaseEstimator):
        yield value
        for inner in vars(value).values():
            yield from _parts(inner, seen)
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _parts(inner, seen)
    elif isinstance(value, list | tuple) or (isinstance(value, np.ndarray) and value.dtype == object):
        for inner in value:
            yield from _parts(inner, seen)
    elif type(value).__module__.startswith("sklearn.") and hasattr(value, "__dict__"):
        # Such as the fitted parts of CalibratedClassifierCV, which are no estimators themselves.
        for inner in vars(value).values():
            yield from _parts(inner, seen)
