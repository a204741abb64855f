"""A file of skops makes only what its reviewer trusts, and scores as the estimator that was trained."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder
from sklearn.tree import DecisionTreeClassifier

from pipeline.errors import UsageError
from pipeline.model import registry
from pipeline.model.artifact import ModelError
from pipeline.registration.register import Registration
from tests.home import Home
from tests.pipeline.model.spoiling import edit
from tests.pipeline.worker.formats.files import registered, require_same, rows

TREE = "sklearn.tree._tree.Tree"
COLUMNS = ["visits", "channel"]


@pytest.fixture
def file(home: Home) -> Path:
    return home.path / "model.skops"


def dump(file: Path, last: Any) -> Any:
    """Train a pipeline, and write it with skops."""
    io = pytest.importorskip("skops.io")
    encode = make_column_transformer((OneHotEncoder(), ["channel"]), remainder="passthrough")
    estimator = make_pipeline(encode, last).fit(rows()[COLUMNS], rows()["bought"])
    io.dump(estimator, file)
    return estimator


def test_what_skops_trusts_needs_no_word(home: Home, file: Path) -> None:
    estimator = dump(file, LogisticRegression(max_iter=1000))
    model = registered(home, file, COLUMNS, "bought")
    assert (model.manifest.format, model.manifest.trusted) == ("skops", ())
    assert {"skops", "scikit-learn"} <= model.manifest.libraries.keys()
    require_same(model, estimator, COLUMNS)


def test_other_types_are_named_and_loaded_once_they_are_trusted(home: Home, file: Path) -> None:
    estimator = dump(file, DecisionTreeClassifier(max_depth=3))
    with pytest.raises(
        ModelError, match=f"does not trust: {TREE}. Nothing was loaded. .*with --trust {TREE}, which"
    ):
        registered(home, file, COLUMNS, "bought")
    model = registered(home, file, COLUMNS, "bought", trusted=[TREE])
    assert model.manifest.trusted == (TREE,)
    require_same(model, estimator, COLUMNS)


def test_a_manifest_that_trusts_less_is_refused_at_load(home: Home, file: Path) -> None:
    dump(file, DecisionTreeClassifier(max_depth=3))
    model = registered(home, file, COLUMNS, "bought", trusted=[TREE])
    manifest = home.path / "models" / "shop" / str(model.manifest.version) / "manifest.json"
    edit(manifest, f'"{TREE}"', "")
    with pytest.raises(ModelError, match=f"has types that skops does not trust: {TREE}"):
        registry.load(registry.resolve(home.path, "shop", "champion"))


def test_a_function_of_anybodys_is_neither_made_nor_called(home: Home, file: Path) -> None:
    pytest.importorskip("skops.io").dump(FunctionTransformer(shutil.rmtree), file)
    with pytest.raises(ModelError, match="does not trust: .*shutil.rmtree"):
        registered(home, file, COLUMNS, "bought")


def test_only_a_file_of_skops_has_types_to_trust(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="only a .skops file has types to trust. Leave --trust out"):
        Registration("shop", tmp_path / "model.joblib", tmp_path / "r.parquet", trusted=[TREE])
    with pytest.raises(UsageError, match="the model names its classes itself. Leave --class out"):
        Registration("shop", tmp_path / "model.skops", tmp_path / "r.parquet", classes=["no", "yes"])
