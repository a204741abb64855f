"""What `make demo` tells: five real score dates, what became of each, and what to try next."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import sqlalchemy as sa
from rich.table import Table
from rich.text import Text

from pipeline.databases import statements
from pipeline.databases.postgres import engine

# Score date -> what kind of day it was. The model has seen none of them: it was trained on January to June.
SCORE_DATES: Mapping[date, str] = {
    date(2013, 7, 1): "Monday",
    date(2013, 7, 2): "Tuesday",
    date(2013, 7, 3): "Wednesday",
    date(2013, 11, 27): "the storm before Thanksgiving",
    date(2013, 11, 28): "Thanksgiving",
}

_SQL = statements.load("local/story")
_REASON = "Thanksgiving has fewer flights than any other day"


@dataclass(frozen=True)
class Chapter:
    """What became of a score date.

    Attributes:
        run_id: its run.
        score_date: the date.
        status: of the run.
        decided_by: who decided on it, where it was held.
        rows_extracted: rows of the warehouse.
        rows_rejected: those that broke the model's contract.
        auc: of the published scores, once the outcomes are measured.
        held: why the gate holds it.
        findings: all that was unusual.
    """

    run_id: int
    score_date: date
    status: str
    decided_by: str | None
    rows_extracted: int
    rows_rejected: int
    auc: float | None
    held: Sequence[str]
    findings: Sequence[str]

    @property
    def verdict(self) -> str:
        """What became of it, in a sentence."""
        if self.status == "held":
            return f"held: {'; '.join(self.held)}"
        if self.decided_by:
            decision = "approved" if self.status == "published" else "rejected"
            return f"held, then {decision} by {self.decided_by}"
        if self.findings:
            unusual = "; ".join(finding.removeprefix("unusual features: ") for finding in self.findings)
            return f"published, but unusual: {unusual}"
        return "published as usual"


def read(database_url: str, job: str) -> list[Chapter]:
    """What became of the score dates so far, by run.

    Args:
        database_url: the predictions database, as somebody who reads runs, findings and outcomes.
        job: the job.
    """
    values = {"job": job, "score_dates": list(SCORE_DATES)}
    with engine(database_url).connect() as session:
        if session.execute(sa.text("SELECT to_regclass('scoring.scoring_runs')")).scalar_one() is None:
            return []
        rows = session.execute(sa.text(_SQL["score_dates"]), values).mappings().all()
    return [Chapter(**row) for row in rows]


def missing(chapters: Sequence[Chapter]) -> list[date]:
    """Score dates of which nothing is published, held or decided yet."""
    there = {one.score_date for one in chapters}
    return [score_date for score_date in SCORE_DATES if score_date not in there]


def is_told(chapters: Sequence[Chapter]) -> bool:
    """Whether nothing is left to run."""
    return not missing(chapters) and not unmeasured(chapters)


def unmeasured(chapters: Sequence[Chapter]) -> list[date]:
    """Score dates that are published, and whose outcomes are not measured yet."""
    return [one.score_date for one in chapters if one.status == "published" and one.auc is None]


def table(chapters: Sequence[Chapter]) -> Table:
    """A line a score date."""
    shown = Table(box=None, header_style="bold", pad_edge=False)
    shown.add_column("run", justify="right")
    shown.add_column("score date", no_wrap=True)
    for heading in ("rows", "rejected", "AUC"):
        shown.add_column(heading, justify="right", no_wrap=True)
    shown.add_column("verdict", min_width=20)
    for one in chapters:
        shown.add_row(
            str(one.run_id),
            str(one.score_date),
            f"{one.rows_extracted:,}",
            str(one.rows_rejected),
            "" if one.auc is None else f"{one.auc:.3f}",
            Text(f"{SCORE_DATES[one.score_date]}: {one.verdict}"),
        )
    return shown


def most_unusual(chapters: Sequence[Chapter]) -> int:
    """The run whose report says most: the first published one with a finding, else the last."""
    unusual = [one.run_id for one in chapters if one.status == "published" and one.findings]
    return unusual[0] if unusual else chapters[-1].run_id


def commands(chapters: Sequence[Chapter], job: str) -> dict[str, str]:
    """Five commands that succeed as things are, and what each shows."""
    published = [one.run_id for one in chapters if one.status == "published"]
    first, second = (published * 2)[:2]
    held = [one.run_id for one in chapters if one.status == "held"]
    last = chapters[-1].run_id
    return {
        f"runs {job}": "every run, the newest first",
        f"diff {first} {second}": "what differs between two runs",
        f"reproduce {first}": "the same scores again, bit for bit",
        f"show {most_unusual(chapters)}": "all that is known of a run",
        **(
            {f'approve {held[0]} --reason "{_REASON}"': "publish what is held"}
            if held
            else {f"report {last}": "a run's report, as one HTML file"}
        ),
    }


def write_report(database_url: str, home: Path, folder: Path, run_id: int) -> Path:
    """Write a run's report into a folder; returns the file."""
    from pipeline.reports.report import report

    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"run-{run_id}.html"
    path.write_text(report(database_url, home, run_id), encoding="utf-8")
    return path
