"""pipeline/retraining/rehearsal.py: what a training would stumble over is said before it, and nothing is run."""

from datetime import date

import pytest
from typer.testing import CliRunner

from pipeline.__main__ import app
from pipeline.retraining import rehearsal
from pipeline.retraining.team_code import RetrainingError
from tests.home import Home
from tests.pipeline.retraining.shop import CODE, LAST, configure, open_training, write_code


def test_what_is_trained_and_when_is_said_and_the_function_is_not_run(home: Home) -> None:
    name = open_training(home, code=f"{CODE}\nraise SystemExit('this was run')\n")
    findings = rehearsal.rehearse(home.workspace, home.read(name), LAST)
    for words in (
        f"training/shop.py:train, from {name}.sql and 'bought' of {name}_outcomes.sql: 40 rows of {LAST}",
        "about 160 in 4 dates",
        f"trained by hand (scoring train {name}), for 60 minutes at most; candidates go to ",
    ):
        assert words in findings
    configure(home, name, "folds = 2", 'folds = 2\nschedule = "0 5 * * 1"\non_alarm = true')
    findings = rehearsal.rehearse(home.workspace, home.read(name), LAST)
    assert "trained at 0 5 * * 1 America/New_York and on a quality alarm, for" in findings


def test_what_a_training_would_stumble_over_is_said(home: Home) -> None:
    name = open_training(home)
    sql = home.path / "sql" / f"{name}.sql"
    columns, query = "entity_id, amount, visits, channel, member", sql.read_text()

    def fail(message: str, code: str = CODE, text: str = query, day: date = LAST) -> None:
        write_code(home, code)
        (home.path / "sql" / "train.sql").write_text(text)
        with pytest.raises(RetrainingError, match=message):
            rehearsal.rehearse(home.workspace, home.read(name), day)

    configure(home, name, "folds = 2", 'folds = 2\nquery = "train.sql"')
    fail("training/shop.py cannot be imported: it is no Python, by line 1", "def train(rows:")
    fail("training/shop.py has no function 'train'", "def training(rows): ...")
    fail(
        "imports 'shops_own', which neither lies beside it nor is installed", f"import shops_own.rows\n{CODE}"
    )
    fail(
        "column 'bought' is called as the outcome is",
        text=query.replace(columns, f"{columns}, true AS bought"),
    )
    fail("has no column 'entity_id'", text=f"SELECT visits FROM ({query}) AS rows")
    fail("gives 0 rows on 2024-03-09. With so many on each of 4 dates", day=date(2024, 3, 9))
    # A column that no run has is no fault: the function may have other use for it.
    (home.path / "sql" / "train.sql").write_text(query.replace(columns, f"{columns}, 1 AS weight"))
    write_code(home, CODE)
    assert "no run has weight, so that no model may take it" in rehearsal.rehearse(
        home.workspace, home.read(name), LAST
    )


def test_the_command_says_it_in_a_line(home: Home) -> None:
    name = open_training(home)
    (home.path / "training" / "shop.py").unlink()
    typed = CliRunner().invoke(app, ["check", name, "--date", str(LAST)])
    assert typed.exit_code == 1
    assert "FAIL training: " in typed.output
    assert "shop.py is missing, and training.function names it" in typed.output
