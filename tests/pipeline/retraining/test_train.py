"""pipeline/retraining/train.py: a training that fails, hangs or is killed ends in a sentence, and enters nothing."""

from pathlib import Path

import pytest

from pipeline.errors import kept_text
from pipeline.retraining import rows, train
from pipeline.retraining.rows import TrainingRows
from pipeline.retraining.team_code import RetrainingError
from tests.home import Home
from tests.pipeline.retraining.shop import LAST, configure, open_training, write_code

HANGS = "import time\n\n\ndef train(rows):\n    print('at row 7', flush=True)\n    time.sleep(600)\n"
KILLED = "import os\n\n\ndef train(rows):\n    os.kill(os.getpid(), 9)\n"
QUOTES = "import os\n\n\ndef train(rows):\n    {quote}\n"
NOTHING = "def train(rows):\n    return None\n"


def test_each_way_to_fail_is_said(home: Home, tmp_path: Path) -> None:
    job, path = home.read(name := open_training(home)), tmp_path / "rows.parquet"
    read = rows.read(home.workspace, job, LAST, path)

    def fail(code: str, message: str) -> str:
        write_code(home, code)
        with pytest.raises(RetrainingError, match=message) as raised:
            train.train(home.workspace, home.read(name), read, path)
        return str(raised.value)

    assert "Lower training.window_days" in fail(
        KILLED, "was killed, as the system does where memory runs out"
    )
    fail(NOTHING, "nothing was trained: model.joblib: NoneType is neither a classifier nor a regressor")
    for quote in ("raise ValueError('customer-00007')", "print('customer-00007', flush=True), os._exit(3)"):
        write_code(home, QUOTES.format(quote=quote))
        with pytest.raises(RetrainingError, match="customer-00007") as raised:
            train.train(home.workspace, home.read(name), read, path)
        assert "customer-00007" not in kept_text(raised.value)
    configure(home, name, "folds = 2", "folds = 2\ntime_limit_minutes = 0.02")
    fail(HANGS, "took more than 0.02 minutes, and was ended. Correct training/shop.py:train, or raise")
    other = TrainingRows(**{**read.model_dump(), "sha256": "0" * 64})
    with pytest.raises(RetrainingError, match="are not those that were read"):
        train.train(home.workspace, job, other, path)
