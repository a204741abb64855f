"""The figures of a night: of all its entities, of every group of its slices, and beside those of the baselines."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline.config.sections import OutcomesSection
from pipeline.evaluation import baselines, fairness
from pipeline.evaluation.fairness import Gap
from pipeline.evaluation.metrics import Judged, counted, figures, losses
from pipeline.model.manifest import PinnedVersion
from pipeline.runs.archive import MAX_SLICE_VALUES

# (slice, its value, metric) -> number; slice and value are empty for all entities together.
Metrics = dict[tuple[str, str | None, str], float]

Codes = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Quality:
    """What the results say of the scores.

    Attributes:
        metrics: the figures.
        gaps: the largest difference of each figure between the groups of each slice.
        notes: what could not be measured, and why.
    """

    metrics: Metrics
    gaps: list[Gap]
    notes: tuple[str, ...]


def overall(found: Mapping[str, float]) -> Metrics:
    """Figures of all entities together."""
    return {("", "", metric): value for metric, value in found.items()}


def measure(judged: Judged, groups: pa.Table, pinned: PinnedVersion, rule: OutcomesSection) -> Quality:
    """Compute every figure of a night.

    Args:
        judged: the entities, also those without a result, whose `actual` is NaN.
        groups: for each of them its values in the job's slices, as text.
        pinned: the model that scored them.
        rule: what the job says of groups.

    Raises:
        ModelError: the model's reference is missing or altered.
    """
    has = ~np.isnan(judged.actual)
    known = judged.where(has)
    # A table without columns has no rows to choose from.
    mine = groups.filter(pa.array(has)) if groups.column_names else groups
    others = baselines.baselines(pinned, known, mine)
    notes = [] if others else ["no baselines: the model was registered without --outcome"]
    found = overall({**_coverage(has), **_beside(known, others), **_training(pinned)})
    compared = {}
    for column in groups.column_names:
        codes, names = _codes(groups[column])
        if len(names) > MAX_SLICE_VALUES:
            notes.append(f"no slice by {column}: it has more than {MAX_SLICE_VALUES} values")
            continue
        compared[column] = {name: known.where(codes[has] == code) for code, name in names.items()}
        for code, name in names.items():
            theirs = {other: one.where(codes[has] == code) for other, one in others.items()}
            told = {**_coverage(has[codes == code]), **_group(compared[column][name], theirs, rule)}
            found |= {(column, name, metric): value for metric, value in told.items()}
    gaps = fairness.gaps(compared, rule)
    found |= overall(dict(_gaps(gaps)))
    return Quality({key: value for key, value in found.items() if np.isfinite(value)}, gaps, tuple(notes))


def _coverage(has: npt.NDArray[np.bool_]) -> dict[str, float]:
    share = {"coverage": float(has.mean())} if len(has) else {}
    return {"sampled": float(len(has)), "outcomes": float(has.sum()), **share}


def _group(known: Judged, others: Mapping[str, Judged], rule: OutcomesSection) -> dict[str, float]:
    """Figures of a group; of a small one its counts and rates, whose intervals say how little they say."""
    if len(known) < rule.min_group:
        return {"small": 1.0, **counted(known)}
    return {"small": 0.0, **_beside(known, others)}


def _beside(known: Judged, others: Mapping[str, Judged]) -> dict[str, float]:
    """A model's figures, and how it fares against the baselines."""
    found = figures(known)
    for name, other in others.items() if found else ():
        theirs = losses(other)
        found |= {f"{metric}:{name}": value for metric, value in theirs.items()}
        gained = baselines.skill(found, theirs)
        found |= {} if gained is None else {f"skill:{name}": gained}
    return found


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
