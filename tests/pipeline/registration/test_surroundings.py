"""A version brings its own modules along, and knows every distribution that it needs."""

import sys
from dataclasses import replace
from importlib import metadata
from pathlib import Path

import pytest

from pipeline.model import registry
from pipeline.model.artifact import ModelError
from pipeline.registration import surroundings
from tests.home import Home, shop_model, shop_rows
from tests.pipeline.model.teams_module import MODULE


def test_every_distribution_that_a_model_needs_is_recorded(home: Home) -> None:
    manifest = home.model("shop", *shop_model()).manifest
    assert {"scikit-learn", "scipy", "threadpoolctl", "pyarrow", "python-dateutil", "six"} <= set(
        manifest.environment
    )
    assert manifest.environment["scipy"] == metadata.version("scipy")
    assert (manifest.python, manifest.lock_sha256) == (surroundings.PYTHON, None)
    assert "pytest" not in manifest.environment


def test_a_models_own_modules_come_with_it(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = tmp_path / "own"
    (code / "steps_of_own").mkdir(parents=True)
    (code / "steps_of_own" / "__init__.py").write_text("FACTOR = 2.0\n")
    (code / "model_of_own.py").write_text(
        MODULE.replace("factor = 2.0", "factor = FACTOR").replace(
            "import numpy", "from steps_of_own import FACTOR\nimport numpy"
        )
    )
    rows = shop_rows(40)[["visits"]]
    with surroundings.importable(code):
        from model_of_own import Own  # type: ignore[import-not-found]
    pinned = home.model("own", Own().fit(rows), rows, code=code)
    for module in ("model_of_own", "steps_of_own"):
        monkeypatch.delitem(sys.modules, module)
    assert str(code) not in sys.path
    assert registry.load(pinned).score(rows).score.tolist() == (rows["visits"] * 2.0).tolist()
    assert (set(pinned.manifest.code), pinned.manifest.modules) == (
        {"model_of_own.py", "steps_of_own/__init__.py"},
        {},
    )
    (pinned.folder / "code" / "model_of_own.py").write_text("import os")
    with pytest.raises(ModelError, match="model_of_own.py is not as it was registered"):
        registry.load(pinned)
    outside = replace(pinned, manifest=pinned.manifest.model_copy(update={"code": {"../../x.py": "0"}}))
    with pytest.raises(ModelError, match="names '../../x.py' among its modules, which is outside of"):
        registry.load(outside)
