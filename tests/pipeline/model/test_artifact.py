"""An artefact is unpickled, or the error gives the cause and the remedy."""

import os
import pickle
import subprocess
import sys
from pathlib import Path

import joblib
import pytest

from pipeline.model import artifact, requirements
from pipeline.model.artifact import ModelError
from pipeline.worker.failures import Failure
from tests.home import shop_model
from tests.pipeline.model.teams_module import MODULE


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
    for text in (b"no pickle at all", b"import pandas as pd\nimport joblib\n"):
        with pytest.raises(ModelError, match="The file is cut, or none that joblib.dump wrote"):
            artifact.unpickle(text, "m.joblib")
    gone = content.replace(b"sklearn.pipeline", b"nklearn.pipeline")
    with pytest.raises(ModelError, match="Install the package that has nklearn"):
        artifact.unpickle(gone, "m.joblib")


def test_a_pickle_that_says_another_scikit_learn_is_refused() -> None:
    estimator, _ = shop_model()
    content = pickle.dumps(estimator)
    installed = requirements.library_versions()["scikit-learn"].encode()
    other = content.replace(installed, b"0" * len(installed))
    assert other != content
    with pytest.raises(ModelError, match="InconsistentVersionWarning"):
        artifact.unpickle(other, "model.joblib")


def test_compressed_artefacts_are_read_too(tmp_path: Path) -> None:
    joblib.dump(shop_model()[0], tmp_path / "m.joblib", compress=3)
    _, modules = artifact.unpickle_and_name_modules((tmp_path / "m.joblib").read_bytes(), "m.joblib")
    assert "sklearn.pipeline" in modules
    libraries, own = requirements.requirements_of(modules, "m.joblib")
    assert ("scikit-learn" in libraries, own) == (True, {})


def test_what_a_models_process_is_refused_is_said_as_such() -> None:
    refused = Failure.of(PermissionError(1, "Operation not permitted"))
    with pytest.raises(
        ModelError, match="opens no connection, starts no program and reads .* SCORING_MODEL_READS"
    ):
        raise artifact.unloadable(refused, "m.joblib")
