"""What an artefact is made of is recorded, and compared with what is there before it is loaded."""

import sys
from importlib import metadata
from pathlib import Path

import pytest

from pipeline.model import registry, requirements
from pipeline.model.artifact import ModelError
from pipeline.model.manifest import PinnedVersion
from tests.home import Home, shop_model, shop_rows
from tests.pipeline.model.spoiling import edit, load, pin, trap
from tests.pipeline.model.teams_module import MODULE


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
    assert manifest.libraries["scikit-learn"] == metadata.version("scikit-learn")
    assert manifest.modules == {}


def test_a_version_is_what_the_distribution_states() -> None:
    names = {distribution.name for distribution in metadata.distributions()}
    assert {name: requirements.version_of(name) for name in names} == {
        name: metadata.version(name) for name in names
    }


def test_what_is_not_installed_has_no_version() -> None:
    with pytest.raises(metadata.PackageNotFoundError):
        requirements.version_of("no-such-distribution")


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
        update={"libraries": {**pinned.manifest.libraries, "catboost": "1.2.8"}}
    )
    with pytest.raises(ModelError, match=r"made with catboost 1.2.8, and none is installed.*catboost==1.2.8"):
        requirements.require_same_libraries(other.libraries, pinned.folder)


@pytest.mark.parametrize("library", ['"scikit-learn": "0.24.0"', '"scikit-learm": "1.9.1"'])
def test_a_model_of_another_scikit_learn_is_refused_before_it_is_unpickled(
    home: Home, pinned: PinnedVersion, library: str
) -> None:
    trap(pinned.folder / "model.joblib")
    pin(home, pinned)
    edit(pinned.folder / "manifest.json", r'"scikit-learn": "[^"]*"', library)
    complaint = r"made with scikit-learn (0.24.0|None), and .* is installed. It was not loaded. Install scikit-learn=="
    with pytest.raises(ModelError, match=complaint):
        load(home)
    assert not (pinned.folder / "marker").exists()


def test_a_module_in_native_code_that_goes_by_a_shorter_name_is_of_its_distribution(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from sklearn._loss import _loss

    monkeypatch.setitem(
        sys.modules, "_loss", _loss
    )  # as scikit-learn 1.8 leaves it, and names it in its pickles
    libraries, modules = requirements.requirements_of({"_loss"}, "model.joblib")
    assert (libraries["scikit-learn"], modules) == (metadata.version("scikit-learn"), {})


def test_a_module_of_a_teams_own_in_native_code_is_pinned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "native_of_own.py").write_bytes(b"\0not Python")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert list(requirements.requirements_of({"native_of_own"}, "model.joblib")[1]) == ["native_of_own"]
