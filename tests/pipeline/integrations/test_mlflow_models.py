"""A version in MLflow's registry is found by number or alias, and its file copied under the name of its format."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.errors import UsageError
from pipeline.integrations import mlflow_models
from pipeline.integrations.mlflow import Server, TrackingError
from tests.pipeline.integrations.registry import FOLDER, Registry, registry


@pytest.fixture
def mlflow() -> Iterator[Registry]:
    with registry() as server:
        yield server


@pytest.mark.parametrize("uri", ["models:/shop@champion", "models:/shop/1"])
def test_a_version_is_found_and_copied(mlflow: Registry, tmp_path: Path, uri: str) -> None:
    server = mlflow_models.server(
        {"MLFLOW_TRACKING_URI": mlflow.url, "MLFLOW_TRACKING_USERNAME": "u", "MLFLOW_TRACKING_PASSWORD": "p"}
    )
    version = mlflow_models.find(server, uri)
    assert (version.uri, version.location) == ("models:/shop/1", f"mlflow-artifacts:/{FOLDER}")
    mlflow.hold("lightgbm", "model.lgb", b"tree" * 1_000_000)
    path = mlflow_models.download(server, version, tmp_path)
    assert (path.name, path.read_bytes()) == ("model.txt", b"tree" * 1_000_000)
    assert set(mlflow.headers) == {"Basic dTpw"}


@pytest.mark.parametrize(
    ("flavor", "file", "key", "name"),
    [
        ("sklearn", "model.pkl", "pickled_model", "model.joblib"),
        ("sklearn", "model.skops", "pickled_model", "model.skops"),
        ("lightgbm", "model.pkl", "data", "model.joblib"),
        ("xgboost", "model.ubj", "data", "model.ubj"),
        ("xgboost", "model.json", "data", "model.json"),
        ("catboost", "model.cb", "data", "model.cbm"),
        ("onnx", "model.onnx", "data", "model.onnx"),
    ],
)
def test_a_flavors_file_gets_the_name_of_its_format(
    mlflow: Registry, tmp_path: Path, flavor: str, file: str, key: str, name: str
) -> None:
    mlflow.hold(flavor, file, b"model", key)
    version = mlflow_models.Registered("shop", "1", mlflow.location)
    assert mlflow_models.download(Server(mlflow.url), version, tmp_path).name == name


def test_what_mlflow_keeps_in_a_folder_is_read_there(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "MLmodel").write_text("flavors:\n  onnx:\n    data: model.onnx\n")
    (tmp_path / "kept" / "model.onnx").write_bytes(b"graph")
    version = mlflow_models.Registered("shop", "1", f"file://{tmp_path}/kept")
    server = Server("http://127.0.0.1:1")  # not asked for files
    assert mlflow_models.download(server, version, tmp_path).read_bytes() == b"graph"
    with pytest.raises(
        UsageError, match="gone/MLmodel cannot be read: .*start MLflow with --serve-artifacts"
    ):
        mlflow_models.download(server, mlflow_models.Registered("shop", "1", f"{tmp_path}/gone"), tmp_path)


@pytest.mark.parametrize(
    ("mlmodel", "reason"),
    [
        ("flavors:\n  python_function:\n    x: y\n", "is of flavor python_function. Only sklearn, lightgbm"),
        (
            "flavors:\n  onnx:\n    data: ../../secret\n",
            "names '../../secret', which is outside of its folder",
        ),
        ("flavors:\n  onnx:\n    data: /etc/passwd\n", "names '/etc/passwd', which is outside of its folder"),
        ("flavors:\n  onnx: {}\n", "its file MLmodel cannot be read: KeyError"),
        ("{", "its file MLmodel cannot be read: ParserError"),
    ],
)
def test_what_cannot_be_registered_is_refused(
    mlflow: Registry, tmp_path: Path, mlmodel: str, reason: str
) -> None:
    mlflow.files = {"MLmodel": mlmodel.encode()}
    with pytest.raises(UsageError, match=f"models:/shop/1.* {reason}"):
        mlflow_models.download(
            Server(mlflow.url), mlflow_models.Registered("shop", "1", mlflow.location), tmp_path
        )


@pytest.mark.parametrize("uri", ["models:/shop@nobody", "models:/shop/9", "models:/other/1"])
def test_a_version_that_is_not_there_is_named(mlflow: Registry, uri: str) -> None:
    with pytest.raises(TrackingError, match="not found"):
        mlflow_models.find(Server(mlflow.url), uri)


def test_a_file_that_is_not_there_is_named(mlflow: Registry, tmp_path: Path) -> None:
    with pytest.raises(TrackingError, match="MLmodel: 404 .*not found"):
        mlflow_models.download(
            Server(mlflow.url), mlflow_models.Registered("shop", "1", mlflow.location), tmp_path
        )


def test_an_address_or_a_server_that_is_none_is_named() -> None:
    with pytest.raises(UsageError, match="as models:/NAME@ALIAS or models:/NAME/VERSION"):
        mlflow_models.find(Server("http://127.0.0.1:1"), "runs:/1/model")
    with pytest.raises(TrackingError, match="ConnectError"):
        mlflow_models.find(Server("http://127.0.0.1:1"), "models:/shop/1")
    with pytest.raises(UsageError, match="MLFLOW_TRACKING_URI='': set it to the address of an MLflow server"):
        mlflow_models.server({})
