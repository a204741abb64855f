"""Commands that compare runs, and find out where a score comes from."""

from dataclasses import asdict
from typing import Annotated, Any

import typer

from pipeline.cli import context
from pipeline.cli.console import FAILED, AsJson, err, out, print_json, print_table, progress_bar
from pipeline.cli.reasons import commands
from pipeline.cli.runs import RunId
from pipeline.config.fields import LAST_RUN
from pipeline.errors import UsageError
from pipeline.inspection.chain import verify as verify_chain
from pipeline.inspection.diff import Diff, compare
from pipeline.inspection.provenance import Score, Trace, changes, trace
from pipeline.inspection.reproduce import Reproduction
from pipeline.inspection.reproduce import reproduce as score_again

# More of them say no more than that nothing can be trusted.
_VIOLATIONS = 20


def diff(
    before: RunId,
    after: RunId,
    top: Annotated[int, typer.Option(min=0, max=1_000_000, help="How many of the largest changes.")] = 10,
    as_json: AsJson = False,
) -> None:
    """Compare two runs of a job: entities, scores, deciles, labels, the largest changes, the job's slices."""
    difference = compare(context.archive_workspace(), before, after, top=top)
    if as_json:
        print_json(asdict(difference))
        return
    print_diff(difference)
    for column in dict.fromkeys(row.column for row in difference.slices):
        _say(f"\nby {column}")
        rows = [asdict(row) for row in difference.slices if row.column == column]
        print_table([{column: row.pop("value"), **_without(row, "column")} for row in rows])
    for note in difference.notes:
        _say(note)


def print_diff(difference: Diff) -> None:
    """Print what differs between two runs, without slices."""
    for side, word in ((difference.before, "from"), (difference.after, "to")):
        _say(f"{word:4} run {side.run_id} of {difference.job} {side.score_date}, {side.status}")
    for sentence in difference.sentences():
        _say(sentence)
    if difference.largest:
        _say("\nlargest changes")
        print_table([{**asdict(row), "change": row.after - row.before} for row in difference.largest])


