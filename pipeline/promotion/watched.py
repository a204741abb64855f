"""What is seen of two versions' scores while a date is replayed: how far they are apart, and whether one is unusual."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date

import numpy as np
import pyarrow as pa

from pipeline.evaluation.metrics import LabelledScores
from pipeline.model.loaded_model import Floats
from pipeline.model.manifest import PinnedVersion
from pipeline.monitoring import drift, references
from pipeline.monitoring.first_run.evidence import Drift
from pipeline.monitoring.first_run.movement import Movement
from pipeline.monitoring.profile import SCORE, Profile
from pipeline.monitoring.references import Reference


@dataclass
class Watched:
    """Sees the scores of both versions, date by date.

    Attributes:
        own: the training days of the version that is to be promoted.
        rate: of false alarms, as the job's nights have it.
        others: the training days of published versions, by number.
        spreads: the standard deviation of the published scores, a date each.
        movements: how far the scores are apart, by date.
        unusual: of published scores (0) and of the other version's (1), whether they were unusual, a date each.
    """

    own: Reference
    rate: float
    others: dict[int, Reference] = field(default_factory=dict)
    spreads: list[float] = field(default_factory=list)
    movements: dict[date, Movement] = field(default_factory=dict)
    unusual: dict[int, list[bool]] = field(default_factory=lambda: {0: [], 1: []})

    def date(self, score_date: date, published: PinnedVersion, scores: Sequence[LabelledScores]) -> None:
        """Take one date's scores: as published, and by the other version."""
        before, after = scores
        if not len(before):
            return
        label = before.label
        relabelled = 0.0 if label is None else float(np.mean(label != after.label))
        self.movements[score_date] = Movement.of(before.task, before.score, after.score, relabelled)
        self.spreads.append(float(before.score.std()))
        number = published.manifest.version
        if number not in self.others:
            self.others[number] = references.load(published)
        for place, reference in enumerate((self.others[number], self.own)):
            flag = is_unusual(reference, scores[place].score, score_date, self.rate)
            if flag is not None:
                self.unusual[place].append(flag)

    def drift(self, place: int) -> Drift:
        """On how many dates the scores were unusual."""
        return Drift(unusual=sum(self.unusual[place]), of=len(self.unusual[place]))


def is_unusual(reference: Reference, scores: Floats, score_date: date, rate: float) -> bool | None:
    """Whether a night would find the scores unusual; None where training kept none to compare them with."""
    if SCORE not in reference.counts or not reference.by_day:
        return None
    nothing = dict.fromkeys(reference.bins, pa.nulls(0, pa.float64()))
    profile = Profile.of(reference.bins, {**nothing, SCORE: pa.array(scores)})
    distances = drift.distances(reference, profile, score_date, rate)
    return any(distance.unusual for distance in distances if distance.column == SCORE)
