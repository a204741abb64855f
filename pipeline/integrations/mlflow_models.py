"""A version of a model in MLflow's registry, by its REST API: what it is, and its file.

A name and an alias are looked up once, when somebody registers the model here. A run knows bytes and their SHA-256.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import quote, urlsplit

import httpx
import yaml

from pipeline.errors import UsageError
from pipeline.integrations.mlflow import Server, TrackingError, request
from pipeline.store import files

SETTING = "MLFLOW_TRACKING_URI"
_USER, _PASSWORD, _TOKEN = "MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN"
_URI = re.compile(r"models:/(?P<name>[^/@]+)(@(?P<alias>[^/@]+)|/(?P<version>\d+))")
# Flavor -> where its MLmodel names the file, and how we name one of its format.
_FILES = {
    "sklearn": ("pickled_model", ".joblib"),
    "lightgbm": ("data", ".txt"),
    "xgboost": ("data", ".ubj"),
    "catboost": ("data", ".cbm"),
    "onnx": ("data", ".onnx"),
}
# What a flavor's file is where its name says so.
_ENDINGS = {".pkl": ".joblib", ".skops": ".skops", ".json": ".json"}
_BLOCK = 1 << 20


@dataclass(frozen=True)
class Registered:
    """A version in the registry.

    Attributes:
        name: of its model.
        version: its number.
        location: the folder that MLflow keeps it in, as it names it.
    """

    name: str
    version: str
    location: str

    @property
    def uri(self) -> str:
        """What it is called for good: an alias may point elsewhere tomorrow."""
        return f"models:/{self.name}/{self.version}"


def server(environ: Mapping[str, str]) -> Server:
    """The server that MLflow's own variables name.

    Raises:
        UsageError: they name none.
    """
    url = environ.get(SETTING, "")
    if not url.startswith(("http://", "https://")):
        raise UsageError(
            f"{SETTING}={url!r}: set it to the address of an MLflow server, such as http://mlflow:5000"
        )
    return Server(url, environ.get(_USER), environ.get(_PASSWORD) or environ.get(_TOKEN))


def find(server: Server, uri: str) -> Registered:
    """Look a version up by its number or by an alias.

    Raises:
        UsageError: it is no address of a version.
        TrackingError: the server was not reached, or has none.
    """
    if not (asked := _URI.fullmatch(uri)):
        raise UsageError(
            f"{uri!r}: name a version in MLflow's registry as models:/NAME@ALIAS or models:/NAME/VERSION."
        )
    name, alias, version = asked["name"], asked["alias"], asked["version"]
    with server.client() as client:
        if alias:
            answer = request(client, "GET", "registered-models/alias", params={"name": name, "alias": alias})
            version = str(answer["model_version"]["version"])
        answer = request(
            client, "GET", "model-versions/get-download-uri", params={"name": name, "version": str(version)}
        )
    return Registered(name, str(version), str(answer["artifact_uri"]))


def download(server: Server, registered: Registered, folder: Path) -> Path:
    """Copy a version's file into a folder, under a name that says its format.

    Raises:
        UsageError: it is of no format that can be registered, or its folder cannot be reached.
        TrackingError: the server was not reached, or has no such file.
    """
    _copy(server, registered.location, "MLmodel", folder / "MLmodel")
    try:
        flavors = yaml.safe_load((folder / "MLmodel").read_text())["flavors"]
        flavor = next((each for each in _FILES if each in flavors), None)
        path = str(flavors[flavor][_FILES[flavor][0]]) if flavor else ""
    except (yaml.YAMLError, UnicodeDecodeError, KeyError, TypeError) as error:
        raise UsageError(
            f"{registered.uri}: its file MLmodel cannot be read: {type(error).__name__}: {error}"
        ) from error
    if flavor is None:
        raise UsageError(
            f"{registered.uri} is of flavor {', '.join(flavors)}. Only {', '.join(_FILES)} can be registered: log it "
            "again as one of these, or register its file by hand."
        )
    if PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts:
        raise UsageError(
            f"{registered.uri}: its file MLmodel names {path!r}, which is outside of its folder."
        )
    suffix = _ENDINGS.get(PurePosixPath(path).suffix, _FILES[flavor][1])
    target = folder / f"model{suffix}"
    _copy(server, registered.location, path, target)
    return target


def _copy(server: Server, location: str, path: str, target: Path) -> None:
    address = urlsplit(location)
    if address.scheme != "mlflow-artifacts":
        target.write_bytes(_fetched(location, path))
        return
    # The server hands the files out itself.
    place = quote(f"{address.path.strip('/')}/{path}")
    with server.client() as client, target.open("wb") as file:
        url = str(client.base_url).replace("/api/2.0/mlflow/", f"/api/2.0/mlflow-artifacts/artifacts/{place}")
        try:
            with client.stream("GET", url) as answer:
                if answer.is_error:
                    answer.read()
                answer.raise_for_status()
                for block in answer.iter_bytes(_BLOCK):
                    file.write(block)
        except httpx.HTTPStatusError as error:
            raise TrackingError(f"{url}: {error.response.status_code} {error.response.text[:500]}") from error
        except httpx.HTTPError as error:
            raise TrackingError(f"{url}: {type(error).__name__}: {error}") from error


def _fetched(location: str, path: str) -> bytes:
    """A file that MLflow keeps in a bucket or a folder, which this machine reads itself."""
    try:
        return files.fetch(location.rstrip("/"), path)
    except (FileNotFoundError, PermissionError) as error:
        raise UsageError(
            f"{location}/{path} cannot be read: {error}. MLflow keeps it there: give this process the right to read, "
            "or start MLflow with --serve-artifacts."
        ) from error
