"""The verdict on a run: what a person must know in ten seconds."""

from dataclasses import dataclass
from datetime import date, timedelta

from pipeline.reports.queries import Row


@dataclass(frozen=True)
class Verdict:
    """What became of a run.

    Attributes:
        level: good, warn, bad, or none while there is nothing to judge.
        sentence: one.
        reasons: what the database says of it, if more.
    """

    level: str
    sentence: str
    reasons: tuple[str, ...] = ()


def judge(run: Row) -> Verdict:
    """The verdict on a run."""
    reasons = tuple(finding["message"] for finding in run["findings"])
    if run["status_reason"] and (run["status"] == "failed" or not reasons):
        reasons = (run["status_reason"], *reasons)
    if run["dry_run"]:
        level, said = _DRY.get(run["status"], ("none", "A dry run"))
        return Verdict(level, f"{said}: {_rows(run)}. Nothing of it is ever published.", reasons)
    level, said = _published(run) if run["status"] == "published" else _unpublished(run)
    return Verdict(level, said, reasons)


def _published(run: Row) -> tuple[str, str]:
    rows = _rows(run)
    if run["served_by"] == "last_published":
        scores = _again(run["score_date"], run["source_run_id"], run["staleness_days"])
        return "warn", f"The night failed, and its fallback shows {scores}: {rows}."
    if run["served_by"] == "champion_previous":
        told = "The night failed, and the scores of the champion's predecessor stand in for it"
        return "warn", f"{told}: {rows}."
    if run["decided_by"]:
        return "warn", f"Held, and then approved by {run['decided_by']}: {rows}."
    if run["failed_run_id"] and run["shown_run_id"] == run["run_id"]:
        told = f"Published, and run {run['failed_run_id']}, which was to take its place, failed"
        return "warn", f"{told}: {rows}."
    if run["findings"]:
        return "warn", f"Published, and something is unusual: {rows}."
    return "good", f"Published: {rows}, nothing unusual."


def _unpublished(run: Row) -> tuple[str, str]:
    level, said = _LEVELS[run["status"]]
    if run["status"] == "abandoned" and run["decided_by"]:
        level, said = "bad", f"Held, and then rejected by {run['decided_by']}"
    if run["status"] == "abandoned" and run["rows_extracted"] == 0:
        return "none", f"An empty night: the query gave no rows, and nothing was published.{_shown(run)}"
    return level, f"{said}: {_rows(run)}.{_shown(run)}"


def _shown(run: Row) -> str:
    shown = run["shown_run_id"]
    if shown and run["shown_served_by"] == "last_published":
        scores = _again(run["score_date"], shown, run["shown_staleness_days"])
        return f" The job's fallback stands in: analysts see {scores}."
    if shown and run["shown_served_by"] == "champion_previous":
        version = run["shown_model_version"]
        return f" The job's fallback stands in: analysts see the scores of model version {version} (run {shown})."
    if shown:
        return f" Analysts see run {shown}."
    return " Analysts see nothing of this night." if run["status"] in ("held", "failed") else ""


def _again(score_date: date, run_id: int, days: int) -> str:
    source = score_date - timedelta(days=days)
    return f"the scores of {source} again (run {run_id}, {days} day{'s' if days > 1 else ''} old)"


def _rows(run: Row) -> str:
    if run["rows_scored"] is None:
        return "no row is scored yet" if run["status"] == "running" else "no row was scored"
    return f"{run['rows_scored']:,} rows scored, {run['rows_rejected']:,} rejected"


_LEVELS = {
    "running": ("none", "Not finished"),
    "held": ("warn", "Held until a person decides"),
    "failed": ("bad", "Failed"),
    "abandoned": ("none", "Abandoned, and never published"),
    "superseded": ("none", "Was published, and another run has taken its place"),
}
_DRY = {
    "running": ("none", "A dry run, not finished"),
    "failed": ("bad", "A dry run that failed"),
    "held": ("warn", "A dry run that would be held"),
}
