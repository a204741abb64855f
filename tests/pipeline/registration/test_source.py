"""A model comes from a file or from MLflow: its bytes are copied and pinned, and the registry is never asked again."""

from pathlib import Path

import joblib
import pytest

from pipeline.errors import UsageError
from pipeline.model import registry
from pipeline.registration import source
from pipeline.registration.register import Registration, register
from tests.home import Home, shop_model
from tests.pipeline.integrations.registry import registry as mlflow_registry


def test_a_version_is_copied_pinned_and_loaded_without_the_server(home: Home, tmp_path: Path) -> None:
    estimator, reference = shop_model()
    joblib.dump(estimator, tmp_path / "model.pkl")
    reference.to_parquet(tmp_path / "reference.parquet")
    with mlflow_registry() as server:
        server.hold("sklearn", "model.pkl", (tmp_path / "model.pkl").read_bytes(), "pickled_model")
        url = server.url.replace("//", "//user:secret@")
        with source.artefact(None, "models:/shop@champion", {"MLFLOW_TRACKING_URI": url}) as (file, copied):
            given = Registration(
                "shop", file, tmp_path / "reference.parquet", alias="champion", source=copied
            )
            register(home.path, given)
        assert not file.exists()
        asked = len(server.asked)
        model = registry.load(registry.resolve(home.path, "shop", "champion"))
        assert len(server.asked) == asked
        assert model.manifest.source == f"models:/shop/1 of {server.url.removeprefix('http://')}"


def test_a_file_is_taken_as_it_is(tmp_path: Path) -> None:
    with source.artefact(tmp_path / "model.joblib", None, {}) as taken:
        assert taken == (tmp_path / "model.joblib", "")


@pytest.mark.parametrize(("path", "uri"), [(None, None), (Path("model.joblib"), "models:/shop/1")])
def test_one_of_both_is_named(path: Path | None, uri: str | None) -> None:
    with (
        pytest.raises(UsageError, match="name a model's file, or --from with a version in MLflow's registry"),
        source.artefact(path, uri, {}),
    ):
        pass


def test_figures_are_named_numbers(tmp_path: Path) -> None:
    path = tmp_path / "metrics.json"
    path.write_text('{"roc_auc": 0.75, "rows": 12}')
    assert source.metrics(path) == {"roc_auc": 0.75, "rows": 12.0}
    for text in ("[1]", "{", '{"roc_auc": "high"}'):
        path.write_text(text)
        with pytest.raises(UsageError, match="metrics.json: not a JSON object of named numbers, such as"):
            source.metrics(path)


def test_a_card_is_text_that_can_be_read(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="card.md cannot be read: No such file"):
        source.text(tmp_path / "card.md")
    (tmp_path / "card.md").write_bytes(b"\xff\xfe\xff")
    with pytest.raises(UsageError, match="card.md: not a text file"):
        source.text(tmp_path / "card.md")


def test_a_folder_of_modules_holds_nothing_but_modules_of_a_teams_own(tmp_path: Path) -> None:
    code, secret = tmp_path / "own", tmp_path / "secret.py"
    (code / "steps" / "__pycache__").mkdir(parents=True)
    with pytest.raises(UsageError, match="no module is in it"):
        source.own_modules(code)
    (code / "steps" / "__init__.py").write_text("FACTOR = 2.0\n")
    (code / "steps" / "__pycache__" / "x.pyc").write_bytes(b"x")
    assert source.own_modules(code) == {"steps/__init__.py": b"FACTOR = 2.0\n"}
    secret.write_text("key")
    for place, words in (
        ("steps/towns.json", "towns.json is no module. A version takes modules .*alone: put data into"),
        ("steps/key.py", "key.py is a link. A version takes"),
        ("numpy.py", "own: numpy is the name of a module that a model's process has already.*Rename it"),
        ("random.py", "own: random is the name"),
    ):
        path = code / place
        path.symlink_to(secret) if place == "steps/key.py" else path.write_text("")
        with pytest.raises(UsageError, match=words):
            source.own_modules(code)
        path.unlink()
