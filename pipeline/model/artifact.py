"""A model's artefact: a pickle, what it is made of, and what it needs to mean the same again.

A pickle names the classes that it is made of. Their distributions are recorded with their versions, and modules of a
team's own, which belong to no distribution, with the SHA-256 of their source. Both are held against what is installed
before a later load unpickles anything.
"""

import ast
import hashlib
import importlib.util
import io
import sys
import warnings
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from importlib.metadata import PackageNotFoundError, packages_distributions
from importlib.metadata import version as installed
from pathlib import Path
from typing import Any

import joblib
import numpy as np
from sklearn.base import BaseEstimator
from sklearn.exceptions import InconsistentVersionWarning

from pipeline.errors import ScoringError

# Recorded for every model. Another version of these gives the golden rows their scores, or is refused by them.
LIBRARIES = ("scikit-learn", "numpy", "pandas", "joblib", "pyarrow")
_HELD_BY_GOLDEN_ROWS = {"numpy", "pandas", "joblib", "pyarrow", "scipy"}

# What a file raises that is cut or no pickle, besides Python's own errors of values.
_BROKEN = {"UnpicklingError", "error", "LZMAError", "BadGzipFile"}


class ModelError(ScoringError):
    """A model that may not be used: missing, unpinned, altered, of another library version, or wrong."""


def unpickle(content: bytes, origin: str) -> Any:
    """Unpickle a model from bytes that are known to be trusted; it computes on one thread.

    Raises:
        ModelError: they are no joblib file, need a module that is not there, or were made by another scikit-learn.
    """
    return unpickle_and_name_modules(content, origin)[0]


def unpickle_and_name_modules(content: bytes, origin: str) -> tuple[Any, frozenset[str]]:
    """The same, and the modules that the pickle itself names.

    Raises:
        ModelError: as for `unpickle`.
    """
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


def requirements(modules: Collection[str], origin: str) -> tuple[dict[str, str], dict[str, str]]:
    """What an artefact that names these modules depends on.

    Returns:
        the version of each distribution; and for modules that belong to none, and those of a team's own that they
        import, the SHA-256 of their source.

    Raises:
        ModelError: a module is the script that trained the model, which no other process has.
    """
    libraries = library_versions()
    own: dict[str, str] = {}
    waiting = sorted(modules)
    for module in waiting:
        top = module.partition(".")[0]
        if top == "__main__":
            raise ModelError(
                f"{origin}: the model uses a class or function of the script that trained it (module __main__), which "
                "no other process can import. Move it into a module of its own, import it from there, train again."
            )
        if top in sys.stdlib_module_names:
            continue
        distributions = _distributions().get(top)
        if distributions:
            libraries |= {name: installed(name) for name in distributions}
        else:
            own[module] = _source_sha256(module)
            waiting += [name for name in _imported(module) if name not in waiting]
    return libraries, own


def require_same(libraries: Mapping[str, str], modules: Mapping[str, str], folder: Path) -> None:
    """Refuse an artefact whose distributions or modules are not those that it was registered with.

    Raises:
        ModelError: one is another, or missing. Nothing was unpickled.
    """
    for library in {"scikit-learn": None, **libraries}:
        recorded, here = libraries.get(library), _installed(library)
        if library not in _HELD_BY_GOLDEN_ROWS and recorded != here:
            raise ModelError(
                f"{folder}: the model was made with {library} {recorded}, and {here or 'none'} is installed. "
                f"It was not loaded. Install {library}=={recorded}, or train and register the model again."
            )
    for module, recorded in modules.items():
        try:
            here = _source_sha256(module)
        except ModelError as error:
            raise ModelError(f"{folder}: {error} The model was not loaded.") from error
        if here != recorded:
            raise ModelError(
                f"{folder}: module {module} is not as it was when the model was registered: SHA-256 {here}, recorded "
                f"{recorded}. The model was not loaded. Restore the module, or register the model again."
            )


def library_versions() -> dict[str, str]:
    """Versions of the libraries that every score depends on."""
    return {library: installed(library) for library in LIBRARIES}


def _installed(library: str) -> str | None:
    try:
        return installed(library)
    except PackageNotFoundError:
        return None


@cache
def _distributions() -> Mapping[str, list[str]]:
    return packages_distributions()


def _source_sha256(module: str) -> str:
    """Digest of a module's source; of its whole package's where it is in one, since it may import from there."""
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None or not Path(spec.origin).is_file():
        raise ModelError(
            f"module {module} of the model is not there. Put it on PYTHONPATH, or install it as a package."
        )
    path = Path(spec.origin)
    files = sorted(path.parent.glob("*.py")) if "." in module else [path]
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()


def _imported(module: str) -> list[str]:
    """The modules that a module of a team's own imports, save those of this project, whose version every run keeps."""
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None:
        return []
    package = module if spec.submodule_search_locations is not None else module.rpartition(".")[0]
    names: list[str] = []
    for node in ast.walk(ast.parse(Path(spec.origin).read_bytes())):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = importlib.util.resolve_name("." * node.level + (node.module or ""), package)
            # What is imported from a package may be a module.
            names += [base, *(f"{base}.{alias.name}" for alias in node.names)]
    return [name for name in names if name.partition(".")[0] != "pipeline" and _is_module(name)]


def _is_module(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except (ImportError, AttributeError, ValueError):  # its parent is no package
        return False


_naming: ContextVar[set[str] | None] = ContextVar("naming", default=None)


@cache
def _listen() -> None:
    """Python tells of every name that a pickle looks up; such a hook is for as long as the process lives."""

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
        return (
            "The model uses a class or function of the script that trained it (module __main__), which no other "
            "process can import. Move it into a module of its own, import it from there, train again."
        )
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


def _parts(value: Any, seen: set[int]) -> Iterator[BaseEstimator]:
    """An estimator and the fitted ones within it, which their own parameters do not always name."""
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