def reproduce(
    run_id: RunId,
    entity: Annotated[
        str | None,
        typer.Option(metavar="ID", help="One entity: all that made its score.", show_default=False),
    ] = None,
    against: Annotated[
        int | None,
        typer.Option(
            metavar="RUN2",
            min=1,
            max=LAST_RUN,
            help="Why its score is another than in this run.",
            show_default=False,
        ),
    ] = None,
    estimator: Annotated[
        bool, typer.Option("--estimator", help="Score with the estimator, also where it is compiled.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Score a run's kept parts again, and compare bit for bit with what was written; or explain one entity's score."""
    if entity is not None:
        _explain(run_id, entity, against, as_json)
        return
    if against is not None:
        raise UsageError("--against compares one entity in two runs: add --entity ID, or use `diff RUN RUN`")
    with progress_bar() as bar:
        task = bar.add_task("parts", total=None)
        reproduction = score_again(
            context.archive_workspace(),
            run_id,
            lambda done, total: bar.update(task, completed=done, total=total),
            compiled=not estimator,
        )
    if as_json:
        print_json({**asdict(reproduction), "passed": reproduction.passed})
    else:
        _print_reproduction(reproduction)
    if not reproduction.passed:
        raise typer.Exit(FAILED)


def _print_reproduction(reproduction: Reproduction) -> None:
    _say(
        f"run {reproduction.run_id} of {reproduction.job} {reproduction.score_date}: "
        f"{reproduction.rows} rows scored again"
    )
    if reproduction.predictor:
        _say(reproduction.predictor)
    for where, equal in reproduction.equal.items():
        _say(f"{where:12} {equal} rows equal, bit for bit")
    for problem in reproduction.problems:
        err.print(problem, style="red", highlight=False, markup=False, soft_wrap=True)
    if reproduction.differences:
        _say(f"\n{reproduction.differing} values differ, such as")
        print_table(
            [
                {**asdict(row), "then": _exact(row.then), "now": _exact(row.now)}
                for row in reproduction.differences
            ]
        )
    if reproduction.rounded:
        _say(
            f"{reproduction.rounded} values differ in their last bits. Rows of their parts were erased since, and the "
            "last bits may depend on how many rows are scored together"
        )
    if reproduction.notes:
        _say(f"not as it was then: {', '.join(map(str, reproduction.notes))}")
    _say("reproduced" if reproduction.passed else "NOT reproduced")


def _explain(run_id: int, entity: str, against: int | None, as_json: bool) -> None:
    workspace = context.archive_workspace()
    provenance = trace(workspace, run_id, entity)
    other = trace(workspace, against, entity) if against is not None else None
    moved = changes(other, provenance) if other else []
    if as_json:
        compared = (
            {"against": asdict(other), "changes": [asdict(change) for change in moved]} if other else {}
        )
        print_json({**asdict(provenance), **compared})
    else:
        _print_trace(provenance)
        if other:
            _say(f"\nagainst run {against}: {_outcome_text(other)} there, {_outcome_text(provenance)} here")
            print_table([asdict(change) for change in moved] or [{"what": "nothing changed"}])
    if provenance.kept and not as_json:
        commands.show_kept(workspace, run_id, entity)
    if provenance.equal is False or (provenance.kept and provenance.equal is None):
        raise typer.Exit(FAILED)


def _print_trace(trace: Trace) -> None:
    run = trace.run
    _say(f"{trace.entity_id} in run {run['run_id']} of {run['job']} {run['score_date']}, {run['status']}")
    document = {
        "score": _outcome_text(trace),
        "today": f"{_score_text(trace.again)}, {'equal' if trace.equal else 'NOT equal'}"
        if trace.again
        else None,
        "part": trace.part,
        "model": f"{run['model_name']} version {run['model_version']}, SHA-256 {run['model_sha256']}",
        "query": f"{trace.query_file or 'file is gone'}, SHA-256 {run['query_sha256']}",
        "code": _code(run),
        "job file": run["job_sha256"],
        "input": run["input_sha256"],
        "libraries": ", ".join(f"{name} {version}" for name, version in run["library_versions"].items()),
    }
    for name, value in document.items():
        if value is not None:
            _say(f"{name:10} {value}")
    for note in trace.notes:
        err.print(note, style="red", highlight=False, markup=False, soft_wrap=True)
    if trace.inputs:
        _say("\ninputs, as the model got them")
        print_table(
            [
                {"column": name, "value": _exact(value.value), "dtype": value.dtype}
                for name, value in trace.inputs.items()
            ]
        )
    if trace.query:
        _say(f"\n{trace.query.rstrip()}")
    elif trace.query_file:
        _say(f"{trace.query_file} has changed since: find the text of that digest in git")


def _code(run: dict[str, Any]) -> str:
    """The digest of the code that scored, and the version that it was of; runs before 0.1.0 name none."""
    version = run["pipeline_version"]
    return f"{run['code_version']}, version {version}" if version else str(run["code_version"])


def _outcome_text(trace: Trace) -> str:
    if trace.kept:
        return _score_text(trace.kept)
    return "rejected: " + ", ".join(f"{row.column_name} {row.rule}" for row in trace.rejected)


def _score_text(score: Score) -> str:
    return _exact(score.score) + (f", label {score.label}" if score.label is not None else "")


def _exact(value: Any) -> str:
    """All the digits that tell one float from another."""
    return "none" if value is None else str(value)


def _without(row: dict[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != key}


def verify(
    head: Annotated[
        str | None,
        typer.Option(
            metavar="HASH",
            help="A hash that an earlier `verify` printed: it must still be there.",
            show_default=False,
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check that no decision, publication, erasure, run or ledger was altered, by the hashes of the chain."""
    verification = verify_chain(context.connection("predictions"), head)
    if as_json:
        print_json(asdict(verification))
    else:
        for violation in verification.violations[:_VIOLATIONS]:
            err.print(violation, style="red", highlight=False, markup=False, soft_wrap=True)
        if verification.violations:
            _say(
                f"ALTERED: {len(verification.violations)} violations, the first above. Compare with a backup."
            )
        else:
            _say(
                f"{verification.entries} entries, unaltered. Keep this hash outside of the database, for --head:"
            )
            _say(verification.head)
    if verification.violations:
        raise typer.Exit(FAILED)


def _say(text: str) -> None:
    out.print(text, markup=False, highlight=False, soft_wrap=True)
