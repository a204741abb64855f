"""The sections of a job file."""

from pathlib import Path

import pytest

from pipeline.config import loader
from pipeline.config.job import Job
from tests.pipeline.config.job_files import refused


def test_every_key_says_what_it_means() -> None:
    for model in (Job, *(loader.section_of(field.annotation) for field in Job.model_fields.values())):
        for name, field in model.model_fields.items() if model else ():
            assert field.description or loader.section_of(field.annotation), name


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("[gate]", "[gate]\ndeciders = 'ada'", r"key 'gate.deciders' = 'ada': Input should be a valid tuple"),
        (
            "[gate]",
            "[gate]\nfour_eyes = 'yes'",
            "key 'gate.four_eyes' = 'yes': Input should be a valid boolean",
        ),
        (
            "[gate]",
            "[gate]\non_timeout = 'approve'\nfour_eyes = true",
            "key 'gate.four_eyes' = True: cannot stand beside on_timeout = \"approve\", which publishes though nobody",
        ),
        ("= 1000", "= 0", "key 'extract.rows_per_part' = 0: Input should be greater than or equal to 1"),
        ("= 1000", '= "many"', "key 'extract.rows_per_part' = 'many'"),
        (
            "delay_days = 2",
            "delay_days = 0",
            "key 'outcomes.delay_days' = 0: Input should be greater than or equal",
        ),
        (
            "delay_days = 2",
            "delay_days = 2\ngap = nan",
            "key 'outcomes.gap' = nan: Input should be greater than or",
        ),
        (
            "delay_days = 2",
            "delay_days = 2\nmin_group = 1",
            "key 'outcomes.min_group' = 1: Input should be greater",
        ),
        ("0.02", "2", "key 'gate.max_rejected_fraction' = 2: Input should be less than or equal to 1"),
        (
            'on_empty = "skip"',
            'on_empty = "wipe"',
            "key 'gate.on_empty' = 'wipe': Input should be 'skip' or 'fail'",
        ),
        ("= 1000", f"= {10**18}", "key 'extract.rows_per_part' = 10{18}: Input should be less than"),
        ("0.02", "nan", "key 'gate.max_rejected_fraction' = nan"),
        ("[gate]", "[[gate]]", r"key 'gate' = \[.*: Input should be a valid dictionary"),
    ],
)
def test_a_wrong_value_of_a_section_is_named(tmp_path: Path, old: str, new: str, complaint: str) -> None:
    refused(tmp_path, old, new, complaint)
