"""pipeline/punctuality/broken_files.py: a file that cannot be used is a failed run a day, and a message."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipeline.punctuality import broken_files
from pipeline.punctuality.broken_files import Broken
from tests.home import NIGHT
from tests.pipeline.shop import Shop


def broken(tmp_path: Path, text: str) -> Broken:
    """What is told of a job file of this text."""
    (tmp_path / "job.toml").write_text(text)
    usable, [unusable] = broken_files.read_all(tmp_path)
    assert usable == []
    return unusable


@pytest.mark.parametrize(
    ("text", "predictions", "recipient", "owner"),
    [
        ('owner = "ada"\n[write]\nconnection = "risk"\n[alerts]\nto = "pager"\n', "risk", "pager", "ada"),
        ('[write]\nconnection = "no name"\n[alerts]\nto = 7\n', "predictions", None, ""),
        ("write = 1\n", "predictions", None, ""),
        ("]", "predictions", None, ""),
    ],
)
def test_what_can_be_told_of_a_file_is_told(
    tmp_path: Path, text: str, predictions: str, recipient: str | None, owner: str
) -> None:
    made = broken(tmp_path, text)
    assert (made.job, made.file) == ("job", "job.toml")
    assert (made.predictions, made.recipient, made.owner) == (predictions, recipient, owner)
    assert broken_files.named([], [made]) == {predictions, recipient} - {None}


def test_a_message_is_one_for_each_cause(tmp_path: Path) -> None:
    made = broken(tmp_path, 'owner = "ada"\n')
    message = broken_files.message(made, None, "http://log")
    assert message.title == f"job {made.score_date}: job.toml cannot be used"
    assert "What was published before stays." in message.body
    assert message.body.endswith("Seen by: http://log\n\nOwner: ada")
    again = broken_files.message(replace(made, job="other"), None, "http://log")
    assert again.cause == message.cause
    assert broken_files.message(replace(made, reason="another"), None).cause != message.cause
    assert broken_files.message(made, datetime(2024, 3, 1, tzinfo=UTC)).cause != message.cause


def test_a_day_that_is_not_published_has_one_failed_run(shop: Shop) -> None:
    database_url, job = shop.home.workspace.predictions, shop.home.read(shop.job)
    made = replace(broken_files.of_job(job, "scoring.py", "scoring.py cannot be imported"), score_date=NIGHT)
    run_id = broken_files.note(database_url, made)
    assert broken_files.note(database_url, made) == run_id
    assert [(run["status"], run["status_reason"]) for run in shop.runs()] == [("failed", made.reason)]
    shop.home.score(shop.job)
    assert broken_files.note(database_url, made) is None
    assert broken_files.recipients(database_url, replace(made, recipient="pager"), [job]) == ["pager"]
    assert broken_files.recipients(database_url, made, [job]) == []
