"""The metrics of a run: of all its entities, of every group of its slices, and beside those of the baselines."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline.config.sections import OutcomesSection
from pipeline.evaluation import baselines, fairness
from pipeline.evaluation.fairness import Gap
from pipeline.evaluation.metrics import LabelledScores, counted, figures, losses
from pipeline.model.manifest import PinnedVersion
from pipeline.runs.archive import MAX_SLICE_VALUES

# (slice, its value, metric) -> number; slice and value are empty for all entities together.
Metrics = dict[tuple[str, str | None, str], float]

Codes = npt.NDArray[np.int64]

_IN_SAMPLE = (
    "the model was trained on this score date: its figures do not say how good it is on new days, "
    "and no gap is an alarm"
)


@dataclass(frozen=True)
class Performance:
    """How the scores compare with the outcomes.

    Attributes:
        metrics: by slice, group and name.
        gaps: the largest difference of each metric between the groups of each slice.
        notes: what could not be measured, and why.
    """

    metrics: Metrics
    gaps: list[Gap]
    notes: tuple[str, ...]


def overall(values: Mapping[str, float]) -> Metrics:
    """Metrics of all entities together."""
    return {("", "", metric): value for metric, value in values.items()}


def evaluate(
    labelled: LabelledScores,
    groups: pa.Table,
    pinned: PinnedVersion,
    rule: OutcomesSection,
    *,
    in_sample: bool = False,
) -> Performance:
    """Compute every metric of a run.

    Args:
        labelled: the entities, also those without an outcome, which is NaN.
        groups: for each of them its values in the job's slices, as text.
        pinned: the model that scored them.
        rule: what the job says of groups.
        in_sample: whether the model was trained on the score date. Its gaps are then no alarm: a model fits what it
            has seen.

    Raises:
        ModelError: the model's reference is missing or altered.
    """
    has = ~np.isnan(labelled.outcome)
    complete = labelled.where(has)
    # A table without columns has no rows to choose from.
    values = groups.filter(pa.array(has)) if groups.column_names else groups
    others = baselines.baselines(pinned, complete, values)
    notes = [] if others else ["no baselines: the model was registered without --outcome"]
    metrics = overall({**_coverage(has), **_beside(complete, others), **_training(pinned)})
    compared = {}
    for column in groups.column_names:
        codes, names = _codes(groups[column])
        if len(names) > MAX_SLICE_VALUES:
            notes.append(f"no slice by {column}: it has more than {MAX_SLICE_VALUES} values")
            continue
        compared[column] = {name: complete.where(codes[has] == code) for code, name in names.items()}
        for code, name in names.items():
            group = {other: scores.where(codes[has] == code) for other, scores in others.items()}
            of_group = {**_coverage(has[codes == code]), **_group(compared[column][name], group, rule)}
            metrics |= {(column, name, metric): value for metric, value in of_group.items()}
    gaps = fairness.gaps(compared, rule)
    if in_sample:
        gaps = [replace(gap, alarm=False) for gap in gaps]
        notes.append(_IN_SAMPLE)
    metrics |= overall(dict(_gaps(gaps)))
    return Performance(
        {key: value for key, value in metrics.items() if np.isfinite(value)}, gaps, tuple(notes)
    )


def _coverage(has: npt.NDArray[np.bool_]) -> dict[str, float]:
    share = {"coverage": float(has.mean())} if len(has) else {}
    return {"sampled": float(len(has)), "outcomes": float(has.sum()), **share}


def _group(
    labelled: LabelledScores, others: Mapping[str, LabelledScores], rule: OutcomesSection
) -> dict[str, float]:
    """Metrics of a group; of a small one its counts and rates, whose intervals say how little they say."""
    if len(labelled) < rule.min_group:
        return {"small": 1.0, **counted(labelled)}
    return {"small": 0.0, **_beside(labelled, others)}


def _beside(labelled: LabelledScores, others: Mapping[str, LabelledScores]) -> dict[str, float]:
    """A model's metrics, and how it compares with the baselines."""
    metrics = figures(labelled)
    for name, other in others.items() if metrics else ():
        baseline = losses(other)
        metrics |= {f"{metric}:{name}": value for metric, value in baseline.items()}
        gained = baselines.skill(metrics, baseline)
        metrics |= {} if gained is None else {f"skill:{name}": gained}
    return metrics


def _training(pinned: PinnedVersion) -> dict[str, float]:
    return {f"training:{name}": value for name, value in pinned.manifest.metrics.items()}


def _gaps(gaps: list[Gap]) -> Iterator[tuple[str, float]]:
    for gap in gaps:
        yield f"{gap.figure}_gap:{gap.column}", gap.size
        yield f"{gap.figure}_gap_p:{gap.column}", gap.p
        yield f"{gap.figure}_gap_alarm:{gap.column}", float(gap.alarm)
    yield "alarms", float(sum(gap.alarm for gap in gaps))


def _codes(values: pa.ChunkedArray) -> tuple[Codes, dict[int, str | None]]:
    """Numbers for the values of a slice, and what each stands for."""
    encoded = values.combine_chunks().dictionary_encode()
    codes: Codes = encoded.indices.fill_null(-1).to_numpy().astype(np.int64)
    texts = encoded.dictionary.to_pylist()
    return codes, {int(code): texts[code] if code >= 0 else None for code in np.unique(codes)}
