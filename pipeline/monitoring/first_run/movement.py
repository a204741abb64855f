"""How far one version's scores are from another's on the same rows, and whether that is farther than it should be.

What a day's scores are depends on the day: in a storm all are high. How far two versions are apart on the same rows
depends on it much less, so few dates say what is ordinary, and a scale that is wrong shows at once.

The dates of the evidence say it: their median, and the farthest of them from it. A run may be twice as far, for of so
few dates the next one may well be the farthest. It may also be as far as chance explains on so few rows, or as nobody
minds: a fiftieth of the scores' standard deviation, or one label in a hundred.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from pipeline.model.loaded_model import Floats

# Fewer dates say too little of what is ordinary.
LEAST_DATES = 10
# How many times as far as the farthest date of the evidence.
_TIMES = 2.0
# What nobody minds: a share of the scores' standard deviation, and of the labels.
_LITTLE, _FEW_LABELS = 0.02, 0.01
# What chance explains, in standard errors of the run's own rows.
_ERRORS = 4.0


@dataclass(frozen=True)
class Movement:
    """How far a version's scores are from the former version's, on the same rows.

    Attributes:
        rows: how many both have scored.
        shift: the mean difference; above 0 the version's scores are higher.
        apart: the mean distance, whichever is higher.
        squares: the mean of the squared differences.
        relabelled: the share of rows with another label; 0 for a regression, which has none.
    """

    rows: int
    shift: float
    apart: float
    squares: float
    relabelled: float

    @classmethod
    def of(cls, former: Floats, scores: Floats, relabelled: float) -> "Movement":
        """Of the scores of the same rows, of which there is at least one."""
        apart = scores - former
        means = (apart, np.abs(apart), apart**2)
        return cls(len(scores), *(float(each.mean()) for each in means), relabelled)

    @classmethod
    def together(cls, sums: Sequence[Mapping[str, float]]) -> "Movement | None":
        """Of the sums of some parts; None where these have no rows."""
        rows = int(sum(each.get("rows", 0) for each in sums))
        names = ("shift", "apart", "squares", "relabelled")
        return (
            cls(rows, *(sum(each.get(name, 0) for each in sums) / rows for name in names)) if rows else None
        )

    def sums(self) -> dict[str, float]:
        """What adds up over parts."""
        return {name: value if name == "rows" else value * self.rows for name, value in asdict(self).items()}


@dataclass(frozen=True)
class Excess:
    """In what a run's scores have moved more than the evidence said.

    Attributes:
        what: `shift`, `apart` or `relabelled`.
        value: the run's.
        low: the least that is ordinary.
        high: the most.
    """

    what: str
    value: float
    low: float
    high: float

    def __str__(self) -> str:
        """The excess in words."""
        if self.what == "relabelled":
            return f"{self.value:.1%} of the labels are others, and the evidence allows {self.high:.1%}"
        about = "on average the scores are" if self.what == "shift" else "scores are apart by"
        return (
            f"{about} {self.value:{_sign(self.what)}.4g}, and the evidence allows "
            f"{self.low:{_sign(self.what)}.4g} to {self.high:{_sign(self.what)}.4g}"
        )


def excesses(dates: Sequence[Movement], spread: float, run: Movement) -> Iterator[Excess]:
    """In what a run's scores have moved more than on the dates of the evidence.

    Args:
        dates: those of the evidence, at least one.
        spread: the former version's standard deviation of scores.
        run: the run's.
    """
    for what, variance, least in (
        ("shift", run.squares - run.shift**2, _LITTLE * spread),
        ("apart", run.squares - run.apart**2, _LITTLE * spread),
        ("relabelled", run.relabelled * (1 - run.relabelled), _FEW_LABELS),
    ):
        values = np.array([getattr(each, what) for each in dates])
        centre = float(np.median(values))
        chance = _ERRORS * float(np.sqrt(max(variance, 0) / run.rows))
        room = max(_TIMES * float(np.abs(values - centre).max()), least, chance)
        value = getattr(run, what)
        if abs(value - centre) > room:
            yield Excess(
                what, value, centre - room if what == "shift" else max(centre - room, 0), centre + room
            )


def _sign(what: str) -> str:
    return "+" if what == "shift" else ""
