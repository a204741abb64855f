"""pipeline/cli/new.py: a repository is laid out, the version is told, and what comes next is said."""

import json
from pathlib import Path

from pipeline.runs.code_version import code_version
from pipeline.version import NAME, VERSION
from tests.home import Home, shop_model
from tests.pipeline.cli.command import Command


def test_the_version_is_told_with_the_codes_digest(run: Command) -> None:
    assert run("--version") == (0, f"{NAME} {VERSION}, code {code_version()}", "")


def test_a_repository_is_laid_out_once(run: Command, tmp_path: Path) -> None:
    code, output, _ = run("init", tmp_path / "risk")
    assert code == 0
    assert output.startswith(f"laid out {tmp_path / 'risk'}: ")
    assert output.endswith("scoring new job NAME")
    code, output, complained = run("init", tmp_path / "risk")
    assert (code, output) == (2, "")
    assert "is not empty" in complained


def test_the_schema_of_a_job_file_is_json(run: Command) -> None:
    code, output, _ = run("schema")
    assert code == 0
    assert json.loads(output)["properties"].keys() >= {"model", "extract", "gate"}


def test_of_each_version_it_is_said_where_it_runs(home: Home, run: Command) -> None:
    home.model("shop", *shop_model())
    job = home.job("SELECT 1", "shop")
    for asked in ((), (job,), ("shop",), ("shop", "1")):
        assert run("environments", "build", *asked) == (
            0,
            "shop version 1: the installed libraries are its own",
            "",
        )
    code, _, complained = run("environments", "build", "stop")
    assert (code, "no model 'stop'" in complained) == (1, True)
