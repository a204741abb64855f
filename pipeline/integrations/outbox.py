"""The messages that people get without asking: one for one cause, kept in the database until it has been sent."""

import hashlib
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

import sqlalchemy as sa

from pipeline.databases import postgres, statements
from pipeline.errors import ScoringError, UsageError, named
from pipeline.integrations import letters

log = logging.getLogger(__name__)

_SQL = statements.load("integrations/outbox")


class AlertError(ScoringError):
    """A message that could not be sent now."""


@dataclass(frozen=True)
class Alert:
    """A message.

    Attributes:
        job: the job's name.
        score_date: the day whose rows were scored.
        cause: what brought it about; a second message of the same cause is counted, and not sent.
        title: its first line.
        body: the rest, as plain text, in which no value of the data is a link (pipeline/plain_text.py).
        run_id: the run, where there is one.
    """

    job: str
    score_date: date
    cause: str
    title: str
    body: str
    run_id: int | None = None


def addresses(extra: Mapping[str, Any], name: str) -> tuple[str, ...]:
    """The addresses of a connection, as Apprise URLs, from where Airflow's Apprise provider keeps them too.

    Args:
        extra: of the connection: `{"config": {"path": URL}}`, or a list of such.
        name: the connection id, for the error message.

    Raises:
        UsageError: there are none.
    """
    config = extra.get("config")
    entries = config if isinstance(config, list) else [config]
    urls = tuple(str(entry["path"]) for entry in entries if isinstance(entry, dict) and entry.get("path"))
    if len(urls) != len(entries) or not urls:
        raise UsageError(
            f"connection {name!r} has no addresses. Set AIRFLOW_CONN_{name.upper()}="
            '\'{"conn_type": "apprise", "extra": {"config": [{"path": "mailtos://..."}]}}\''
        )
    return urls


def enqueue_and_send(
    database_url: str,
    recipient: str,
    addresses_of: Callable[[str], Sequence[str]],
    alert: Alert,
    *,
    unkept: bool = False,
) -> None:
    """Keep a message and send it, with those that could not be sent before; a repeated cause is only counted.

    Args:
        database_url: the predictions database.
        recipient: id of the connection whose addresses get it.
        addresses_of: gives these addresses. It is asked once the message is kept: where it fails, nothing is lost.
        alert: the message.
        unkept: whether to send it all the same where the predictions database cannot be reached.

    Raises:
        AlertError, UsageError: an address could not be reached, or there is none; the message is sent with the next.
    """
    try:
        with postgres.engine(database_url).begin() as connection:
            enqueue(connection, recipient, alert)
    except sa.exc.OperationalError as error:
        log.error("the message cannot be entered: %s", named(error, str(error).partition("\n")[0]))
        for url in addresses_of(recipient) if unkept else ():
            deliver(url, [(alert.title, alert.body)])
        return
    send(database_url, recipient, addresses_of(recipient))


def enqueue(connection: sa.Connection, recipient: str, alert: Alert) -> None:
    """Keep a message in the caller's transaction, for `send` to send; a repeated cause is only counted."""
    repeated = connection.execute(sa.text(_SQL["enqueue"]), {**asdict(alert), "recipient": recipient})
    if repeated.scalar_one():
        log.info("this cause was reported before, and is only counted: %s", alert.title)


def waiting(database_url: str, recipient: str) -> bool:
    """Whether a message has not been sent yet."""
    with postgres.engine(database_url).connect() as connection:
        return connection.execute(sa.text(_SQL["any_waiting"]), {"recipient": recipient}).first() is not None


def send(database_url: str, recipient: str, urls: Sequence[str]) -> None:
    """Send what is kept and not older than a week, several messages as one.

    Whoever is killed between sending and noting it sends twice: better than not at all.

    Raises:
        AlertError: an address could not be reached.
    """
    failures = {}
    with postgres.engine(database_url).begin() as connection:
        rows = connection.execute(sa.text(_SQL["waiting"]), {"recipient": recipient}).mappings().all()
        reached = {row["alert_id"]: set(row["reached"]) for row in rows}
        for url in urls if rows else ():
            mark = hashlib.sha256(url.encode()).hexdigest()[:16]
            due = [(row["title"], row["body"]) for row in rows if mark not in reached[row["alert_id"]]]
            try:
                if due:
                    deliver(url, due)
                for marks in reached.values():
                    marks.add(mark)
            except AlertError as error:
                failures[mark] = str(error)
        for alert_id, marks in reached.items():
            values = {
                "alert_id": alert_id,
                "reached": sorted(marks),
                "error": "; ".join(failures.values()) or None,
            }
            connection.execute(sa.text(_SQL["sent"]), values)
    if failures:
        raise AlertError(
            f"{'; '.join(failures.values())}. {len(rows)} message(s) for {recipient!r} wait, and are sent with "
            "the next one. See `scoring alerts`."
        )


def deliver(url: str, messages: Sequence[tuple[str, str]]) -> str:
    """Send messages to one address, as one; returns where they went, without a password.

    Args:
        url: of the address, in Apprise's form.
        messages: title and body of each.

    Raises:
        AlertError: it could not be reached, or it refused.
    """
    title = " ".join(messages[0][0].split())
    if len(messages) > 1:
        title = f"{len(messages)} messages, the first: {title}"
    # Apprise takes a fifth of a second to load, and most tasks have nothing to send.
    from apprise import Apprise

    service = Apprise.instantiate(url)
    if service is None:
        raise AlertError("Apprise cannot use an address. See https://github.com/caronc/apprise/wiki")
    if not letters.is_mail(service):
        return _post(service, title, messages)
    try:
        letters.send(service, title, messages)
    except OSError as error:
        raise AlertError(f"{letters.where(service)} was not reached: {letters.reason(error)}") from None
    except ValueError as error:  # such as a line break in the sender's name
        raise AlertError(
            f"{letters.where(service)}: no mail can be made: {error}. Correct the address."
        ) from None
    return letters.where(service)


def _post(service: Any, title: str, messages: Sequence[tuple[str, str]]) -> str:
    """Send messages to a service that is no mail server, as text: whatever it shows, nothing of it is rendered."""
    from apprise import LogCapture, NotifyFormat, NotifyType

    body = messages[0][1] if len(messages) == 1 else "\n\n----\n\n".join(map("\n\n".join, messages))
    service.notify_format = NotifyFormat.TEXT  # whatever the address says
    # `privacy` hides passwords and tokens.
    address = str(service.url(privacy=True)).partition("?")[0]
    with LogCapture(level=logging.WARNING, fmt="%(message)s") as refusal:  # type: ignore[no-untyped-call]
        reached = service.notify(
            title=title, body=body, notify_type=NotifyType.WARNING, body_format=NotifyFormat.TEXT
        )
        if not reached:
            why = " ".join(refusal.getvalue().split())
            raise AlertError(f"{address} was not reached{f': {why}' if why else ''}")
    return address


def newest(database_url: str, limit: int) -> list[dict[str, Any]]:
    """The newest messages first, without their texts."""
    with postgres.engine(database_url).connect() as connection:
        return [dict(row) for row in connection.execute(sa.text(_SQL["newest"]), {"limit": limit}).mappings()]
