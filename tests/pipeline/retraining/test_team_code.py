"""pipeline/retraining/team_code.py: a function with the modules beside it, and the line that fails."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from pipeline.retraining import team_code
from pipeline.retraining.team_code import RetrainingError

Load = Callable[[str, str], Any]


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Load:
    """Loads a function from a module of this text."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def of(name: str, text: str) -> Any:
        (tmp_path / f"{name}.py").write_text(text)
        monkeypatch.delitem(sys.modules, name, raising=False)
        return team_code.load(f"models/{name}.py:train", tmp_path)

    return of


def test_the_digest_is_of_all_modules_beside_it(tmp_path: Path) -> None:
    (tmp_path / "models" / "shop" / "parts").mkdir(parents=True)
    folder = tmp_path / "models" / "shop"
    for name in ("training.py", "parts/__init__.py", "parts/one.py", "notes.txt"):
        (folder / name).write_text("")
    function = "models/shop/training.py:train"
    before = team_code.read(tmp_path, function)
    assert set(before.files) == {"training.py", "parts/__init__.py", "parts/one.py"}
    (folder / "notes.txt").write_text("changed")
    assert team_code.read(tmp_path, function).sha256 == before.sha256
    (folder / "parts" / "one.py").write_text("changed = 1")
    assert team_code.read(tmp_path, function).sha256 != before.sha256
    with pytest.raises(RetrainingError, match="gone.py is missing, and training.function names it"):
        team_code.read(tmp_path, "models/shop/gone.py:train")


def test_what_fails_names_its_line_and_the_log_has_the_library_s(
    load: Load, capfd: pytest.CaptureFixture[str]
) -> None:
    train = load("a_failing_one", "def train(rows):\n    return rows['nowhere']\n")
    with pytest.raises(
        RetrainingError,
        match=r"models/a_failing_one.py:train failed: KeyError: 'nowhere', in line 2 of a_failing_one.py",
    ):
        train(pd.DataFrame())
    assert "in __getitem__" in capfd.readouterr().err  # of pandas
    with pytest.raises(RetrainingError, match="cannot be imported: ModuleNotFoundError.*in line 1 of"):
        load("a_broken_one", "import nowhere_at_all\n")
    with pytest.raises(RetrainingError, match="has no function 'train'"):
        load("an_empty_one", "")
    with pytest.raises(RetrainingError, match="another module is called 'json'"):
        team_code.load("models/json.py:train", Path("/nowhere"))


def test_a_function_that_goes_elsewhere_leaves_the_process_where_it_was(load: Load) -> None:
    before = Path.cwd()
    assert (
        load("a_wanderer", "import os\ndef train(rows):\n    os.chdir('/')\n    return os.getcwd()\n")(None)
        == "/"
    )
    assert Path.cwd() == before
