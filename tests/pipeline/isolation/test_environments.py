"""An environment is made once of a lock, whole or not at all; a model of another scikit-learn runs in its own."""

import json
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pipeline.isolation import environments, uv
from pipeline.isolation.environments import BuildError
from pipeline.model.artifact import ModelError
from pipeline.model.files import sha256
from pipeline.registration import surroundings
from tests.home import Home, shop_model
from tests.pipeline.model.spoiling import edit, load, pin

# Stands for uv: notes each call, and makes what a call would make.
UV = """#!/bin/sh
echo "$1 $2" >> {calls}
for last; do :; done
case "$1" in
  venv) mkdir -p "$last/bin" && ln -s {python} "$last/bin/python" ;;
  pip) test ! -e {broken} || {{ echo "no such index" >&2; exit 2; }} ;;
esac
"""


LOCK = (
    b"# by uv\nshop==1.0 \\\n    --hash=sha256:" + b"0" * 64 + b" \\\n    --hash=sha256:" + b"1" * 64 + b"\n"
)


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[str]]:
    """Puts a program in uv's place, and tells with what it was called."""
    program, noted = tmp_path / "uv", tmp_path / "calls"
    program.write_text(UV.format(calls=noted, python=sys.executable, broken=tmp_path / "broken"))
    program.chmod(0o755)
    monkeypatch.setenv("SCORING_UV", str(program))
    monkeypatch.setenv("SCORING_ENVIRONMENTS", str(tmp_path / "made"))
    return lambda: noted.read_text().split("\n")[:-1] if noted.exists() else []


def made(tmp_path: Path, lock: bytes = LOCK) -> Path:
    return environments.interpreter(lock, "3.11", tmp_path, "shop version 2")


def test_it_is_made_once_by_however_many_at_once(tmp_path: Path, calls: Callable[[], list[str]]) -> None:
    (tmp_path / "made" / f".making-3.11-{sha256(LOCK)[:32]}-left").mkdir(parents=True)
    with ThreadPoolExecutor(4) as threads:
        programs = set(threads.map(lambda _: made(tmp_path), range(4)))
    assert programs == {made(tmp_path)}
    assert calls() == ["venv --quiet", "pip install"]
    assert made(tmp_path, LOCK.replace(b"1.0", b"1.1")) not in programs
    whole = [path for path in (tmp_path / "made").iterdir() if path.is_dir()]
    assert len(whole) == 2, "what a killed one had left is gone"


def test_what_cannot_be_made_leaves_nothing_and_says_what_to_do(
    tmp_path: Path, calls: Callable[[], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "broken").touch()
    with pytest.raises(
        BuildError,
        match="model shop version 2 needs other libraries.*uv pip install failed: no such index.*build shop 2",
    ):
        made(tmp_path)
    assert [path for path in (tmp_path / "made").iterdir() if path.is_dir()] == []
    monkeypatch.setenv("SCORING_UV", "")
    with pytest.raises(BuildError, match="uv is not there. Put it on PATH"):
        made(tmp_path)


@pytest.mark.parametrize(
    "line",
    [
        *(
            "--index-url https://evil.example/simple",
            "-e .",
            "--find-links /tmp",
            "git+https://evil.example/x",
        ),
        *("shop @ https://evil.example/shop.whl --hash=sha256:" + "0" * 64, "./shop.whl", "-r other.txt"),
        *("shop==1.0", "shop>=1.0 --hash=sha256:" + "0" * 64, "shop==1.0 --hash=md5:" + "0" * 32),
    ],
)
def test_a_lock_holds_versions_with_hashes_and_nothing_else(
    tmp_path: Path, calls: Callable[[], list[str]], line: str
) -> None:
    with pytest.raises(BuildError, match="its lock has the line .* Nothing was installed"):
        made(tmp_path, LOCK + line.encode() + b"\n")
    assert calls() == []


def test_an_environment_that_others_can_write_to_is_not_used(
    tmp_path: Path, calls: Callable[[], list[str]]
) -> None:
    made(tmp_path)
    (tmp_path / "made").chmod(0o777)
    with pytest.raises(BuildError, match="others can write to .*made, and so"):
        made(tmp_path)


TRAIN = """
import joblib, json, sys
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

rows = pd.read_parquet(sys.argv[1])
columns = make_column_transformer((OneHotEncoder(handle_unknown="ignore"), ["channel"]), ("passthrough", ["visits"]))
features = rows[["amount", "visits", "channel", "member"]]
model = make_pipeline(columns, LogisticRegression(max_iter=1000)).fit(features, rows["bought"])
joblib.dump(model, sys.argv[2])
golden = pd.DataFrame(json.load(sys.stdin)).astype(features.dtypes.to_dict())
print(json.dumps(model.predict_proba(golden)[:, 1].tolist()))
"""


def test_a_model_of_another_scikit_learn_runs_in_an_environment_of_its_own(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SCORING_UV")
    if uv.find() is None:
        pytest.skip("needs uv")
    other = "1.8.0"
    monkeypatch.setenv("SCORING_ENVIRONMENTS", str(Path(__file__).parents[3] / ".local" / "environments"))
    monkeypatch.setenv("SCORING_UV", "")
    pinned = home.model("shop", *shop_model())
    monkeypatch.delenv("SCORING_UV")
    lock = surroundings.lock({**pinned.manifest.environment, "scikit-learn": other}, "m.joblib")
    assert lock
    python = environments.interpreter(lock, surroundings.PYTHON, home.path, "shop version 1")
    golden = subprocess.run(
        [python, "-c", TRAIN, pinned.folder / "reference.parquet", pinned.folder / "model.joblib"],
        input=json.dumps(pinned.manifest.golden_rows),
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    manifest = pinned.folder / "manifest.json"
    (pinned.folder / "requirements.lock").write_bytes(lock)
    edit(manifest, r'"scikit-learn": "[^"]*"', f'"scikit-learn": "{other}"')
    edit(manifest, r'"lock_sha256": null', f'"lock_sha256": "{sha256(lock)}"')
    edit(manifest, r'(?s)"golden_scores": \[.*?\]', f'"golden_scores": {golden.strip()}')
    pin(home, pinned)
    assert load(home).score(shop_model()[1]).score.shape == (400,)
    (pinned.folder / "requirements.lock").write_bytes(lock + b"\n")
    with pytest.raises(ModelError, match="requirements.lock is not as it was registered"):
        load(home)
