"""pipeline/config/training_section.py: what a job file may say of its training, and what is refused."""

import pytest

from pipeline.config.job import JobError
from tests.home import Home

OUTCOMES = '\n[outcomes]\nquery = "outcomes.sql"\ndelay_days = 3\n'
TRAINING = '\n[training]\nfunction = "models/shop/training.py:train"\nwindow_days = 30\n'


def written(home: Home, text: str) -> str:
    name = home.job("SELECT 1", "shop")
    path = home.path / "dags" / f"{name}.toml"
    path.write_text(path.read_text() + text)
    return name


def test_what_is_left_out_has_a_default(home: Home) -> None:
    section = home.read(written(home, OUTCOMES + TRAINING)).training
    assert section is not None
    assert (section.query, section.schedule, section.on_alarm, section.folds) == (None, None, False, 4)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (TRAINING, r"has no outcomes to train on. Add a section \[outcomes\]"),
        (OUTCOMES + TRAINING.replace("models/shop", "../shop"), "key 'training.function'"),
        (OUTCOMES + TRAINING.replace(":train", ""), "key 'training.function'"),
        (OUTCOMES + TRAINING.replace("30", "3"), "has fewer window_days than folds"),
        (OUTCOMES + TRAINING + 'schedule = "daily"\n', "is not a cron expression"),
        (OUTCOMES + TRAINING + 'query = "/etc/passwd"\n', "is not a .sql file inside sql/"),
    ],
    ids=["no outcomes", "outside", "no function", "folds", "schedule", "query"],
)
def test_what_cannot_be_meant_is_refused(home: Home, text: str, message: str) -> None:
    with pytest.raises(JobError, match=message):
        home.read(written(home, text))
