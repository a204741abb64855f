"""What /metrics gives to Prometheus: counts, times and sizes; no entity, no value, no client's name."""

import os
from pathlib import Path

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
    multiprocess,
)

from pipeline.serving.process import METRICS

# A series of its own for each: when it was made.
disable_created_metrics()  # type: ignore[no-untyped-call]

_SECONDS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30)
_ROWS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096)

REQUESTS = Counter("scoring_api_requests", "Answers, by route and status.", ["route", "status"])
TIMES = Histogram("scoring_api_seconds", "Seconds to an answer, by route.", ["route"], buckets=_SECONDS)
ROWS = Counter("scoring_api_rows", "Rows that were scored or rejected, by job.", ["job", "answer"])
VIOLATIONS = Counter("scoring_api_violations", "Values that broke a rule of the contract.", ["job", "rule"])
BATCH_ROWS = Histogram("scoring_api_batch_rows", "Rows of one call of the model.", ["job"], buckets=_ROWS)
WAITING = Gauge(
    "scoring_api_waiting_rows", "Rows that wait for the model.", ["job"], multiprocess_mode="livesum"
)
MODEL = Gauge("scoring_api_model_version", "The version that answers.", ["job"], multiprocess_mode="livemin")
OPENED = Counter("scoring_api_models_opened", "Versions that were opened, golden rows and all.", ["job"])
ENDED = Counter("scoring_api_models_ended", "Times that a model's process had ended.", ["job"])
PROBLEMS = Gauge(
    "scoring_api_problems", "Jobs whose newest pin or file cannot be used.", multiprocess_mode="livemax"
)


def text() -> tuple[bytes, str]:
    """All of them, of every worker, in the format of Prometheus; and the type of that content."""
    registry = REGISTRY
    if folder := os.environ.get(METRICS):
        _forget_dead(Path(folder))
        registry = CollectorRegistry()
        multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return generate_latest(registry), CONTENT_TYPE_LATEST


def _forget_dead(folder: Path) -> None:
    """Remove what holds of a process now, of those that have ended without a word: nothing waits there any more."""
    for file in folder.glob("gauge_live*_*.db"):
        try:
            os.kill(int(file.stem.rpartition("_")[2]), 0)
        except ProcessLookupError:
            file.unlink(missing_ok=True)
