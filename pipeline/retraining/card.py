"""A candidate's model card: which data, which code, how good out of fold, and what that does not say."""

from collections.abc import Iterator, Mapping
from typing import Any

from pipeline.config.job import Job
from pipeline.model.manifest import Manifest
from pipeline.retraining.rows import TrainingRows
from pipeline.retraining.team_code import TeamCode

_NAMES = {
    "candidate": "this model",
    "base_rate": "the rate of the training rows",
    "group_rate": "the same by group",
    "champion": "the champion",
}


def written(
    job: Job, read: TrainingRows, code: TeamCode, manifest: Manifest, figures: Mapping[str, Any]
) -> str:
    """The card, Markdown.

    Args:
        job: the job that had it trained.
        read: the rows that it was trained on.
        code: what trained it.
        manifest: of the candidate.
        figures: its evaluation.
    """
    query = (job.training.query if job.training else None) or job.extract.query
    return "\n".join(
        [
            f"# {job.model.name}: trained again",
            "",
            f"A {manifest.task} model of {len(manifest.columns)} features: {job.description}.",
            "",
            "## Data and code",
            "",
            f"- {read.labelled:,} rows with an outcome, of {read.rows:,}, from {read.first} to {read.last}. SHA-256 of "
            f"their file: `{read.sha256}`.",
            f"- `sql/{query}`, asked for each score date as a run asks it. SHA-256: `{read.query_sha256}`.",
            f"- `{code.function}` and the modules beside it. SHA-256: `{code.sha256}`.",
            *(f"- {note}" for note in read.notes),
            "",
            "## Figures",
            "",
            f"Out of fold, by whole score dates: {figures['folds']} folds, {figures['dates']} dates, "
            f"{figures['rows']:,} rows.",
            "",
            *table(figures),
            "",
            *beside(figures),
            "",
            "A fold's model has seen dates after those that it is tested on. Expect a little less of dates to come.",
            "",
        ]
    )


def table(figures: Mapping[str, Any]) -> Iterator[str]:
    """A Markdown table of those that are compared, a line each."""
    compared = {name: figures[key] for key, name in _NAMES.items() if key in figures}
    names = list(next(iter(compared.values())))
    yield f"| | {' | '.join(name.replace('_', ' ') for name in names)} |"
    yield "|---" * (len(names) + 1) + "|"
    for name, values in compared.items():
        cells = (f"{values[each]:.4f}" if each in values else "" for each in names)
        yield f"| {name} | {' | '.join(cells)} |"


def beside(figures: Mapping[str, Any]) -> Iterator[str]:
    """How it stands beside the champion, or why nobody can say."""
    compared = figures.get("beside_champion")
    if compared is None:
        yield str(figures["champion_note"])
        return
    yield (
        f"Beside the champion, version {compared['version']}, on {compared['dates']} dates that it was not trained on, "
        f"{compared['rows']:,} rows:"
    )
    yield ""
    yield from table(compared)
