"""pipeline/config/forecast_file.py: what a job's next run takes, in a file beside the job's."""

from pathlib import Path

import pytest

from pipeline.config import forecast_file


def test_what_is_kept_is_read(tmp_path: Path) -> None:
    kept = forecast_file.keep(tmp_path, "shop", rows=5, peak_mb=699.1)
    assert kept == tmp_path / "shop.forecast.json"
    assert kept.read_text() == '{"rows": 5, "peak_mb": 700}\n'
    assert forecast_file.peak_mb(tmp_path, "shop") == 700


@pytest.mark.parametrize(
    "content", ["", "[]", '{"peak_mb": "700"}', '{"peak_mb": true}', '{"peak_mb": -1}', "{}"]
)
def test_a_file_that_is_none_of_ours_says_nothing(tmp_path: Path, content: str) -> None:
    (tmp_path / "shop.forecast.json").write_text(content)
    assert forecast_file.peak_mb(tmp_path, "shop") is None


def test_a_job_without_a_file_has_no_forecast(tmp_path: Path) -> None:
    assert forecast_file.peak_mb(tmp_path, "shop") is None
