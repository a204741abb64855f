"""pipeline/scaffolding/schema.py: what an editor takes for a job file is one, and what it underlines is none."""

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator, FormatChecker

from pipeline.config import loader
from pipeline.config.job import Job, JobError
from pipeline.project import ROOT
from pipeline.scaffolding import files
from pipeline.scaffolding.job_files import schema_text
from tests.pipeline.config.job_files import GOOD, MINIMAL, read

SCHEMA: dict[str, Any] = json.loads(schema_text())
TEMPLATE = files.rendered("job/job.toml", name="churn", today="2024-01-01")


def errors(text: str) -> list[str]:
    """What the schema says of a job file, whose dates are texts to it, as to an editor."""
    document = json.loads(json.dumps(tomllib.loads(text), default=str))
    validator = Draft202012Validator(SCHEMA, format_checker=FormatChecker())
    return [error.message for error in validator.iter_errors(document)]


def test_it_is_a_schema() -> None:
    Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("path", loader.files(ROOT / "dags"), ids=lambda path: path.stem)
def test_every_job_file_of_the_repository_is_one(path: Path) -> None:
    assert errors(path.read_text()) == []


@pytest.mark.parametrize("text", [GOOD, MINIMAL, TEMPLATE])
def test_a_job_file_that_can_be_read_is_one(tmp_path: Path, text: str) -> None:
    assert read(tmp_path, text)
    assert errors(text) == []


@pytest.mark.parametrize(
    ("old", "new", "error"),
    [
        ("schedule =", "shedule =", "'shedule' was unexpected"),
        ("start_date = 2024-01-01", "start_date = 20240101", "20240101 is not of type 'string'"),
        ("start_date = 2024-01-01", 'start_date = "soon"', "'soon' is not a 'date'"),
        ("[gate]\nmin_rows = 1", '[gate]\nmin_rows = "1"', "'1' is not of type 'integer'"),
        ("[gate]\nmin_rows = 1", "[gate]\nmin_rows = -1", "-1 is less than the minimum of 0"),
        ("[gate]\n", '[gate]\ndrift = "ignore"\n', "'ignore' is not one of ['warn', 'hold']"),
        ("[model]\n", "[model]\nversion = 3\n", "'version' was unexpected"),
        ('name = "churn"', 'name = "Churn"', "'Churn' does not match"),
        ("[gate]\n", '[contract.columns.age]\nnull = "keep"\n[gate]\n', "'keep' is not one of"),
    ],
)
def test_what_a_job_file_may_not_hold_is_underlined(tmp_path: Path, old: str, new: str, error: str) -> None:
    assert old in TEMPLATE
    text = TEMPLATE.replace(old, new, 1)
    with pytest.raises(JobError):
        read(tmp_path, text)
    assert [error in message for message in errors(text)].count(True) == 1


def test_a_key_that_is_missing_is_named() -> None:
    assert errors(TEMPLATE.replace('owner = "TEAM"\n', "")) == ["'owner' is a required property"]


def test_every_key_of_a_job_file_is_explained() -> None:
    assert set(SCHEMA["properties"]) == set(Job.model_fields) - {"name", "sha256"}
    sections = [SCHEMA, *SCHEMA["$defs"].values()]
    keys = {
        name: key for section in sections for name, key in section["properties"].items() if "$ref" not in key
    }
    assert len(keys) > 40
    assert [name for name, key in keys.items() if not key.get("description")] == []


def test_toml_has_no_null() -> None:
    assert '"type": "null"' not in schema_text()
    assert ": null" not in schema_text()
