"""The README can't drift: its example is typed in and run, its queries are run, its tables name every key."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.__main__ import app, main
from pipeline.config.job import Job
from pipeline.config.loader import section_of
from tests.home import Home

ROOT = Path(__file__).resolve().parents[1]
TEXT = (ROOT / "README.md").read_text()


def blocks(language: str) -> list[str]:
    """The README's code blocks in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)


@pytest.fixture
def checkout(home: Home, sample_warehouse: str) -> Home:
    """A home that holds the sample job, as a clone does."""
    for folder in ("models/flight_delay", "sql/flight_delay"):
        shutil.copytree(ROOT / folder, home.path / folder)
    shutil.copy(ROOT / "dags" / "flight_delay.toml", home.path / "dags")
    return home


def run(home: Home, command: str) -> str:
    """Type one of the README's commands into a shell in the home."""
    words = [word for word in shlex.split(command) if "=" not in word.split("/")[0]]
    environ = {**os.environ, **home.environment, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, *words[1:]], cwd=home.path, env=environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


def test_your_own_model_in_15_minutes(checkout: Home) -> None:
    section = TEXT.split("## Score your own model in 15 minutes")[1].split("\n### ")[0]
    shown = re.findall(r"^```console\n(.*?)^```", section, re.MULTILINE | re.DOTALL)
    folder, *typed = [line for block in shown for line in block.splitlines()]
    assert len(typed) == 6
    subprocess.run(shlex.split(folder), cwd=checkout.path, check=True)
    for language in ("python", "sql", "toml"):
        for block in blocks(language):
            first = block.splitlines()[0].lstrip("-# ")
            if re.fullmatch(r"[\w/]+\.(py|sql|toml)", first):
                (checkout.path / first).write_text(block)
    printed = [run(checkout, command) for command in typed]
    assert "FAIL" not in printed[3]
    assert "no [retention]" not in printed[3]
    assert "published: air_time 2013-07-01, 966 rows scored, 0 rejected" in printed[4]


def test_the_commands_of_the_command_line_and_what_analysts_see_of_them(
    checkout: Home, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(command: str) -> str:
        """Run it in this process, which spares the start of a dozen; the test above starts real ones."""
        monkeypatch.setattr(sys, "argv", shlex.split(command)[2:])
        code: object = None
        try:
            main()
        except SystemExit as end:
            code = end.code
        output, complained = capsys.readouterr()
        assert not code, f"{command}: {output}{complained}"
        return output

    monkeypatch.chdir(checkout.path)
    section = TEXT.split("## The command line")[1].split("\n## ")[0]
    typed = re.findall(r"^\.venv/bin/python -m pipeline .*$", section, re.MULTILINE)
    assert len(typed) == 10
    known = checkout.sql("SELECT coalesce(max(run_id), 0) + 1 AS next FROM scoring.scoring_runs")[0]["next"]
    for command in typed:
        run(renumbered(command, known))
    section = TEXT.split("## Where does this score come from?")[1].split("\n## ")[0]
    *others, last = re.findall(r"^\.venv/bin/python -m pipeline .*$", section, re.MULTILINE)
    assert set(others) <= set(typed)
    assert "of flight_delay 2013-07-04, published\nscore " in run(renumbered(last, known))
    section = TEXT.split("## Was the model right?")[1].split("\n## ")[0]
    [measured] = re.findall(r"^\.venv/bin/python -m pipeline .*$", section, re.MULTILINE)
    assert "of flight_delay 2013-07-04: 7" in run(measured)
    run("python -m pipeline score flight_delay 2013-07-01")  # which the demo has scored
    queries = [block for block in blocks("sql") if "scoring." in block]
    assert len(queries) == 10
    for query in queries:
        assert checkout.sql(query.rstrip().rstrip(";"), "analyst"), query
    [erase] = re.findall(r"^\.venv/bin/python -m pipeline erase .*$", TEXT, re.MULTILINE)
    assert ": 0 rows" not in run(erase)


def renumbered(command: str, first: int) -> str:
    """A command whose runs 5 and 6 are those that the README's commands have just made; a fresh demo makes four."""
    return re.sub(r"(?<= )[56](?= |$)", lambda found: str(int(found[0]) + first - 5), command)


def test_every_key_of_a_job_file_is_in_the_table() -> None:
    table = TEXT.split("### What a job file may say")[1].split("\n## ")[0]
    for name, field in Job.model_fields.items():
        section = section_of(field.annotation)
        if section:
            for key in section.model_fields:
                assert f"`{name}.{key}`" in table
        elif name not in ("name", "sha256"):
            assert f"`{name}`" in table


def test_every_command_is_named() -> None:
    for command in app.registered_commands:
        assert command.callback is not None
        assert re.search(rf"\b{command.callback.__name__.replace('_', '-')}\b", TEXT)
