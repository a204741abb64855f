"""What a job's dates say of two versions, as a promotion's record keeps it: a replay, and the days as a challenger."""

from datetime import date
from typing import Literal

from pydantic import BaseModel, ConfigDict

from pipeline.monitoring.first_run.movement import Movement


class Frozen(BaseModel):
    """A value that is kept as text, of which no other key is taken."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())


class Paired(Frozen):
    """What the paired test says: above 0 the new version loses less; an interval where there are enough dates."""

    verdict: Literal["better", "worse", "undecided"]
    dates: int
    mean: float
    low: float | None
    high: float | None
    evidence: float


class Challenged(Frozen):
    """What outcomes have said of the new version so far, as the job's challenger beside the former one.

    `first` and `last` are the first and the last score date that count.
    """

    first: date
    last: date
    paired: Paired


class Group(Frozen):
    """A group in which the new version is worse."""

    column: str
    value: str | None
    paired: Paired


class Day(Frozen):
    """A score date that both versions have scored: the losses of both, and how far the scores are apart.

    `level`, `shift` and `squares` are as in `Movement`, of log-odds, or of values.
    """

    score_date: date
    rows: int
    outcomes: int
    former_loss: float
    version_loss: float
    level: float
    shift: float
    squares: float
    relabelled: float

    @property
    def movement(self) -> Movement:
        """How far the scores are apart."""
        return Movement(self.rows, self.level, self.shift, self.squares, self.relabelled)


class Drift(Frozen):
    """On how many dates a version's scores are unusual beside its own training days, as a night would find it.

    `of` is 0 where its training kept no scores, so that no night looks at them.
    """

    unusual: int
    of: int


class JobEvidence(Frozen):
    """What one job's published dates say.

    Attributes:
        job: the job.
        loss: `log_loss`, or `squared_error` of a regression.
        paired: the test of the replay, over dates that neither version has seen in training.
        challenger: the same of the dates that the new version has scored as the job's challenger; None without such.
        groups: how many groups were tested.
        losing: those in which the new version is worse.
        entities: of all dates of the replay together; 0 where none could be replayed.
        decile_moved: the share of them in another tenth of the day's scores.
        relabelled: the share with another label; None for a regression.
        former_drift: of the former version's scores.
        version_drift: of the new version's, on the same rows.
        unit: of differences: 1 of log-odds; of values the former version's standard deviation of scores.
        days: the dates that the former version has scored and neither has seen in training.
    """

    job: str
    loss: str
    paired: Paired
    challenger: Challenged | None
    groups: int
    losing: tuple[Group, ...]
    entities: int
    decile_moved: float
    relabelled: float | None
    former_drift: Drift
    version_drift: Drift
    unit: float
    days: tuple[Day, ...]

    @property
    def verdict(self) -> Literal["better", "worse", "undecided", "none"]:
        """What decides: the test with more dates, unless one of the two says `worse`; `none` without any date.

        The number of dates is no matter of which version is better. So one test decides, and its rate is kept.
        """
        tests = [self.paired, *([self.challenger.paired] if self.challenger else [])]
        if any(test.verdict == "worse" for test in tests):
            return "worse"
        decisive = max(reversed(tests), key=lambda test: test.dates)
        return decisive.verdict if decisive.dates else "none"
