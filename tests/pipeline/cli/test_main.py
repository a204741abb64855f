"""pipeline/__main__.py: every command says what it did, ends with the right code, and shows nobody a traceback."""

import errno
import os
import re
import subprocess
import sys
from collections.abc import Callable

import pytest

from pipeline import __main__ as command_line
from pipeline.runtime import resources
from tests.home import NIGHT
from tests.pipeline.cli.command import Command
from tests.pipeline.cli.spoiling import spoil_connection, spoil_job, spoil_model, spoil_nothing, spoil_query
from tests.pipeline.shop import Shop

# What fails


@pytest.mark.parametrize(
    ("spoil", "arguments", "code", "complaint"),
    [
        (spoil_query, ("score", "JOB", "2024-03-01"), 1, "the database refused the query: syntax error"),
        (spoil_model, ("score", "JOB", "2024-03-01"), 1, "is not the registered model"),
        (spoil_nothing, ("score", "JOB", "2024-03-01", "--model-version", "9"), 1, "has no version 9"),
        (
            spoil_connection,
            ("score", "JOB", "2024-03-01"),
            2,
            "no connection 'nowhere'. Set AIRFLOW_CONN_NOWHERE=",
        ),
        (spoil_connection, ("check", "JOB"), 2, "no connection 'nowhere'"),
        (spoil_job, ("score", "JOB", "2024-03-01"), 2, "key 'ownr' is unknown. Did you mean 'owner'?"),
        (spoil_job, ("jobs",), 2, "key 'ownr' is unknown"),
        (spoil_nothing, ("score", "JOB", "tomorrow"), 2, "score date 'tomorrow' is not a date. Write it as"),
        (spoil_nothing, ("score", "JOB", "20240301"), 2, "score date '20240301' is not a date"),
        (
            spoil_nothing,
            ("score", "JOB", "9999-12-31"),
            2,
            "score date 9999-12-31 is not between 1970-01-01 and",
        ),
        (spoil_nothing, ("check", "JOB", "--date", "2024-02-30"), 2, "score date '2024-02-30' is not a date"),
        (spoil_nothing, ("score", "nothing", "2024-03-01"), 2, "no job 'nothing' in"),
        (spoil_nothing, ("score", "JOB"), 2, "Missing argument 'FROM'"),
        (spoil_nothing, ("score", "JOB", "2024-03-01", "--now"), 2, "No such option: --now"),
        (spoil_nothing, ("scores",), 2, "No such command 'scores'"),
        (spoil_nothing, ("show", "999999999"), 2, "no run 999999999. `scoring runs` lists them"),
        (spoil_nothing, ("show", "first"), 2, "Invalid value for 'RUN': Input should be a valid integer"),
        (spoil_nothing, ("approve", "999999999", "--reason", "x"), 2, "no run 999999999"),
        (
            spoil_nothing,
            ("runs", "--limit", "0"),
            2,
            "Invalid value for '--limit': Input should be greater than",
        ),
        (
            spoil_nothing,
            ("register", "shop", "no.joblib", "--reference", "no.parquet"),
            2,
            "no.joblib cannot be read",
        ),
    ],
)
def test_an_error_ends_with_its_code_and_its_message(
    shop: Shop,
    run: Command,
    spoil: Callable[[Shop], None],
    arguments: tuple[str, ...],
    code: int,
    complaint: str,
) -> None:
    spoil(shop)
    ended, output, complained = run(*(shop.job if word == "JOB" else word for word in arguments))
    assert ended == code
    assert complaint in complained
    assert "Traceback" not in output + complained
    assert shop.predictions().empty


@pytest.mark.parametrize("connection", ["WAREHOUSE", "PREDICTIONS"])
def test_a_server_that_is_not_there_ends_with_1(
    shop: Shop, run: Command, connection: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"AIRFLOW_CONN_{connection}", "postgres://ann:s3cret@127.0.0.1:1/nothing")
    code, output, complained = run("score", shop.job, NIGHT)
    assert code == 1
    assert "refused" in complained
    assert "Nothing was published; try again." in complained
    where = {
        "WAREHOUSE": "the warehouse (connection 'warehouse', AIRFLOW_CONN_WAREHOUSE): ",
        "PREDICTIONS": "the predictions database (connection 'predictions', AIRFLOW_CONN_PREDICTIONS): ",
    }[connection]
    assert where in complained
    _, checked, _ = run("check", shop.job)
    assert where in checked
    if connection == "WAREHOUSE":  # else there is nobody to keep it
        assert where in shop.runs()[-1]["status_reason"]
    else:
        _, _, missed = run("report", 1)
        assert where in missed
        complained += missed
    assert "s3cret" not in output + complained + checked


def test_a_database_without_the_schema_says_how_to_make_it(
    shop: Shop, run: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_PREDICTIONS", shop.home.server.uri("postgres"))
    code, _, complained = run("runs")
    assert code == 1
    assert 'relation "scoring.scoring_runs" does not exist. Run: scoring migrate' in complained
    code, _, complained = run("score", shop.job, NIGHT)
    assert code == 2
    assert 'relation "scoring.identity" does not exist' in complained
    assert "Run `scoring migrate`" in complained


def test_the_program_ends_as_its_function_does(shop: Shop) -> None:
    shop.configure("min_rows = 1", "min_rows = 101")
    command = [sys.executable, "-m", "pipeline", "score", shop.job, str(NIGHT)]
    ended = subprocess.run(
        command, env={**os.environ, **shop.home.environment}, capture_output=True, text=True
    )
    assert (ended.returncode, ended.stdout) == (3, "")
    assert "is held: 100 rows were scored" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_file_that_cannot_be_written_is_a_sentence(run: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise OSError(errno.EROFS, "Read-only file system", "/srv/models/shop")

    monkeypatch.setattr(resources, "limit_threads", refuse)
    code, _, complained = run("jobs")
    assert (code, complained[:74]) == (
        1,
        "/srv/models/shop: Read-only file system. Make it writable for this user, o",
    )


# Help


def test_help_has_every_commands_first_line_whole_and_every_word_in_brackets(run: Command) -> None:
    overview = " ".join(re.sub("[─│╭╮╰╯]", " ", run("--help")[1]).split())
    for command in command_line.app.registered_commands:
        assert command.callback is not None
        docstring = (command.callback.__doc__ or "").replace("\\[", "[")
        # Typer shows the first line only, also where the sentence goes on below it.
        first = docstring.splitlines()[0]
        assert first.endswith(".")
        assert first in overview
        sections = re.findall(r"\[\w+\]", docstring)
        shown = run(command.callback.__name__.replace("_", "-"), "--help")[1] if sections else ""
        assert [section for section in sections if section not in shown] == []
