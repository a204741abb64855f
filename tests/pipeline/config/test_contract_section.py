"""What a job file says of rows that break the contract."""

from pathlib import Path

import pytest

from tests.pipeline.config.job_files import MINIMAL, read, refused


def test_rules_may_be_set_for_all_columns_and_of_one(tmp_path: Path) -> None:
    text = MINIMAL + "[contract]\nfuture = 'warn'\n[contract.columns.\"a.b\"]\nnull = 'ignore'\n"
    contract = read(tmp_path, text).contract
    assert contract.overrides == {"future": "warn"}
    assert {name: rules.overrides for name, rules in contract.columns.items()} == {"a.b": {"null": "ignore"}}


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        (
            "[gate]",
            "[contract]\nnull = 'drop'\n[gate]",
            "key 'contract.null' = 'drop': Input should be 'reject', 'warn' or 'ignore'. It is: a missing value",
        ),
        (
            "[gate]",
            "[contract.columns.'a b']\nfuture = true\n[gate]",
            "key 'contract.columns.a b.future' = True: Input should be .*. It is: a time after the end of",
        ),
        (
            "[gate]",
            "[contract.columns]\ntemp = 'warn'\n[gate]",
            "key 'contract.columns.temp' = 'warn': Input should be a valid dictionary.*. It is: a section of rules",
        ),
        (
            "[gate]",
            "[contract]\ncolumns = 3\n[gate]",
            "key 'contract.columns' = 3: Input should be a valid dictionary",
        ),
        (
            "[gate]",
            "[contract]\nunique = 'warn'\n[gate]",
            "key 'contract.unique' = 'warn': Input should be 'refuse'",
        ),
        (
            "[gate]",
            "[contract]\nkeep_values = 0\n[gate]",
            "key 'contract.keep_values' = 0: Input should be a valid bool",
        ),
    ],
)
def test_a_wrong_rule_is_named_with_its_key(tmp_path: Path, old: str, new: str, complaint: str) -> None:
    refused(tmp_path, old, new, complaint)
