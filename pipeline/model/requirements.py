"""What an artefact needs to mean the same again: versions of distributions, and the source of a team's own modules.

A pickle names the classes that it is made of. Their distributions are recorded with their versions, and modules of a
team's own, which belong to no distribution, with the SHA-256 of their source. Both are compared with what is installed
before a later load unpickles anything.
"""

import ast
import hashlib
import importlib.util
import re
import sys
from collections.abc import Collection, Mapping
from functools import cache
from importlib import metadata
from pathlib import Path

from pipeline.isolation import environments
from pipeline.model import files
from pipeline.model.artifact import MADE_IN_SCRIPT, ModelError
from pipeline.model.manifest import LOCK, PinnedVersion

# Recorded for every model. Another version of these gives the golden rows their scores, or is refused by them.
LIBRARIES = ("scikit-learn", "numpy", "pandas", "joblib", "pyarrow")
_HELD_BY_GOLDEN_ROWS = {"numpy", "pandas", "joblib", "pyarrow", "scipy"}


def requirements_of(
    modules: Collection[str], origin: str, carried: Collection[str] = ()
) -> tuple[dict[str, str], dict[str, str]]:
    """What an artefact that names these modules depends on.

    Args:
        modules: that it names.
        origin: its file, for error messages.
        carried: modules and packages that the version brings along.

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
        top = _full_name(module).partition(".")[0]
        if top == "__main__":
            raise ModelError(f"{origin}: {MADE_IN_SCRIPT}")
        if top in sys.stdlib_module_names or top in carried:
            continue
        distributions = _distributions().get(top)
        if distributions:
            libraries |= {name: version_of(name) for name in distributions}
        else:
            own[module] = _source_sha256(module)
            waiting += [name for name in _imported(module) if name not in waiting]
    return libraries, own


def require_same_libraries(libraries: Mapping[str, str], folder: Path) -> None:
    """Refuse an artefact whose distributions are installed in other versions than it was registered with.

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


def require_same_modules(modules: Mapping[str, str], folder: Path) -> None:
    """Refuse an artefact whose own modules are not those that it was registered with.

    Raises:
        ModelError: one is another, or missing. Nothing was unpickled.
    """
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


def interpreter(pinned: PinnedVersion) -> Path:
    """The interpreter with the version's libraries: this one, or that of an environment, which is made if need be.

    Raises:
        ModelError: this one has others, and the version has no lock, or another than the one that was registered.
        BuildError: the environment cannot be made.
    """
    manifest = pinned.manifest
    try:
        require_same_libraries(manifest.libraries, pinned.folder)
    except ModelError:
        if manifest.lock_sha256 is None:
            raise
        return environment(pinned)
    return Path(sys.executable)


def environment(pinned: PinnedVersion) -> Path:
    """The interpreter of the environment of a version's lock, which is made where it is not there.

    Raises:
        ModelError: the version has no lock, or another than the one that was registered.
        BuildError: the environment cannot be made.
    """
    manifest, path = pinned.manifest, pinned.folder / LOCK
    if manifest.lock_sha256 is None:
        raise ModelError(
            f"{pinned.folder}: the version has no lock, so that no environment can be made of it. Register the model "
            "again where uv is installed."
        )
    lock = files.registered(path, manifest.lock_sha256)
    return environments.interpreter(lock, manifest.python, pinned.home, manifest.label)


def library_versions() -> dict[str, str]:
    """Versions of the libraries that every score depends on."""
    return {library: version_of(library) for library in LIBRARIES}


def version_of(library: str) -> str:
    """A distribution's version, or PackageNotFoundError; `metadata.version` parses a whole description for it."""
    text = metadata.distribution(library).read_text("METADATA") or ""
    stated = re.search(r"^Version: *(\S+) *$", text, re.MULTILINE)
    return stated[1] if stated else metadata.version(library)


def _installed(library: str) -> str | None:
    try:
        return version_of(library)
    except metadata.PackageNotFoundError:
        return None


@cache
def _distributions() -> Mapping[str, list[str]]:
    return metadata.packages_distributions()


def _source_sha256(module: str) -> str:
    """Digest of a module's source; of its whole package's where it is in one, since it may import from there."""
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None or not Path(spec.origin).is_file():
        raise ModelError(
            f"module {module} of the model is not there. Put it on PYTHONPATH, install it, or register with --code."
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
    try:
        tree = ast.parse(Path(spec.origin).read_bytes())
    except (SyntaxError, ValueError):  # a module in native code imports by itself
        return []
    names: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = importlib.util.resolve_name("." * node.level + (node.module or ""), package)
            # What is imported from a package may be a module.
            names += [base, *(f"{base}.{alias.name}" for alias in node.names)]
    return [name for name in names if name.partition(".")[0] != "pipeline" and _is_module(name)]


def _full_name(module: str) -> str:
    """A module's name as its loader knows it: some in native code go by the last part of it alone."""
    loaded = sys.modules.get(module)
    return str(getattr(getattr(loaded, "__spec__", None), "name", None) or module)


def _is_module(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except (ImportError, AttributeError, ValueError):  # its parent is no package
        return False
