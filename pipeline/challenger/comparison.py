"""Two versions on the same entities: what each lost, whose score moved, and in which groups."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline.challenger import paired_test
from pipeline.challenger.paired_test import Paired
from pipeline.evaluation.metrics import LabelledScores
from pipeline.model.loaded_model import Floats
from pipeline.runs.archive import MAX_SLICE_VALUES

# scikit-learn's log loss takes no probability as closer to 0 or 1 than this.
_LEAST = float(np.finfo(np.float64).eps)

_DECILES = np.arange(1, 10) / 10

# The slice and its value; None where it has none.
Group = tuple[str, str | None]


@dataclass(frozen=True)
class Losses:
    """What two versions lost on the same rows.

    Attributes:
        rows: how many rows have an outcome and both scores.
        champion: the mean loss of the version that was published.
        challenger: the mean loss of the other.
    """

    rows: int
    champion: float
    challenger: float

    @property
    def difference(self) -> float:
        """How much less the challenger lost."""
        return self.champion - self.challenger


@dataclass(frozen=True)
class Day:
    """One score date, scored by both.

    Attributes:
        score_date: the score date.
        run_id: the run that is published.
        version: the version that scored it.
        entities: how many have both scores.
        refused: rows that the champion scored and the challenger's contract rejects.
        losses: of all entities with an outcome.
        groups: of every group of the job's slices.
        moved: the share of entities whose decile of scores is another one.
        relabelled: the share whose label is another one; None for a regression.
        seen: whether one of them was trained on this date, whose figures then say nothing of new days.
    """

    score_date: date
    run_id: int
    version: int
    entities: int
    refused: int
    losses: Losses
    groups: Mapping[Group, Losses]
    moved: float
    relabelled: float | None
    seen: bool


@dataclass(frozen=True)
class Comparison:
    """A version beside the one that was published.

    Attributes:
        model: the model's name.
        version: the challenger.
        loss: what is compared: `log_loss`, or `squared_error` of a regression.
        days: the score dates, in order.
        together: what the dates that neither has seen in training say together.
        losing: the groups in which the challenger is worse, with what those dates say of each.
        groups: how many groups were tested.
    """

    model: str
    version: int
    loss: str
    days: Sequence[Day]
    together: Paired
    losing: Mapping[Group, Paired]
    groups: int


def row_losses(labelled: LabelledScores) -> Floats:
    """What each row lost: minus the logarithm of the outcome's probability, or the squared error."""
    if labelled.task == "regression":
        squared: Floats = labelled.errors**2
        return squared
    if labelled.class_scores is None:
        chances = np.where(labelled.outcome == 1, labelled.score, 1 - labelled.score)
    else:
        chances = labelled.class_scores[np.arange(len(labelled)), labelled.outcome.astype(np.int64)]
        chances = chances / labelled.class_scores.sum(axis=1)
    losses: Floats = -np.log(np.clip(chances, _LEAST, 1 - _LEAST))
    return losses


def loss_of(task: str) -> str:
    """The name of what is compared."""
    return "squared_error" if task == "regression" else "log_loss"


def by_group(groups: pa.Table, champion: Floats, challenger: Floats) -> dict[Group, Losses]:
    """What the two lost in every group of every slice.

    Args:
        groups: for each row its values in the slices, as text.
        champion: what each row lost by the version that was published.
        challenger: the same by the other.
    """
    lost: dict[Group, Losses] = {}
    for column in groups.column_names:
        encoded = groups[column].combine_chunks().dictionary_encode(null_encoding="encode")
        names = encoded.dictionary.to_pylist()
        if len(names) > MAX_SLICE_VALUES:
            continue
        codes = encoded.indices.to_numpy()
        rows, first, second = (np.bincount(codes, of, len(names)) for of in (None, champion, challenger))
        for name, count, mine, other in zip(names, rows, first, second, strict=True):
            lost[column, name] = Losses(int(count), float(mine / count), float(other / count))
    return lost


def moved(champion: Floats, challenger: Floats) -> float:
    """The share of entities whose score lies in another tenth of the day's scores."""
    if not len(champion):
        return 0.0
    return float(np.mean(_deciles(champion) != _deciles(challenger)))


def judge(days: Sequence[Day], least: int, rate: float) -> tuple[Paired, dict[Group, Paired], int]:
    """What the days say together, and the groups in which the challenger is worse.

    Groups are many, and each may be wrong: together they keep to the rate (Bonferroni).

    Args:
        days: in order of date.
        least: outcomes that a day, or a group of a day, must have to count.
        rate: how often a verdict may be wrong.
    """
    fair = [day for day in days if not day.seen]
    together = paired_test.compare(_differences((day.losses for day in fair), least), rate)
    names = list(dict.fromkeys(name for day in fair for name in day.groups))
    tested = {}
    for name in names:
        of_group = (day.groups[name] for day in fair if name in day.groups)
        tested[name] = paired_test.compare(_differences(of_group, least), rate / max(len(names), 1))
    losing = {name: paired for name, paired in tested.items() if paired.verdict == "worse"}
    return together, losing, len(names)


def _differences(losses: Iterator[Losses], least: int) -> list[float]:
    return [each.difference for each in losses if each.rows >= least]


def _deciles(scores: Floats) -> npt.NDArray[np.int64]:
    places: npt.NDArray[np.int64] = np.searchsorted(np.quantile(scores, _DECILES), scores, side="right")
    return places
