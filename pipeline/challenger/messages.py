"""The message that a challenger is better than what is published, or worse: once for each turn."""

from pipeline.challenger.measuring import Standing
from pipeline.challenger.paired_test import WRONG
from pipeline.integrations.outbox import Alert
from pipeline.integrations.subject import Subject

BETTER = "the challenger is better than what is published"
WORSE = "the challenger is worse than what is published"


def alert(subject: Subject, standing: Standing) -> Alert | None:
    """The message of a verdict; None while there is none.

    Args:
        subject: the job, and the score date that was measured last.
        standing: what its days say together.
    """
    if standing.together.verdict == "undecided":
        return None
    job, version = subject.job.name, standing.challenger
    better = standing.together.verdict == "better"
    title = BETTER if better else WORSE
    remedy = (
        "The scores are published as before: a person decides whether it takes over. See what changes for whom, and in "
        "which groups it loses, and have the change of its alias in versions.toml reviewed."
        if better
        else "Nothing is to be done for what is published. Train another one, or take [challenger] out of the job file."
    )
    body = [
        f"{standing.sentence} It was held against the outcomes until {standing.newest}, on the same entities.",
        f"Where neither is better, at most {WRONG:.0%} of challengers ever bring this message.",
        remedy,
        f"$ scoring replay {job} {version} FROM TO",
        f"Look at it: {subject.report}",
        f"Owner: {subject.job.owner}",
    ]
    pair = f"{standing.model} {standing.day.version} {version}"
    return Alert(
        job=job,
        score_date=standing.newest,
        # Measured again, a day brings no second message; decided otherwise, and back, is news.
        cause=f"{job} challenger {pair}: {standing.together.verdict}, turn {standing.turns}",
        title=f"{job} {standing.newest}: {title}",
        body="\n\n".join(body),
    )
