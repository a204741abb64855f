"""What a run's features and scores looked like: profiles merged over parts, their figures, and what is unusual."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import Any

import numpy as np
import sqlalchemy as sa

from pipeline.config.sections import DriftSection, GateSection
from pipeline.config.workspace import Workspace
from pipeline.databases import postgres
from pipeline.model.manifest import PinnedVersion
from pipeline.monitoring import drift, references
from pipeline.monitoring.calibration import VOLUME, Distance
from pipeline.monitoring.day_over_day import Last
from pipeline.monitoring.profile import SCORE, Bins, Profile
from pipeline.payloads import Finding, Run, Written
from pipeline.store import parts
from pipeline.store.layout import RunRef

# A message names so many features; feature_metrics has them all.
NAMED = 5
# So few rows may well be the same on two nights.
_ENOUGH_TO_DIFFER = 20

_WEAK = (
    ". The model was registered without nights: rows of one night are alike, so this says less than it seems. "
    "Register it with --night-column"
)


@dataclass(frozen=True)
class RunProfile:
    """What a run looked like.

    Attributes:
        tonight: its profile.
        distances: to the training nights, and the changes since the last night; the most unusual first.
        last: the last night published before.
    """

    tonight: Profile
    distances: tuple[Distance, ...]
    last: Last | None

    def metrics(self) -> dict[str, float]:
        """Figures of the score and of the run as a whole."""
        found = {
            # Quantiles in three digits: analysts read them of every run, and no figure of theirs is one entity's score.
            f"score_{name}": value if name == "mean" else float(f"{value:.3g}")
            for name, value in _figures(self.tonight, SCORE).items()
        }
        for one in self.distances:
            if one.what in (SCORE, VOLUME):
                name = "rows" if one.what == VOLUME else "score"
                found.setdefault(f"{name}_unusualness", one.unusualness)
                found[f"{name}_{_measured(one)}"] = one.distance
        if SCORE in (since := self._since_last()):
            found["score_psi_last_night"] = since[SCORE]
        if self.distances:
            found["unusualness"] = self.distances[0].unusualness
        return found

    def features(self, run: Run) -> dict[str, dict[str, float]]:
        """Figures of each feature."""
        since = self._since_last()
        found = {}
        for name in run.features:
            said = _figures(self.tonight, name) | _shares(run, name)
            for one in self.distances:
                if one.what == name:
                    if "unusualness" not in said:
                        said["unusualness"] = one.unusualness
                        said["nights_as_far" if one.since is None else "nights_changed_as_much"] = one.as_far
                    said[_measured(one)] = one.distance
            if name in since:
                said["psi_last_night"] = since[name]
            found[name] = said
        return found

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
            for name, counts in self.tonight.counts.items()
            for place, (label, count) in enumerate(
                zip(self.tonight.bins[name].labels, counts.tolist(), strict=True)
            )
        ]

    def findings(self, gate: GateSection) -> tuple[Finding, ...]:
        """What is unusual, by check."""
        found = []
        # A column that is unusual in two respects is told of by the one in which it is most.
        most = {one.what: one for one in reversed(self.distances)}
        unusual = sorted((one for one in most.values() if one.unusual), key=lambda one: -one.unusualness)
        features = [one for one in unusual if one.what not in (SCORE, VOLUME)]
        if features:
            named = "; ".join(f"{one.what}: {one}" for one in features[:NAMED])
            more = f"; and {len(features) - NAMED} more" if len(features) > NAMED else ""
            message = f"unusual features: {named}{more}{_WEAK if features[0].weak else ''}"
            found.append(Finding(check="drift", action=gate.drift, message=message))
        for one in unusual:
            if one.what == SCORE:
                found.append(
                    Finding(check="score_drift", action=gate.score_drift, message=f"unusual scores: {one}")
                )
            if one.what == VOLUME:
                message = f"unusual number of rows: {self.tonight.rows}, {one}"
                found.append(Finding(check="volume", action=gate.volume, message=message))
        if self.last and self._same_again(self.last):
            message = (
                f"all {self.tonight.rows} rows look exactly like those of {self.last.night}: the warehouse may not "
                "have been loaded since"
            )
            found.append(Finding(check="drift", action=gate.drift, message=message))
        return tuple(found)

    def _since_last(self) -> dict[str, float]:
        """PSI to the last published night, of the columns that had the same bins."""
        before = self.last.counts if self.last else {}
        return {name: float(drift.psi(self.tonight.counts[name], counts)) for name, counts in before.items()}

    def _same_again(self, last: Last) -> bool:
        mine = self.tonight.counts
        return self.tonight.rows >= _ENOUGH_TO_DIFFER and all(
            name in last.counts and np.array_equal(counts, last.counts[name]) for name, counts in mine.items()
        )


def look(
    places: Workspace, pinned: PinnedVersion, settings: DriftSection, run: Run, written: Sequence[Written]
) -> RunProfile:
    """Merge the profiles of a run's parts, and compare them with the training nights and with the last night.

    Raises:
        PartError: a part's profile is missing or altered.
        ModelError: the model's reference is missing or altered.
    """
    reference = references.load(pinned)
    ref = RunRef.of(run)
    kept = (
        Profile.read(
            reference.bins,
            parts.read(places.store, ref.profile(part.part.number), part.profile),
        )
        for part in written
        if part.profile is not None
    )
    tonight = reduce(add, kept, Profile.of(reference.bins))
    last = _last(places.predictions, run, reference.bins)
    return RunProfile(
        tonight, drift.judge(reference, tonight, run.score_date, settings.false_alarm_rate, last), last
    )


def _measured(one: Distance) -> str:
    if one.since is not None:
        return "change_last_night"
    return "log_ratio" if one.what == VOLUME else "psi"


def _figures(profile: Profile, column: str) -> dict[str, float]:
    if column not in profile.bins:
        return {}
    found = {
        "mean": profile.mean(column),
        "p10": profile.quantile(column, 0.1),
        "median": profile.quantile(column, 0.5),
        "p90": profile.quantile(column, 0.9),
    }
    return {name: value for name, value in found.items() if value is not None and np.isfinite(value)}


def _shares(run: Run, feature: str) -> dict[str, float]:
    """Shares of the extracted rows, of what the contract counted."""
    counted, names = (
        run.features[feature],
        {"null": "missing_share", "unknown_category": "unknown_category_share"},
    )
    return {name: counted[rule] / run.rows_extracted for rule, name in names.items() if rule in counted}


def _last(uri: str, run: Run, bins: Mapping[str, Bins]) -> Last | None:
    with postgres.engine(uri).connect() as connection:
        values = {"job": run.job, "score_date": run.score_date}
        rows = connection.execute(sa.text(_LAST), values).all()
    if not rows:
        return None
    counts: dict[str, dict[str, int]] = {}
    for row in rows:
        counts.setdefault(row.column_name, {})[row.label] = row.counted
    same = {
        name: found for name, found in counts.items() if name in bins and tuple(found) == bins[name].labels
    }
    return Last(
        rows[0].score_date, {name: np.array(list(found.values()), np.int64) for name, found in same.items()}
    )


_LAST = """
SELECT last.score_date, kept.column_name, kept.label, kept.count AS counted
FROM (SELECT score_date, run_id FROM scoring.current_runs WHERE job = :job AND score_date < :score_date
      ORDER BY score_date DESC LIMIT 1) AS last
JOIN scoring.profiles AS kept USING (run_id) ORDER BY kept.column_name, kept.bin
"""
