"""Where a model's file comes from: a path, or a version in MLflow's registry that is copied once."""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from pipeline.errors import UsageError
from pipeline.integrations import mlflow_models


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
