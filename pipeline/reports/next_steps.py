"""What a person may want to do about a run, and the command that does it."""

import shlex

from pipeline.reports.queries import Row

Step = tuple[str, str]


def steps(run: Row) -> list[Step]:
    """Sentences, each with its command."""
    shown = run["shown_run_id"]
    instead = [("Write the report of the run that analysts see:", f"report {shown}")]
    every = [
        *_of_its_state(run),
        *(instead if shown not in (None, run["run_id"]) else []),
        ("Print all that the database has of this run:", f"show {run['run_id']}"),
    ]
    return [(sentence, f"scoring {command}") for sentence, command in every]


def urgent(run: Row) -> bool:
    """Whether somebody has to do something before anything else."""
    return run["status"] in ("held", "failed")


def _of_its_state(run: Row) -> list[Step]:
    number, job, before = run["run_id"], shlex.quote(run["job"]), run["previous_run_id"]
    if run["status"] == "held":
        return [
            ("Publish it, in your name (in Airflow: Required Actions):", f'approve {number} --reason "WHY"'),
            ("Or leave analysts what they have:", f'reject {number} --reason "WHY"'),
        ]
    if run["status"] == "superseded":
        sentence = "Show this run to analysts again, if its scores are still there:"
        return [(sentence, f'rollback {job} {run["score_date"]} --to {number} --reason "WHY"')]
    if run["status"] == "failed":
        sentence = "Correct what the message says, and clear the failed task in Airflow. Then check the job:"
        return [(sentence, f"check {job}")]
    if number != run["shown_run_id"]:
        return []
    if before:
        sentence = f"Roll back: show run {before} to analysts again, if its scores are still there."
        return [
            (sentence, f'rollback {job} {run["score_date"]} --reason "WHY"'),
            (f"Before that, see what would change from run {before}:", f"diff {before} {number}"),
        ]
    sentence = (
        "There is nothing to roll back to: no other run of this score date was published. To score it with another "
        f"model, change the alias in models/{run['model_name']}/versions.toml, or name a version:"
    )
    return [(sentence, f"score {job} {run['score_date']} --model-version VERSION")]
