"""The benchmark's ratios say what benchmarks/README.md says they say."""

from typing import Any

from benchmarks.__main__ import summary


def runs(peak_mb: float, *rounds: dict[str, float]) -> list[dict[str, Any]]:
    """A mode's measurements, as its processes print them."""
    return [{"seconds": seconds, "peak_mb": peak_mb} for seconds in rounds]


def test_ratios_are_of_medians() -> None:
    tasks = {
        "extract": 1.0,
        "load_model": 5.0,
        "predict": 3.0,
        "write": 2.0,
        "log_metrics": 0.5,
        "publish": 0.5,
    }
    measured = {
        "floor": runs(400, {"read": 1, "predict": 2, "copy": 1}, {"read": 9, "predict": 9, "copy": 9},
                      {"read": 1, "predict": 2, "copy": 2}),
        "stages": runs(330, tasks, tasks, tasks),
        "busy": runs(340, {**tasks, "predict": 6.0}, {**tasks, "predict": 7.5}, {**tasks, "predict": 9.0}),
        "process": runs(300, {"score": 10.0}, {"score": 1.0}, {"score": 100.0}),
        "pandas": runs(900, {"read_sql": 24, "predict": 6, "to_sql": 30}),
    }  # fmt: skip

    figures = summary(1000, measured, small_peak_mb=300)

    assert figures["floor_s"] == 5.0
    # Read, predict and write only: what the floor does too.
    assert figures["stages_over_floor"] == 1.2
    assert figures["process_over_floor"] == 2.0
    # End to end: everything that the stages do.
    assert figures["pandas_over_stages"] == 5.0
    assert figures["busy_over_quiet_predict"] == 2.5
    assert figures["busy_over_quiet"] == 1.38
    assert figures["peak_mb"] == {"floor": 400, "stages": 330, "busy": 340, "process": 300, "pandas": 900}
    assert figures["peak_10x_over_1x"] == 1.1
