"""A message that somebody asks for, to see whether messages arrive and what they look like."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pipeline.config.job import Job
from pipeline.errors import UsageError
from pipeline.integrations import dependencies, outbox
from pipeline.integrations.outbox import AlertError


@dataclass(frozen=True)
class Attempt:
    """One address to which a message was sent.

    Attributes:
        went: whether it was taken.
        detail: where it went, or what was refused and why; never a password.
    """

    went: bool
    detail: str


def send(job: Job, environ: Mapping[str, str]) -> Iterator[Attempt]:
    """Send the message to each of a job's addresses; nothing is kept, so nothing is tried again.

    Args:
        job: whose addresses they are.
        environ: where the connection is.
    """
    if job.alerts.to is None:
        yield Attempt(False, f'{job.name}.toml names nobody. Name a connection: [alerts] to = "alerts"')
        return
    try:
        urls = dependencies.addresses(job.alerts.to, environ)
    except UsageError as error:
        yield Attempt(False, str(error))
        return
    body = [
        f"Somebody asked for this message. Those of {job.name} arrive here, and nothing is to be done. What could not "
        "be sent is listed by:",
        "$ scoring alerts",
        f"Owner: {job.owner}",
    ]
    for url in urls:
        try:
            yield Attempt(True, outbox.deliver(url, [(f"{job.name}: a test message", "\n\n".join(body))]))
        except AlertError as error:
            yield Attempt(False, str(error))
