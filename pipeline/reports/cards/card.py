"""The card of a version as it is today: what its people wrote, what it was made of, and how it has done since.

The text of the version's people, MODEL_CARD.md, stays as it is and comes first. What nobody recorded is said to be
missing.
"""

from collections.abc import Container, Iterator, Mapping, Sequence
from pathlib import Path

from pipeline.errors import ScoringError
from pipeline.model import files, registry
from pipeline.model.manifest import LOCK, PinnedVersion
from pipeline.monitoring import references
from pipeline.reports.cards import promotions
from pipeline.reports.cards.quality import RUNS, Group, Job
from pipeline.reports.pictures.calibration import interval
from pipeline.text_files import TextError, decoded

_MISSING = "not recorded"


def card(home: Path, name: str, version: int, jobs: Sequence[Job] | str) -> str:
    """The card, in Markdown: the words of its people, and its records.

    Args:
        home: the folder that holds models/.
        name: the model's name.
        version: the version.
        jobs: what each job has published by it; or why that is not known, in a sentence.

    Raises:
        ModelError: there is no such version, or its manifest cannot be read.
    """
    pinned = registry.resolve(home, name, "", version)
    below = f"---\n\nBelow: {pinned.manifest.label} by its records, as `scoring card` reads them.\n\n"
    return f"{written(pinned)}\n\n{below}{records(home, pinned, jobs)}"


def written(pinned: PinnedVersion) -> str:
    """The text of the version's people; it is theirs to say what the model is for."""
    path = pinned.folder / "MODEL_CARD.md"
    try:
        return decoded(files.read_once(path)).strip()
    except (ScoringError, TextError):
        return (
            f"# {pinned.manifest.label}\n\nNobody wrote a card: {path.name} is missing, so no use is stated."
        )


def records(
    home: Path, pinned: PinnedVersion, jobs: Sequence[Job] | str, shown: Container[str] | None = None
) -> str:
    """What is recorded of a version, in Markdown.

    Args:
        home: the folder that holds models/.
        pinned: the version.
        jobs: what each job has published by it; or why that is not known, in a sentence.
        shown: the jobs whose evidence its reader may see; None for all.
    """
    sections = (
        "## What it was made of\n",
        *_made_of(pinned),
        "\n## Figures when it was registered\n",
        *_figures(pinned),
        "\n## Published so far\n",
        *([jobs] if isinstance(jobs, str) else _published(jobs)),
        "\n## Promotion\n",
        *promotions.lines(home, pinned, shown),
    )
    return "\n".join(sections) + "\n"


def _made_of(pinned: PinnedVersion) -> Iterator[str]:
    manifest = pinned.manifest
    start, end = manifest.training_start, manifest.training_end
    values = {
        "task": f"{manifest.task}, {len(manifest.columns)} features",
        "classes": ", ".join(manifest.classes) if manifest.task != "regression" else "",
        "outcome": manifest.outcome or _MISSING,
        "training dates": f"{start} to {end}" if start and end else _MISSING,
        "training rows": _rows(pinned),
        "query of the training rows": _MISSING,
        "registered": manifest.created_at,
        "copied from": manifest.source,
        "artefact": f"{manifest.artefact}, SHA-256 {pinned.sha256}",
        "reference": f"{manifest.reference_rows} rows, SHA-256 {manifest.reference_sha256}",
        "profile": f"SHA-256 {manifest.profile_sha256}" if manifest.profile_sha256 else _MISSING,
        "lock of the environment": f"{LOCK}, SHA-256 {manifest.lock_sha256}"
        if manifest.lock_sha256
        else _MISSING,
        "Python": manifest.python or _MISSING,
        "libraries": ", ".join(f"{library} {of}" for library, of in manifest.libraries.items()) or _MISSING,
        "modules of its own": _digests({**manifest.modules, **manifest.code}) or "none",
    }
    yield from _table(("of", "is"), ((of, value) for of, value in values.items() if value))


def _rows(pinned: PinnedVersion) -> str:
    """How many rows the profile has counted."""
    try:
        reference = references.load(pinned)
    except ScoringError as error:
        return f"not known: {error}"
    if not reference.training_days:
        return f"{_MISSING}: registered without training days"
    return f"{int(reference.rows.sum())} on {len(reference.training_days)} days, as profiled"


def _digests(digests: Mapping[str, str]) -> str:
    return ", ".join(f"{name} (SHA-256 {digest[:12]})" for name, digest in digests.items())


def _figures(pinned: PinnedVersion) -> Iterator[str]:
    metrics = pinned.manifest.metrics
    if not metrics:
        yield "None were given."
        return
    yield from _table(("figure", "value"), ((name, f"{value:.4g}") for name, value in metrics.items()))


def _published(jobs: Sequence[Job]) -> Iterator[str]:
    if not jobs:
        yield "No run of this version is published."
    for job in jobs:
        yield f"### {job.name}\n"
        yield (
            f"The last {len(job.dates)} published dates that it scored (at most {RUNS}), {min(job.dates)} to "
            f"{max(job.dates)}; {job.measured} of them have outcomes that count.\n"
        )
        if job.in_sample:
            yield f"{job.in_sample} more have outcomes of dates on which it was trained, which are left out.\n"
        if job.measured:
            yield f"Quality alarm on {job.alarms} of {job.measured} measured dates.\n"
            yield from _filled(_HEADINGS, [_cells(group) for group in job.groups])
            yield "\nIntervals are Wilson's, 95 %, as if entities were independent of one another.\n"
        else:
            yield "How good the scores were is not known.\n"
        findings = ", ".join(f"{check} on {number}" for check, number in job.findings.items())
        yield f"Findings of the gate: {findings or 'none'}."


def _cells(group: Group) -> tuple[str, ...]:
    value = "all" if not group.column else f"{group.column}: {'none' if group.value is None else group.value}"
    accuracy = group.figures.get("accuracy")
    cells = [value, str(group.outcomes)]
    if accuracy is None:
        cells.append("")
    else:
        low, high = interval(accuracy, group.outcomes)
        cells.append(f"{accuracy:.1%} ({100 * low:.1f} to {100 * high:.1f})")
    others = map(group.figures.get, ("log_loss", "roc_auc", "mae", "rmse"))
    return (*cells, *("" if figure is None else f"{figure:.4g}" for figure in others))


def _table(headings: Sequence[str], rows: Iterator[Sequence[str]]) -> Iterator[str]:
    yield _line(headings)
    yield _line(["---"] * len(headings))
    yield from map(_line, rows)


def _filled(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """A table without the columns in which no row has anything, such as a regression's of a classifier."""
    places = [place for place in range(len(headings)) if any(row[place] for row in rows)]
    yield from _table(
        [headings[place] for place in places], ([row[place] for place in places] for row in rows)
    )


def _line(cells: Sequence[str]) -> str:
    escaped = (cell.replace("\\", "\\\\").replace("|", "\\|").replace("\n", " ") for cell in cells)
    return f"| {' | '.join(escaped)} |"


_HEADINGS = ("entities", "outcomes", "accuracy", "log loss", "ROC AUC", "MAE", "RMSE")
