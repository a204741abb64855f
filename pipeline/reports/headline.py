"""The headline of a run: what a person must know in ten seconds."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from pipeline.reports import alarms
from pipeline.reports.alarms import Alarm
from pipeline.reports.queries import Record, Row


@dataclass(frozen=True)
class Headline:
    """What became of a run.

    Attributes:
        level: good, warn, bad, or none while there is nothing to describe.
        sentence: one.
        reasons: findings, and why it failed.
    """

    level: str
    sentence: str
    reasons: tuple[str, ...] = ()


def describe(record: Record) -> Headline:
    """The headline of a run: of its findings, its outcomes and its promise none goes unsaid."""
    run = record.run
    findings = list(alarms.of_findings(run["findings"]))
    late = alarms.of_late(record.late)
    later = [*alarms.of_outcomes(record.outcomes), *late, *alarms.of_promise(record.promise)]
    reasons = tuple(alarm.sentence for alarm in (*findings, *later))
    if run["status_reason"] and (run["status"] == "failed" or not findings):
        reasons = (run["status_reason"], *reasons)
    if run["dry_run"]:
        level, sentence = _DRY.get(run["status"], ("none", "A dry run"))
        return Headline(level, f"{sentence}: {_rows(run)}. A dry run is never published.", reasons)
    if run["status"] != "published":
        level, sentence = _unpublished(run)
        broken = alarms.of_promise(record.promise) if run["status"] in _OPEN else ()
        return Headline(level, f"{sentence}{_to_check(broken)}", reasons)
    level, sentence = _published(run)
    # Whoever approved it knew what was found, and not what came out later.
    check = later if run["decided_by"] else [*findings, *later]
    if level == "good" and not check:
        return Headline(level, f"{sentence}, nothing unusual.", reasons)
    return Headline("warn", f"{sentence}.{_to_check(check)}", reasons)


def _published(run: Row) -> tuple[str, str]:
    rows = _rows(run)
    if run["served_by"] == "last_published":
        scores = _again(run["score_date"], run["source_run_id"], run["staleness_days"])
        return "warn", f"The run failed, and its fallback shows {scores}: {rows}"
    if run["served_by"] == "champion_previous":
        return (
            "warn",
            f"The run failed, and analysts see scores of the champion's predecessor instead: {rows}",
        )
    if run["decided_by"]:
        return "warn", f"Held, and then approved by {run['decided_by']}: {rows}"
    if run["failed_run_id"] and run["shown_run_id"] == run["run_id"]:
        return "warn", f"Published, and run {run['failed_run_id']}, which was to replace it, failed: {rows}"
    return "good", f"Published: {rows}"


def _to_check(found: Iterable[Alarm]) -> str:
    """What to look at in a few words, each once."""
    words = ", ".join(dict.fromkeys(alarm.word for alarm in found))
    return f" To check: {words}." if words else ""


def _unpublished(run: Row) -> tuple[str, str]:
    level, sentence = _LEVELS[run["status"]]
    if run["status"] == "abandoned" and run["decided_by"]:
        level, sentence = "bad", f"Held, and then rejected by {run['decided_by']}"
    if run["status"] == "abandoned" and run["rows_extracted"] == 0:
        return "none", f"The query gave no rows, and nothing was published.{_shown(run)}"
    return level, f"{sentence}: {_rows(run)}.{_shown(run)}"


def _shown(run: Row) -> str:
    shown = run["shown_run_id"]
    if shown and run["shown_served_by"] == "last_published":
        scores = _again(run["score_date"], shown, run["shown_staleness_days"])
        return f" The job's fallback replaces it: analysts see {scores}."
    if shown and run["shown_served_by"] == "champion_previous":
        version = run["shown_model_version"]
        return f" The job's fallback replaces it: analysts see the scores of model version {version} (run {shown})."
    if shown:
        return f" Analysts see run {shown}."
    return " Analysts see nothing for this score date." if run["status"] in ("held", "failed") else ""


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
    "superseded": ("none", "Was published, and another run has replaced it"),
}
# While a promise of theirs may be broken, and somebody can still do something.
_OPEN = ("running", "held", "failed")
_DRY = {
    "running": ("none", "A dry run, not finished"),
    "failed": ("bad", "A dry run that failed"),
    "held": ("warn", "A dry run that would be held"),
}
