"""What the evidence for a promotion says, for people, and what there is to do next."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from pipeline.challenger import paired_test, sentences
from pipeline.model.manifest import PinnedVersion, numbered
from pipeline.monitoring.first_run.evidence import Challenged, Drift, JobEvidence
from pipeline.monitoring.first_run.movement import LEAST_DATES
from pipeline.promotion.evidence import Gathered
from pipeline.promotion.promote import AliasChange

# The alias that a job's fallback serves.
_PREVIOUS = "champion_previous"


def of(wanted: AliasChange, gathered: Sequence[Gathered]) -> Iterator[str]:
    """The evidence: a few sentences a job."""
    former, version = wanted.former.manifest.version, wanted.pinned.manifest.version
    yield (
        f"{wanted.name}: {wanted.alias} is version {former}, and would be version {version}, which loads and gives "
        "its golden rows their scores."
    )
    if not gathered:
        yield f"No job follows {wanted.alias} of {wanted.name}, so there is nothing to compare the versions on."
    for each in gathered:
        yield f"{each.job.name}:"
        if each.evidence and each.evidence.challenger:
            yield f"  {_challenged(each.evidence, each.evidence.challenger, former, wanted.pinned)}"
        if each.evidence and each.compared:
            yield from (f"  {sentence}" for sentence in sentences.of(each.compared))
            yield from (f"  {sentence}" for sentence in _moves(each.evidence, former, version))
        yield from (f"  {note}" for note in each.notes)


def next_steps(wanted: AliasChange, gathered: Sequence[Gathered], path: Path, home: Path) -> Iterator[str]:
    """What to do when the line has changed."""
    yield f"The evidence is kept: {path.relative_to(home)}"
    yield (
        f"Commit models/{wanted.name}, have it reviewed, and deploy it. To take it back: "
        f"scoring promote {wanted.name} --undo{_alias(wanted.alias)}"
    )
    for job in (each.job for each in gathered):
        if job.fallback == _PREVIOUS and wanted.alias != _PREVIOUS:
            yield (
                f"{job.name} falls back on {_PREVIOUS}, whose line stays as it is. Point it, too: "
                f'scoring promote {wanted.name} {wanted.former.manifest.version} --alias {_PREVIOUS} --reason "WHY"'
            )
    for each in gathered:
        if _is_without(each.evidence):
            yield (
                f"The first run of {each.job.name} is not held for its scores: too few dates say how far they may "
                "move. It is published with a finding."
            )


def undone(name: str, alias: str, former: int, version: int) -> Iterator[str]:
    """What to do when the line is as it was."""
    yield f"{name}: {alias} is version {former} again, and version {version} stays registered."
    yield (
        f"Commit models/{name}, have it reviewed, and deploy it. Dates that version {version} has published stay as "
        f"they are until `scoring rollback`, or `scoring score JOB DATE --model-version {former}`."
    )


def _challenged(evidence: JobEvidence, challenged: Challenged, former: int, pinned: PinnedVersion) -> str:
    """What the days as a challenger say; the dates of a replay are among them, or later."""
    test = challenged.paired
    together = paired_test.Paired(test.dates, test.mean, test.low, test.high, test.evidence, test.verdict)
    label = f"As the challenger from {challenged.first} to {challenged.last}, {pinned.manifest.label}"
    return sentences.verdict(label, numbered(former), evidence.loss, together)


def _moves(evidence: JobEvidence, former: int, version: int) -> Iterator[str]:
    relabelled = ""
    if evidence.relabelled is not None:
        count = round(evidence.relabelled * evidence.entities)
        relabelled = f", and {count} ({evidence.relabelled:.1%}) get another label"
    moved = round(evidence.decile_moved * evidence.entities)
    yield (
        f"Of {evidence.entities} entities {moved} ({evidence.decile_moved:.1%}) move to another tenth of their day's "
        f"scores{relabelled}."
    )
    yield _drift(former, evidence.former_drift)
    yield _drift(version, evidence.version_drift)


def _drift(version: int, drift: Drift) -> str:
    if not drift.of:
        return f"Training kept no scores of version {version}, so no run looks at their drift."
    return (
        f"Beside its training days, the scores of version {version} are unusual on {drift.unusual} of {drift.of} "
        "dates."
    )


def _is_without(evidence: JobEvidence | None) -> bool:
    return evidence is None or len(evidence.days) < LEAST_DATES


def _alias(alias: str) -> str:
    return "" if alias == "champion" else f" --alias {alias}"
