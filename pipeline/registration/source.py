"""What a team hands over: a model's file or a version in MLflow's registry, own modules, figures, a card."""

import json
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from pipeline.errors import UsageError
from pipeline.integrations import mlflow_models
from pipeline.registration import surroundings
from pipeline.text_files import TextError, decoded


@contextmanager
def artefact(path: Path | None, uri: str | None, environ: Mapping[str, str]) -> Iterator[tuple[Path, str]]:
    """A model's file, and what it was copied from; a copy is there as long as the context.

    Args:
        path: the file, or
        uri: a version in MLflow's registry, by number or alias.
        environ: has MLflow's own variables.

    Raises:
        UsageError: both are given or none, or no server is named.
        TrackingError: the server was not reached, or has no such version.
    """
    if (path is None) == (uri is None):
        raise UsageError("name a model's file, or --from with a version in MLflow's registry, and not both.")
    if path is not None:
        yield path, ""
        return
    server = mlflow_models.server(environ)
    registered = mlflow_models.find(server, uri or "")
    host = urlsplit(server.url).netloc.rpartition("@")[2]
    with tempfile.TemporaryDirectory(prefix="scoring-") as folder:
        yield mlflow_models.download(server, registered, Path(folder)), f"{registered.uri} of {host}"


def own_modules(folder: Path | None) -> dict[str, bytes]:
    """The files of a folder of modules, by their paths in it; none where no folder is given.

    Raises:
        UsageError: there is none in it, or another file or a link; it cannot be read; or a module's name is taken.
    """
    if folder is None:
        return {}
    try:
        files = {name: _module(folder / name) for name in _names_of_files(folder)}
    except OSError as error:
        raise UsageError(f"{folder} cannot be read: {error.strerror}. Give a folder of modules.") from error
    if not files:
        raise UsageError(f"{folder}: no module is in it. Give the folder that holds the model's own modules.")
    taken = {*sys.stdlib_module_names, "pipeline", *surroundings.of_the_worker()}
    if shadowing := sorted(surroundings.names(files) & taken):
        raise UsageError(
            f"{folder}: {', '.join(shadowing)} is the name of a module that a model's process has already, so that "
            "this one would not be found. Rename it, and train again."
        )
    return files


def _names_of_files(folder: Path) -> Iterator[str]:
    """What lies in a folder, save what tools have put there."""
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        if not path.is_dir() and not any(
            part.startswith(".") or part == "__pycache__" for part in name.parts
        ):
            yield name.as_posix()


def _module(path: Path) -> bytes:
    if path.is_symlink() or path.suffix != ".py":
        raise UsageError(
            f"{path} is {'a link' if path.is_symlink() else 'no module'}. A version takes modules (*.py) alone: put "
            "data into one of them or into the model, and give a folder with nothing else."
        )
    return path.read_bytes()


def metrics(path: Path) -> dict[str, float]:
    """Named figures of a JSON file.

    Raises:
        UsageError: it cannot be read, or is no such file.
    """
    try:
        return {str(name): float(value) for name, value in json.loads(text(path)).items()}
    except (ValueError, TypeError, AttributeError) as error:
        raise UsageError(
            f'{path}: not a JSON object of named numbers, such as {{"roc_auc": 0.75}}: {error}'
        ) from error


def text(path: Path) -> str:
    """A text file.

    Raises:
        UsageError: it cannot be read, or is no text.
    """
    try:
        return decoded(read(path))
    except TextError as error:
        raise UsageError(f"{path}: not a text file: {error}") from error


def read(path: Path) -> bytes:
    """A file's bytes.

    Raises:
        UsageError: it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(
            f"{path} cannot be read: {error.strerror}. Give the path of an existing file."
        ) from error
