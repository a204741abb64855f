"""pipeline/serving/metrics.py: figures of several processes, without what one that was killed had at its end."""

import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.serving import metrics, process

SET = """
from pipeline.serving import metrics
metrics.WAITING.labels("job").set(8)
metrics.ROWS.labels("job", "scored").inc(5)
"""


def test_rows_that_waited_in_a_process_that_was_killed_wait_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(process.METRICS, str(tmp_path))
    subprocess.run([sys.executable, "-c", SET], check=True)
    text = metrics.text()[0].decode()
    assert 'scoring_api_rows_total{answer="scored",job="job"} 5.0' in text
    assert "scoring_api_waiting_rows{" not in text
