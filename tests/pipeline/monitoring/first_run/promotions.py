"""Records of promotions, as a replay that found two versions alike would have left them."""

from datetime import date, timedelta
from pathlib import Path

from pipeline.model.manifest import PinnedVersion
from pipeline.monitoring.first_run import record
from pipeline.monitoring.first_run.evidence import Day, Drift, JobEvidence, Paired
from pipeline.monitoring.first_run.record import Promotion

DATES = 12


def evidence_of(job: str, dates: int = DATES) -> JobEvidence:
    """Dates on which both versions gave the very same scores."""
    days = tuple(
        Day(
            score_date=date(2024, 1, 1) + timedelta(days=number),
            rows=100,
            outcomes=90,
            former_loss=0.5,
            version_loss=0.5,
            level=-0.5,
            shift=0.0,
            squares=0.0,
            relabelled=0.0,
        )
        for number in range(dates)
    )
    return JobEvidence(
        job=job,
        loss="log_loss",
        paired=Paired(verdict="better", dates=dates, mean=0.01, low=None, high=None, evidence=1.1),
        challenger=None,
        groups=0,
        losing=(),
        entities=100 * dates,
        decile_moved=0.0,
        relabelled=0.0,
        former_drift=Drift(unusual=0, of=0),
        version_drift=Drift(unusual=0, of=0),
        unit=1.0,
        days=days,
    )


def promotion_of(pinned: PinnedVersion, former: int, *jobs: JobEvidence, reason: str = "") -> Promotion:
    """A version's promotion to champion."""
    manifest = pinned.manifest
    return Promotion(
        model=manifest.name,
        alias="champion",
        version=manifest.version,
        sha256=pinned.sha256,
        former=former,
        former_sha256="0" * 64,
        by="ada",
        login="",
        reason=reason,
        jobs=jobs,
    )


def keep(home: Path, promotion: Promotion) -> Path:
    """Write a record as `scoring promote` does; returns its path."""
    path = record.path(home, promotion.model, promotion.alias, promotion.version)
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(promotion.content())
    return path
