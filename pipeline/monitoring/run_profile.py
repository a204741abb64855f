"""A run's profile: those of its parts merged, its metrics, and what is unusual about it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import sqlalchemy as sa

from pipeline.config.job import Job
from pipeline.config.sections import GateSection
from pipeline.config.workspace import Workspace
from pipeline.databases import postgres, statements
from pipeline.model.manifest import PinnedVersion
from pipeline.monitoring import drift, findings, references
from pipeline.monitoring.bins import Bins
from pipeline.monitoring.calibration import VOLUME, Distance
from pipeline.monitoring.day_over_day import PreviousRun
from pipeline.monitoring.findings import Weights
from pipeline.monitoring.pooled import looks, past_runs
from pipeline.monitoring.pooled.past_runs import PastRuns
from pipeline.monitoring.profile import SCORE, Profile
from pipeline.monitoring.sliced import look as slice_look
from pipeline.monitoring.sliced.look import SlicedRun
from pipeline.payloads import Finding, Run, Written
from pipeline.store import parts
from pipeline.store.layout import RunRef

_SQL = statements.load("monitoring/run_profile")


@dataclass(frozen=True)
class RunProfile:
    """What a run looked like.

    Attributes:
        profile: of its rows.
        distances: to the training days, also with the last published runs, and the changes since the previous run;
            the most unusual first.
        previous: the run of the last score date before.
        past: the published runs before, by the same model.
        slices: the run within the slices of its job.
    """

    profile: Profile
    distances: tuple[Distance, ...]
    previous: PreviousRun | None
    past: PastRuns = field(default_factory=PastRuns)
    slices: SlicedRun = field(default_factory=SlicedRun)

    def metrics(self) -> dict[str, float]:
        """Metrics of the score and of the run as a whole."""
        metrics = {
            # Quantiles in three digits: analysts read them of every run, and no metric of theirs is one entity's score.
            f"score_{name}": value if name == "mean" else float(f"{value:.3g}")
            for name, value in _statistics(self.profile, SCORE).items()
        }
        for distance in self.distances:
            if distance.column in (SCORE, VOLUME):
                name = "rows" if distance.column == VOLUME else "score"
                metrics.setdefault(f"{name}_{_unusualness_of(distance)}", distance.unusualness)
                metrics[f"{name}_{_metric_of(distance)}"] = distance.distance
        if SCORE in (since := self._psi_since_previous()):
            metrics["score_psi_last_night"] = since[SCORE]
        if self.distances:
            metrics["unusualness"] = self.distances[0].unusualness
            metrics["runs_to_pool"] = 1 + len(self.past.newest_first)
        return metrics | self.slices.metrics()

    def features(self, run: Run) -> dict[str, dict[str, float]]:
        """Metrics of each feature."""
        since = self._psi_since_previous()
        features = {}
        for name in run.features:
            metrics = _statistics(self.profile, name) | _shares(run, name)
            for distance in self.distances:
                if distance.column == name:
                    if (unusualness := _unusualness_of(distance)) not in metrics:
                        metrics[unusualness] = distance.unusualness
                        if distance.runs == 1:
                            count = "nights_as_far" if distance.since is None else "nights_changed_as_much"
                            metrics[count] = distance.as_far
                    metrics[_metric_of(distance)] = distance.distance
            if name in since:
                metrics["psi_last_night"] = since[name]
            features[name] = metrics | self.slices.features(name)
        return features

    def rows(self, run_id: int) -> list[dict[str, Any]]:
        """The profile as rows of the table `profiles`."""
        return [
            {
                "run_id": run_id,
                "column_name": name,
                "bin": place,
                "label": label.replace("\0", "\\x00"),
                "count": count,
            }
            for name, counts in self.profile.counts.items()
            for place, (label, count) in enumerate(
                zip(self.profile.bins[name].labels, counts.tolist(), strict=True)
            )
        ]

    def findings(self, gate: GateSection, weights: Weights | None = None) -> tuple[Finding, ...]:
        """What is unusual, by check; with how much the columns matter, where that is known."""
        return (
            *findings.unusual(self.profile, self.distances, self.previous, gate, weights),
            *findings.lasting(self.distances, self.past, gate, weights),
            *self.slices.findings(gate),
        )

    def _psi_since_previous(self) -> dict[str, float]:
        """PSI to the previous run, of the columns that had the same bins."""
        before = self.previous.counts if self.previous else {}
        return {name: float(drift.psi(self.profile.counts[name], counts)) for name, counts in before.items()}


def look(
    workspace: Workspace, pinned: PinnedVersion, job: Job, run: Run, written: Sequence[Written]
) -> RunProfile:
    """Merge the profiles of a run's parts, and compare them with the training days and with the previous run.

    Raises:
        PartError: a part's profile is missing or altered.
        ModelError: the model's reference is missing or altered.
    """
    reference = references.load(pinned)
    grid, ref = slice_look.grid_of(reference, job.slices), RunRef.of(run)
    profile, sliced = Profile.of(reference.bins), grid.read(())
    for part in written:
        if part.profile is not None:
            stored = list(parts.read(workspace.store, ref.profile(part.part.number), part.profile))
            profile += Profile.read(reference.bins, stored)
            sliced = grid.add(sliced, grid.read(stored))
    previous = _previous(workspace.predictions, run, reference.bins)
    past, rate = past_runs.read(workspace.predictions, run, reference), job.drift.false_alarm_rate
    distances = looks.distances(
        reference, profile, run.score_date, rate, previous, past.pooled, besides=bool(sliced)
    )
    slices = slice_look.look(reference, job.slices, sliced, rate, (distances, past.pooled))
    return RunProfile(profile, distances, previous, past, slices)


def _previous(database_url: str, run: Run, bins: Mapping[str, Bins]) -> PreviousRun | None:
    """The run before a run, with the columns that had the same bins; None where there is none."""
    values = {"job": run.job, "score_date": run.score_date}
    with postgres.engine(database_url).connect() as connection:
        rows = connection.execute(sa.text(_SQL["previous"]), values).all()
    if not rows:
        return None
    columns: dict[str, dict[str, int]] = {}
    for row in rows:
        columns.setdefault(row.column_name, {})[row.label] = row.rows
    counts = {
        name: np.array(list(by_label.values()), np.int64)
        for name, by_label in columns.items()
        if name in bins and tuple(by_label) == bins[name].labels
    }
    return PreviousRun(rows[0].score_date, counts)


def _metric_of(distance: Distance) -> str:
    if distance.since is not None:
        return "change_last_night"
    name = "log_ratio" if distance.column == VOLUME else "psi"
    return name if distance.runs == 1 else f"{name}_{distance.runs}_runs"


def _unusualness_of(distance: Distance) -> str:
    return "unusualness" if distance.runs == 1 else f"unusualness_{distance.runs}_runs"


def _statistics(profile: Profile, column: str) -> dict[str, float]:
    if column not in profile.bins:
        return {}
    statistics = {
        "mean": profile.mean(column),
        "p10": profile.quantile(column, 0.1),
        "median": profile.quantile(column, 0.5),
        "p90": profile.quantile(column, 0.9),
    }
    return {name: value for name, value in statistics.items() if value is not None and np.isfinite(value)}


def _shares(run: Run, feature: str) -> dict[str, float]:
    """Shares of the extracted rows, of what the contract counted."""
    counted = run.features[feature]
    names = {"null": "missing_share", "unknown_category": "unknown_category_share"}
    return {name: counted[rule] / run.rows_extracted for rule, name in names.items() if rule in counted}
