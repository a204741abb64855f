"""What a version brings along for its process: modules of its own, and the lock of its environment."""

import logging
import os
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from pipeline.config.job import Job
from pipeline.isolation import uv
from pipeline.isolation.uv import UvError
from pipeline.model import registry
from pipeline.model.artifact import ModelError
from pipeline.model.files import sha256
from pipeline.model.manifest import CODE, LOCK, Manifest
from pipeline.model.requirements import interpreter

_REMEDY = (
    "once other libraries are installed, it cannot be used. Put uv on PATH (pip install uv) and register it again, or "
    f"say that it needs none: {uv.SETTING}= scoring register ..."
)
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
# What the worker itself imports, whatever the model needs.
_OF_THE_WORKER = ("joblib", "numpy", "pandas", "pyarrow", "threadpoolctl")


log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Carried:
    """What a version brings along.

    Attributes:
        files: by their names in the version's folder.
        recorded: what the manifest says of them.
    """

    files: Mapping[str, bytes]
    recorded: Mapping[str, Any]


def carried(
    environment: Mapping[str, str], own: Mapping[str, bytes], artefact: str, locked: bytes | None = None
) -> Carried:
    """The lock of a version's environment, and its own modules.

    Args:
        environment: the version of each distribution in it.
        own: its own modules.
        artefact: the model's file, for error messages.
        locked: a lock of just this environment, where there is one already.

    Raises:
        ModelError: what it needs cannot be locked.
    """
    locked = locked or lock(environment, artefact)
    files = {f"{CODE}/{name}": content for name, content in own.items()}
    recorded = {
        "python": PYTHON,
        "environment": environment,
        "lock_sha256": sha256(locked) if locked else None,
        "code": {name: sha256(content) for name, content in own.items()},
    }
    return Carried(files | ({LOCK: locked} if locked else {}), recorded)


def carry(
    manifest: Manifest,
    files: Mapping[str, bytes],
    own: Mapping[str, bytes],
    artefact: str,
    locked: bytes | None = None,
) -> tuple[Manifest, dict[str, bytes]]:
    """A version's manifest and files, with the lock of its environment and its own modules.

    Args:
        manifest: of the version, with the libraries that its artefact names, and its environment where it is another
            than this process has.
        files: its files, by name.
        own: its own modules.
        artefact: the model's file, for error messages.
        locked: a lock of just this environment, where there is one already.

    Raises:
        ModelError: what it needs cannot be locked.
    """
    brought = carried(manifest.environment or closure(manifest.libraries), own, artefact, locked)
    return manifest.model_copy(update=brought.recorded), {**files, **brought.files}


def closure(distributions: Collection[str]) -> dict[str, str]:
    """The installed version of each distribution, of what the worker needs, and of all that these require."""
    versions: dict[str, str] = {}
    waiting = [*_OF_THE_WORKER, *distributions]
    while waiting:
        name = canonicalize_name(waiting.pop())
        if name in versions:
            continue
        try:
            distribution = metadata.distribution(name)
        except metadata.PackageNotFoundError:  # of another system, or of a part that nobody has installed
            continue
        versions[name] = distribution.version
        requirements = map(Requirement, distribution.requires or ())
        waiting += [
            each.name for each in requirements if each.marker is None or each.marker.evaluate({"extra": ""})
        ]
    return dict(sorted(versions.items()))


def lock(distributions: Mapping[str, str], artefact: str) -> bytes | None:
    """A lock with hashes of these versions, as the index gives them; None where there is no uv.

    Args:
        distributions: name and version of each.
        artefact: the model's file, for error messages.

    Raises:
        ModelError: the index does not have them all.
    """
    if uv.find() is None:
        if uv.SETTING not in os.environ:
            log.warning("%s: uv is not there, so the version has no lock: %s", artefact, _REMEDY)
        return None
    pins = "".join(f"{name}=={version}\n" for name, version in distributions.items())
    try:
        text = uv.run(
            *("pip", "compile", "--quiet", "--generate-hashes", "--no-deps", "--no-header", "--no-annotate"),
            *("--python-version", PYTHON, "-"),
            text=pins,
        )
    except UvError as error:
        raise ModelError(
            f"{artefact}: what the model needs cannot be locked: {error} Publish a distribution of your own where uv "
            f"finds it (UV_INDEX, UV_FIND_LINKS), or register without a lock: {uv.SETTING}= scoring register ..."
        ) from error
    return text.encode()


def names(modules: Collection[str]) -> set[str]:
    """The names by which the modules and packages of such files are imported."""
    return {Path(path).parts[0].removesuffix(".py") for path in modules}


def of_the_worker() -> set[str]:
    """The names of the modules that a worker has loaded before it knows of a version's own."""
    mine = closure(("scikit-learn",)).keys()
    all_modules = metadata.packages_distributions().items()
    return {module for module, owners in all_modules if mine & set(map(canonicalize_name, owners))}


@contextmanager
def importable(folder: Path | None) -> Iterator[None]:
    """Have a folder's modules found before any other."""
    if folder is None:
        yield
        return
    sys.path.insert(0, str(folder.resolve()))
    try:
        yield
    finally:
        sys.path.remove(str(folder.resolve()))


def build(home: Path, jobs: Sequence[Job], name: str | None, version: int | None) -> Iterator[str]:
    """Make the environments of versions that need one, and say of each version where it runs.

    Args:
        home: the folder that holds models/.
        jobs: every job.
        name: a job, whose model it is, or a model; every job's where it is None.
        version: of that model; else the one of the job's alias, or every version of the model.

    Raises:
        ModelError: there is no such version, or it needs other libraries and has no lock.
        BuildError: an environment cannot be made.
    """
    named = [job.model for job in jobs if name in (None, job.name)]
    pinned = [registry.resolve(home, each.name, each.alias, version) for each in named]
    if not named and name:
        numbers = [version] if version else sorted(registry.versions(home, name)[0])
        pinned = [registry.resolve(home, name, "", number) for number in numbers]
    for each in pinned:
        python = interpreter(each)
        own = python == Path(sys.executable)
        yield f"{each.manifest.label}: {'the installed libraries are its own' if own else python.parents[1]}"
