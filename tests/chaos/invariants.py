"""What holds after every trial, whatever has befallen the night; where it does not, the kind of harm."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import psycopg

from pipeline.store.layout import RunRef
from tests.chaos.lane import Edition, Json, Lane
from tests.chaos.night import Night
from tests.chaos.readers import Sight, look
from tests.chaos.trials import CHALLENGE

KINDS = ("lost", "doubled", "stale", "torn", "mixed", "unaccounted", "untidy")


@dataclass(frozen=True)
class Harm:
    """Something that should not be.

    Attributes:
        kind: lost, doubled, stale, torn, mixed (of two deployments), unaccounted (a challenger's scores); untidy harms
            no analyst, as a file left over.
        count: how many; reads where it is torn.
        text: what was seen.
    """

    kind: str
    count: int
    text: str


def of_reads(sights: Sequence[Sight], before: Edition | None, wanted: Edition) -> Iterator[Harm]:
    """What readers saw that they should not: anything but the whole old night and then the whole new one.

    Args:
        sights: what was seen, in order.
        before: what was published when the trial began; None: nothing.
        wanted: what the trial publishes.
    """
    newest, shown = 0, before is not None
    for sight in sights:
        if not sight.rows:
            if shown:
                yield Harm("torn", sight.reads, f"the night has vanished: {sight}")
            continue
        shown = True
        whole = {
            (edition.rows_scored, edition.rows_scored, 1, edition.digest)
            for edition in (before, wanted)
            if edition
        }
        if (sight.rows, sight.entities, sight.runs, sight.digest) not in whole:
            yield Harm("torn", sight.reads, f"neither the old night nor the new one: {sight}")
        elif (sight.run_id or 0) < newest:
            yield Harm("stale", sight.reads, f"run {newest} was seen before: {sight}")
        newest = max(newest, sight.run_id or 0)


def of_night(lane: Lane, wanted: Edition, *, challenged: bool) -> Iterator[Harm]:
    """What is wrong with a night that has ended.

    Args:
        lane: where it was.
        wanted: what an undisturbed run makes of it, without a challenger.
        challenged: whether its challenger has scored it, too.
    """
    state = seen(lane)
    if state.entities < wanted.rows_scored:
        yield Harm("lost", wanted.rows_scored - state.entities, f"{state}, expected {wanted}")
    if state.rows > state.entities:
        yield Harm("doubled", state.rows - state.entities, f"{state}, expected {wanted}")
    if state.digest != wanted.digest:
        yield Harm("stale", 1, f"not the scores of an undisturbed run: {state}, expected {wanted}")
    if lane.writer == "pipeline":
        yield from _of_ledger(lane, wanted)
        yield from _of_store(lane)
    if challenged:
        yield from _of_challenger(lane)


def of_deployments(lane: Lane, nights: Sequence[Night]) -> Iterator[Harm]:
    """Whether the published run was worked on where anything else was deployed than its row names."""
    for run in lane.sql(_DEPLOYED):
        number, recorded = run.pop("run_id"), run
        mixed = [
            f"{stage} found {outcome.found}"
            for night in nights
            for stage, given, outcome in night.finished
            if stage not in CHALLENGE
            and _run_of(stage, given, outcome.value) == number
            and outcome.found != recorded
        ]
        if mixed:
            yield Harm("mixed", len(mixed), f"run {number} is of {recorded}: {'; '.join(mixed)}")


def _run_of(stage: str, given: Json, value: Json) -> int:
    """The run that a task worked on."""
    if stage in ("extract", "score"):
        return int(value["run_id"])
    [handed] = [given[name] for name in ("run", "work", "scored") if name in given]
    return int(handed["run_id"])


def seen(lane: Lane) -> Sight:
    """The lane's night, as a reader sees it now."""
    with psycopg.connect(lane.home.server.connections["analyst"]) as session:
        return look(session, lane.relation, lane.job, lane.day.isoformat())


def _of_ledger(lane: Lane, wanted: Edition) -> Iterator[Harm]:
    runs = lane.sql(_PUBLISHED)
    if len(runs) != 1 or not runs[0]["current"]:
        yield Harm("doubled" if len(runs) > 1 else "lost", 1, f"published runs: {runs}")
    for run in runs:
        counted = (run["rows_extracted"], run["rows_rejected"], run["rows_scored"])
        expected = (wanted.rows_extracted, wanted.rows_extracted - wanted.rows_scored, wanted.rows_scored)
        if counted != expected:
            yield Harm("stale", 1, f"run {run['run_id']} counts {counted}, expected {expected}")
        for line in lane.sql(_PARTS, run_id=run["run_id"]):
            yield Harm("lost", 1, f"run {run['run_id']}, a part that does not add up: {line}")
        if parts(lane) != wanted.parts:
            yield Harm("stale", 1, f"run {run['run_id']} has other parts than one without a challenger")


def parts(lane: Lane) -> tuple[Json, ...]:
    """The ledger of the published run's parts, with the digests of what the champion got and gave."""
    return tuple(lane.sql(_LEDGER))


def _of_challenger(lane: Lane) -> Iterator[Harm]:
    """Whether the published run's challenger has scored all of its rows, and its files are those that are noted."""
    for run in lane.sql(_PUBLISHED):
        challenges = lane.sql(
            "SELECT status, reason FROM scoring.challenges WHERE run_id = :id", id=run["run_id"]
        )
        if [each["status"] for each in challenges] != ["scored"]:
            yield Harm(
                "unaccounted", 1, f"run {run['run_id']} was not scored by its challenger: {challenges}"
            )
            continue
        ref = RunRef(lane.job, lane.day, run["run_id"])
        for line in lane.sql(_CHALLENGED, id=run["run_id"]):
            file = Path(lane.home.store, ref.challenger(line["part"]))
            digest = sha256(file.read_bytes()).hexdigest() if file.exists() else "no file"
            if line["rows"] != line["challenged"] or digest != line["sha256"]:
                yield Harm("unaccounted", 1, f"run {run['run_id']}: {line}, and the file is {digest}")


def _of_store(lane: Lane) -> Iterator[Harm]:
    for run in lane.sql(_PUBLISHED):
        folder = Path(lane.home.store, RunRef(lane.job, lane.day, run["run_id"]).folder)
        left = sorted(path.name for path in folder.glob("*.tmp"))
        if left:
            yield Harm("untidy", len(left), f"left in the folder of run {run['run_id']}: {left}")


_DEPLOYED = """
SELECT run_id, code_version, job_sha256, query_sha256
FROM scoring.scoring_runs WHERE job = :job AND score_date = :day AND status = 'published'
"""
_PUBLISHED = """
SELECT run.run_id, run.rows_extracted, run.rows_rejected, run.rows_scored, current.run_id IS NOT NULL AS current
FROM scoring.scoring_runs AS run LEFT JOIN scoring.current_runs AS current USING (job, score_date, run_id)
WHERE run.job = :job AND run.score_date = :day AND run.status = 'published'
"""
_LEDGER = """
SELECT part, rows_extracted, rows_rejected, rows_scored, input_sha256, scored_sha256
FROM scoring.run_parts
WHERE run_id IN (SELECT run_id FROM scoring.current_runs WHERE job = :job AND score_date = :day) ORDER BY part
"""
_CHALLENGED = """
SELECT part, line.rows_scored AS rows, noted.rows_scored + noted.rows_rejected AS challenged, noted.sha256
FROM (SELECT * FROM scoring.run_parts WHERE run_id = :id) AS line
FULL JOIN (SELECT * FROM scoring.challenge_parts WHERE run_id = :id) AS noted USING (part)
"""
# Every part: extracted = scored + rejected, by the ledger, by the rows themselves, and by the rejected rows.
_PARTS = """
WITH found AS (
    SELECT part, count(*) AS rows FROM scoring.prediction_rows
    WHERE run_id = :run_id AND score_date = :day GROUP BY part
), rejected AS (
    SELECT part, count(DISTINCT row_number) AS rows, count(*) AS lines
    FROM scoring.rejected_rows WHERE run_id = :run_id GROUP BY part
)
SELECT part, ledger.*, found.rows AS found, rejected.rows AS rejected
FROM (SELECT * FROM scoring.run_parts WHERE run_id = :run_id) AS ledger
FULL JOIN found USING (part) FULL JOIN rejected USING (part)
WHERE ledger.rows_extracted IS DISTINCT FROM ledger.rows_scored + ledger.rows_rejected
   OR coalesce(found.rows, 0) IS DISTINCT FROM ledger.rows_scored
   OR coalesce(rejected.rows, 0) IS DISTINCT FROM ledger.rows_rejected OR rejected.rows <> rejected.lines
"""
