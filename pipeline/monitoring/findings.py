"""What is unusual about a run's profile, as findings: sentences with an action of the gate."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.config.sections import GateSection
from pipeline.monitoring.calibration import VOLUME, Distance
from pipeline.monitoring.day_over_day import PreviousRun
from pipeline.monitoring.pooled.past_runs import PastRuns
from pipeline.monitoring.profile import SCORE, Profile
from pipeline.payloads import Finding

# A message names so many features; feature_metrics has them all.
NAMED = 5
# So few rows may well be the same on two days.
_ENOUGH_TO_DIFFER = 20

_NAMES = {SCORE: "the score", VOLUME: "the number of rows"}

_WEAK = (
    ". The model was registered without training days, so its rows were compared one by one, which finds too much. "
    "Register it with --night-column"
)


@dataclass(frozen=True)
class Weight:
    """How much a column matters to the scores.

    Attributes:
        share: of what all columns together move the scores by.
        group: the group that it moves with, whose share it is; empty where it moves alone.
    """

    share: float
    group: str = ""

    def __str__(self) -> str:
        """What it carries of the score, in words."""
        share = (
            f"{100 * self.share:.0f} %"
            if self.share >= 0.005
            else "less than 1 %"
            if self.share
            else "nothing"
        )
        moves = f"moves with {self.group}, which " if self.group else ""
        return f"{moves}carries {share} of the score"


# By column; of a model whose scores were never explained there are none.
Weights = Mapping[str, Weight]


def unusual(
    profile: Profile,
    distances: Sequence[Distance],
    previous: PreviousRun | None,
    gate: GateSection,
    weights: Weights | None = None,
) -> tuple[Finding, ...]:
    """What is unusual, by check.

    Args:
        profile: the run's.
        distances: to the training days, and the changes since the previous run; the most unusual first.
        previous: the run before.
        gate: which action each check has.
        weights: how much the columns matter, which features are ordered by, too.
    """
    findings = [*_beyond_the_limit(profile, distances, gate, weights or {})]
    if previous and _same_again(profile, previous):
        message = (
            f"all {profile.rows} rows look exactly like those of {previous.score_date}. The warehouse may not have "
            "been loaded since"
        )
        findings.append(Finding(check="drift", action=gate.drift, message=message))
    return tuple(findings)


def lasting(
    distances: Sequence[Distance], past: PastRuns, gate: GateSection, weights: Weights | None = None
) -> tuple[Finding, ...]:
    """What is unusual over the last runs taken together, as one finding; `ongoing` where the last run had it, too."""
    weights = weights or {}
    beyond = _heaviest(_most_unusual([distance for distance in distances if distance.runs > 1]), weights)
    if not beyond:
        return ()
    named = _named(beyond, weights)
    more = f"; and {len(beyond) - NAMED} more" if len(beyond) > NAMED else ""
    columns = {distance.column for distance in beyond}
    since = past.since(columns)
    ongoing = "" if since is None else f". So it is since {since}"
    longest = max(distance.runs for distance in beyond)
    lately = [each for each in distances if 1 < each.runs < longest and each.column in columns]
    over = bool(lately) and not any(each.unusual for each in lately)
    message = (
        f"unusual over the last runs taken together: {named}{more}{ongoing}"
        f"{f'. The last {lately[0].runs} by themselves are within the limit: it may be over' if over else ''}"
    )
    return (
        Finding(check="lasting_drift", action=gate.lasting_drift, message=message, ongoing=since is not None),
    )


def _most_unusual(distances: Sequence[Distance]) -> list[Distance]:
    """Those beyond the limit, the most unusual first; of each column the one in which it is most unusual."""
    most = {distance.column: distance for distance in reversed(distances)}
    return sorted((each for each in most.values() if each.unusual), key=lambda each: -each.unusualness)


def _heaviest(distances: list[Distance], weights: Weights) -> list[Distance]:
    """Those first that are more unusual and carry more; the score and the number of rows are all that there is."""

    def heaviness(distance: Distance) -> float:
        weight = weights.get(distance.column)
        carried = 1.0 if not weights or distance.column in _NAMES else weight.share if weight else 0.0
        return distance.unusualness * carried

    return sorted(distances, key=heaviness, reverse=True)


def _named(distances: Sequence[Distance], weights: Weights) -> str:
    """The first of them in words, each with what it carries."""
    return "; ".join(
        f"{_NAMES.get(each.column, each.column)}: {each}"
        f"{f', and {weights[each.column]}' if each.column in weights else ''}"
        for each in distances[:NAMED]
    )


def _beyond_the_limit(
    profile: Profile, distances: Sequence[Distance], gate: GateSection, weights: Weights
) -> Iterator[Finding]:
    beyond = _most_unusual([distance for distance in distances if distance.runs == 1])
    features = [distance for distance in beyond if distance.column not in (SCORE, VOLUME)]
    if features:
        named = _named(features := _heaviest(features, weights), weights)
        more = f"; and {len(features) - NAMED} more" if len(features) > NAMED else ""
        message = f"unusual features: {named}{more}{_WEAK if features[0].weak else ''}"
        yield Finding(check="drift", action=gate.drift, message=message)
    for distance in beyond:
        if distance.column == SCORE:
            yield Finding(check="score_drift", action=gate.score_drift, message=f"unusual scores: {distance}")
        if distance.column == VOLUME:
            message = f"unusual number of rows: {profile.rows}, {distance}"
            yield Finding(check="volume", action=gate.volume, message=message)


def _same_again(profile: Profile, previous: PreviousRun) -> bool:
    return profile.rows >= _ENOUGH_TO_DIFFER and all(
        name in previous.counts and np.array_equal(counts, previous.counts[name])
        for name, counts in profile.counts.items()
    )
