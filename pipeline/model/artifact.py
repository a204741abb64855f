"""A model's artefact: a file, the modules that it depends on, and why it could not be loaded."""

import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import Any

from pipeline.errors import ScoringError
from pipeline.worker import estimators
from pipeline.worker.failures import Failure
from pipeline.worker.formats import reading
from pipeline.worker.formats.native import FormatError, Settings

# What a file raises that is cut or no pickle, besides Python's own errors of values.
_BROKEN = {"UnpicklingError", "error", "LZMAError", "BadGzipFile"}
_NO_PICKLE = "The file is cut, or none that joblib.dump wrote. Write or copy it again."


MADE_IN_SCRIPT = (
    "The model uses a class or function of the script that trained it (module __main__), which no other process can "
    "import. Move it into a module of its own, import it from there, train again, and register it with --code FOLDER."
)


SHUT_IN = (
    "A model's process opens no connection, starts no program and reads its version alone: put what it reads "
    "into the model, or name the file in SCORING_MODEL_READS (docs/concepts/isolation.md)."
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
    with _named_modules() as modules:
        try:
            estimator = estimators.read(io.BytesIO(content), settings)
        except Exception as error:  # unpickling runs the model's own code, which may raise anything
            raise unloadable(Failure.of(error), origin) from error
    if settings.format != reading.JOBLIB:
        return estimator, reading.modules(content, settings)
    return estimator, frozenset(modules)


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
    return open_estimator(content, origin, Settings())


def unloadable(failure: Failure, origin: str) -> ModelError:
    """The error for an artefact that could not be loaded, with its remedy."""
    if failure.is_a(FormatError):
        return ModelError(f"{origin}: {failure.text}")
    return ModelError(
        f"{origin}: the model cannot be loaded: {failure.kind}: {failure.text}. {_remedy(failure)}"
    )


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


def _remedy(failure: Failure) -> str:
    if failure.version:
        return f"Install scikit-learn=={failure.version}, or train it with the installed version."
    # What is no pickle is taken for one of the first protocol where it begins with an `i` or a `c`.
    if failure.is_a(ModuleNotFoundError) and not failure.module.replace(".", "_").isidentifier():
        return _NO_PICKLE
    if failure.is_a(ModuleNotFoundError):
        return (
            f"Install the package that has {failure.module}, in the version that the model was trained with; of a "
            "module of your own give the folder with --code."
        )
    if failure.is_a(AttributeError) and "__main__" in failure.text:
        return MADE_IN_SCRIPT
    if failure.is_a(AttributeError):
        return "The module has no such name here: install the version that the model was trained with."
    if failure.is_a(PermissionError):
        return SHUT_IN
    if failure.is_a(EOFError, KeyError, ValueError, IndexError) or failure.kind in _BROKEN:
        return _NO_PICKLE
    return "Train and register it with the libraries of requirements.txt."
