"""What an artefact is made of is recorded, and held against what is there before it is loaded."""

import os
import pickle
import subprocess
import sys
from importlib.metadata import version as installed
from pathlib import Path

import joblib
import pytest

from pipeline.model import artifact, registry, requirements
from pipeline.model.artifact import ModelError
from tests.home import Home, shop_model, shop_rows

MODULE = """
import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin


class Own(RegressorMixin, BaseEstimator):
    factor = 2.0

    def fit(self, rows, _=None):
        self.feature_names_in_ = np.array(list(rows.columns), dtype=object)
        return self

    def predict(self, rows):
        return rows["visits"].to_numpy() * self.factor
"""


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A module of a team's own on the path."""
    path = tmp_path / "teams_own.py"
    path.write_text(MODULE)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "teams_own", raising=False)
    return path


def test_the_distributions_of_an_artefact_are_recorded(home: Home) -> None:
    manifest = home.model("shop", *shop_model()).manifest
    assert {"scikit-learn", "numpy"} <= set(manifest.libraries)
    assert manifest.libraries["scikit-learn"] == installed("scikit-learn")
    assert manifest.modules == {}


def test_a_module_of_a_teams_own_is_pinned(home: Home, own: Path) -> None:
    import teams_own  # type: ignore[import-not-found]

    rows = shop_rows(40)[["visits"]]
    pinned = home.model("own", teams_own.Own().fit(rows), rows)
    assert list(pinned.manifest.modules) == ["teams_own"]
    assert registry.load(pinned).score(rows).score.tolist() == (rows["visits"] * 2.0).tolist()
    own.write_text(MODULE.replace("2.0", "3.0"))
    with pytest.raises(ModelError, match="module teams_own is not as it was when the model was registered"):
        registry.load(pinned)
    own.unlink()
    with pytest.raises(ModelError, match="module teams_own of the model is not there. Put it on PYTHONPATH"):
        registry.load(pinned)


def test_what_a_module_of_a_teams_own_imports_is_pinned_too(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "teams_steps").mkdir()
    (tmp_path / "teams_steps" / "__init__.py").write_text("from . import rates")
    (tmp_path / "teams_steps" / "rates.py").write_text("import teams_factor\nfactor = teams_factor.FACTOR")
    (tmp_path / "teams_factor.py").write_text("import os, numpy.linalg, pipeline.errors\nFACTOR = 2.0")
    source = MODULE.replace(
        "import numpy as np", "import numpy as np\nfrom teams_steps.rates import factor as FACTOR"
    )
    (tmp_path / "teams_model.py").write_text(source.replace("factor = 2.0", "factor = FACTOR"))
    monkeypatch.syspath_prepend(str(tmp_path))
    import teams_model  # type: ignore[import-not-found]

    rows = shop_rows(40)[["visits"]]
    pinned = home.model("own", teams_model.Own().fit(rows), rows)
    assert list(pinned.manifest.modules) == ["teams_model", "teams_steps.rates", "teams_factor"]
    (tmp_path / "teams_factor.py").write_text("FACTOR = 3.0")
    with pytest.raises(
        ModelError, match="module teams_factor is not as it was when the model was registered"
    ):
        registry.load(pinned)


def test_a_library_of_another_version_is_refused_before_anything_is_unpickled(home: Home) -> None:
    pinned = home.model("shop", *shop_model())
    other = pinned.manifest.model_copy(
        update={"libraries": {**pinned.manifest.libraries, "lightgbm": "4.6.0"}}
    )
    with pytest.raises(ModelError, match=r"made with lightgbm 4.6.0, and none is installed.*lightgbm==4.6.0"):
        requirements.require_same(other.libraries, {}, pinned.folder)


def test_a_class_of_the_training_script_is_refused_with_its_cause(tmp_path: Path) -> None:
    script = tmp_path / "train.py"
    script.write_text(
        MODULE
        + "import joblib, sys, pandas as pd\njoblib.dump(Own().fit(pd.DataFrame({'visits': [1]})), sys.argv[1])\n"
    )
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, str(script), str(tmp_path / "m.joblib")], check=True, env=environ)
    with pytest.raises(
        ModelError, match="of the script that trained it .module __main__.*Move it into a module"
    ):
        artifact.unpickle((tmp_path / "m.joblib").read_bytes(), "m.joblib")


def test_what_cannot_be_loaded_says_why() -> None:
    content = pickle.dumps(shop_model()[0])
    with pytest.raises(ModelError, match="The file is cut, or none that joblib.dump wrote"):
        artifact.unpickle(content[: len(content) // 2], "m.joblib")
    with pytest.raises(ModelError, match="The file is cut, or none that joblib.dump wrote"):
        artifact.unpickle(b"no pickle at all", "m.joblib")
    gone = content.replace(b"sklearn.pipeline", b"nklearn.pipeline")
    with pytest.raises(ModelError, match="Install the package that has nklearn"):
        artifact.unpickle(gone, "m.joblib")


def test_compressed_artefacts_are_read_too(tmp_path: Path) -> None:
    joblib.dump(shop_model()[0], tmp_path / "m.joblib", compress=3)
    _, modules = artifact.unpickle_and_name_modules((tmp_path / "m.joblib").read_bytes(), "m.joblib")
    assert "sklearn.pipeline" in modules
    libraries, own = requirements.requirements_of(modules, "m.joblib")
    assert ("scikit-learn" in libraries, own) == (True, {})
