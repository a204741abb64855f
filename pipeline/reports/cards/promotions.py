"""The part of a card about promotions: the records beside the versions, as `scoring promote` left them."""

from collections.abc import Container, Iterator
from pathlib import Path

from pipeline.model import registry
from pipeline.model.manifest import PinnedVersion
from pipeline.monitoring.first_run import record
from pipeline.monitoring.first_run.evidence import JobEvidence, Paired
from pipeline.monitoring.first_run.record import EvidenceError, Promotion


def lines(home: Path, pinned: PinnedVersion, shown: Container[str] | None) -> Iterator[str]:
    """Which aliases name a version, and on what evidence they were pointed at it, in Markdown.

    Args:
        home: the folder that holds models/.
        pinned: the version.
        shown: the jobs whose evidence its reader may see; None for all.
    """
    manifest = pinned.manifest
    _, aliases = registry.versions(home, manifest.name)
    named = [alias for alias, version in aliases.items() if version == manifest.version]
    yield f"Aliases that name it: {', '.join(named) or 'none'}.\n"
    pattern = record.path(home, manifest.name, "*", manifest.version)
    known = 0
    for path in sorted(pattern.parent.glob(pattern.name)):
        alias = path.stem.rpartition("-")[0]
        try:
            promotion = record.read(home, alias, pinned)
        except EvidenceError as error:
            yield f"- {error}"
            continue
        if promotion:
            known += 1
            yield from _promotion(promotion, aliases.get(alias), shown)
    if not known:
        yield "No evidence of a promotion is recorded."


def _promotion(promotion: Promotion, now: int | None, shown: Container[str] | None) -> Iterator[str]:
    because = f", because: {' '.join(promotion.reason.split())}" if promotion.reason else ""
    moved = "" if now == promotion.version else f" By now {promotion.alias} names {now or 'nothing'}."
    yield f"- {promotion.by} promoted it to {promotion.alias} after version {promotion.former}{because}.{moved}"
    for evidence in promotion.jobs:
        if shown is not None and evidence.job not in shown:
            continue
        yield from (f"  - {evidence.job}: {line}" for line in _evidence(evidence))
    if not promotion.jobs:
        yield "  - without evidence"


def _evidence(evidence: JobEvidence) -> Iterator[str]:
    if beside := evidence.challenger:
        yield f"as the challenger from {beside.first} to {beside.last} {_test(evidence.loss, beside.paired)}"
    if not evidence.entities:
        yield "no date could be replayed"
        return
    losing = ", ".join(f"{group.column} {group.value}" for group in evidence.losing) or "none"
    yield (
        f"{_test(evidence.loss, evidence.paired)}; groups in which it is worse: {losing}; "
        f"{evidence.decile_moved:.1%} of entities move to another tenth"
    )


def _test(loss: str, paired: Paired) -> str:
    between = ""
    if paired.low is not None and paired.high is not None:
        between = f" ({-paired.high:+.4f} to {-paired.low:+.4f})"
    return f"{paired.verdict} on {paired.dates} dates, {loss} {-paired.mean:+.4f} a day{between}"
