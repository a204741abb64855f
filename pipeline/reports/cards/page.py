"""The card of the version that a run has, as a page: for whoever may see the run, and of the jobs that they may see."""

from collections.abc import Container
from pathlib import Path

from pipeline.errors import ScoringError
from pipeline.model import registry
from pipeline.reports import render
from pipeline.reports.cards import card, quality
from pipeline.reports.links import Links
from pipeline.reports.sections.model_card import html


def of_run(predictions: str, home: Path, run_id: int, shown: Container[str], links: Links) -> str:
    """Write the page.

    Args:
        predictions: address of the predictions database, as any role that may read the views.
        home: the folder that holds models/.
        run_id: the run, which its reader may see.
        shown: the jobs that its reader may see: what others have published by the version is left out.
        links: where other pages are.

    Raises:
        NoSuchRun: there is none of that number.
    """
    run = quality.run(predictions, run_id)
    written = records = reason = None
    if run["model_version"] is None:
        reason = f"Run {run_id} failed before it loaded a version of its model, so there is no card."
    else:
        try:
            pinned = registry.resolve(home, run["model_name"], "", run["model_version"])
            published = quality.read(predictions, run["model_name"], run["model_version"])
            jobs = [job for job in published if job.name in shown]
            written = html(card.written(pinned))
            records = html(card.records(home, pinned, jobs, shown))
        except ScoringError as error:
            reason = f"The card cannot be read: {error}"
    return render.page(
        "card.html.jinja",
        run=run,
        ways=[("Scoring", links.scoring), ("Report", links.report(run["job"], run_id))],
        reason=reason,
        written=written,
        records=records,
    )
