"""pipeline/cli/retraining/commands.py: a candidate is trained, listed and adopted."""

import json

from typer.testing import CliRunner

from pipeline.__main__ import app
from pipeline.model import registry
from tests.home import Home
from tests.pipeline.retraining.shop import FIRST, LAST, open_training


def typed(*words: object) -> str:
    done = CliRunner().invoke(app, [str(word) for word in words])
    assert done.exit_code == 0, (done.output, done.exception)
    return done.output


def test_a_candidate_is_trained_listed_and_adopted(home: Home) -> None:
    job, models = open_training(home), sorted((home.path / "models").rglob("*"))
    printed = typed("train", job, LAST)
    assert f"of {job}: trained on 152 rows from {FIRST} to {LAST}, by training/shop.py:train" in printed
    assert "(2 folds, 4 dates)" in printed
    assert "Beside the champion, version 1, on 4 dates that it was not trained on, 152 rows:" in printed
    assert sorted((home.path / "models").rglob("*")) == models
    [row] = json.loads(typed("candidates", job, "--json"))
    assert (row["status"], row["rows"], row["job"]) == ("candidate", 152, job)
    listed = typed("candidates")
    assert f"{FIRST} to {LAST}" in listed
    assert f"log_loss {row['evaluation']['candidate']['log_loss']:.4f}" in listed
    before = (home.path / "models" / "shop" / "versions.toml").read_text()
    printed = typed("adopt", job, row["number"])
    assert (
        f"candidate {row['number']} is shop version 2, pinned to {row['files']['model.joblib']['sha256']}"
        in printed
    )
    pins, aliases = registry.versions(home.path, "shop")
    assert (sorted(pins), aliases) == ([1, 2], {"champion": 1})
    added = set((home.path / "models" / "shop" / "versions.toml").read_text().splitlines()) - set(
        before.splitlines()
    )
    assert added == {f'2 = "{pins[2]}"'}
    version = registry.load(registry.resolve(home.path, "shop", "", 2))
    assert version.manifest.source == f"candidate {row['number']} of job {job}"
    again = CliRunner().invoke(app, ["adopt", job, str(row["number"])])
    assert "is version 2 of shop in this repository already" in str(again.exception)
