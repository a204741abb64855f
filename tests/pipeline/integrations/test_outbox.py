"""One message for one cause, to real mail and web servers; what cannot be sent is kept."""

from collections.abc import Sequence
from datetime import timedelta
from email.message import EmailMessage
from typing import Any

import pytest
import sqlalchemy as sa

from pipeline.errors import UsageError
from pipeline.integrations import outbox
from pipeline.integrations.outbox import Alert, AlertError, addresses
from pipeline.maintenance.erasure import erase
from tests.home import NIGHT, Home
from tests.pipeline.shop import open_shop
from tests.ports import free_ports
from tests.sinks import Web, mail, web

__all__ = ["mail", "web"]


def alert(home: Home, cause: str = "run 7: held: volume", **changed: Any) -> Alert:
    """A message of a job of its own."""
    content = {"job": "shop", "score_date": NIGHT, "title": "shop 2024-03-01: held", "body": "volume: 3 rows"}
    return Alert(**{**content, "cause": cause, **changed})


def recipient(home: Home) -> str:
    """A recipient of whom no other test knows: the predictions database is shared."""
    return home.name("alerts")


def kept(home: Home, to: str) -> list[dict[str, Any]]:
    """What is kept for a recipient."""
    query = "SELECT * FROM scoring.alerts WHERE recipient = :to ORDER BY alert_id"
    return home.sql(query, to=to)


def tell(database_url: str, to: str, urls: Sequence[str], message: Alert, *, unkept: bool = False) -> None:
    """Keep a message and send it to addresses."""
    outbox.enqueue_and_send(database_url, to, lambda _: urls, message, unkept=unkept)


def test_a_message_reaches_a_mailbox_and_a_web_hook(
    home: Home, mail: tuple[str, list[EmailMessage]], web: Web
) -> None:
    to, (address, inbox) = recipient(home), mail
    tell(home.workspace.predictions, to, (address, web.url), alert(home))
    [letter] = inbox
    assert (letter["Subject"], letter["To"]) == ("shop 2024-03-01: held", "team@example.com")
    assert "volume: 3 rows" in letter.as_string()
    [posted] = web.got
    assert (posted["title"], posted["message"]) == ("shop 2024-03-01: held", "volume: 3 rows")
    [row] = kept(home, to)
    assert row["sent_at"] is not None
    assert row["body"] == ""
    assert not outbox.waiting(home.workspace.predictions, to)


def test_a_cause_is_told_once_and_its_repetitions_are_counted(home: Home, web: Web) -> None:
    to = recipient(home)
    for night in range(30):
        tell(
            home.workspace.predictions, to, (web.url,), alert(home, score_date=NIGHT + timedelta(days=night))
        )
    tell(home.workspace.predictions, to, (web.url,), alert(home, "run 8: held: volume"))
    assert len(web.got) == 2
    assert [row["repeated"] for row in kept(home, to)] == [29, 0]


def test_what_cannot_be_sent_is_kept_and_goes_with_the_next_as_one_message(
    home: Home, mail: tuple[str, list[EmailMessage]], web: Web
) -> None:
    to, (address, inbox), uri = recipient(home), mail, home.workspace.predictions
    web.status = 500
    for cause in ("first", "second"):
        with pytest.raises(
            AlertError, match="was not reached.* wait, and are sent with the next one"
        ) as refused:
            tell(uri, to, (address, web.url), alert(home, cause, title=f"shop: {cause}"))
        assert "secret-word" not in str(refused.value)
    assert [letter["Subject"] for letter in inbox] == ["shop: first", "shop: second"]
    assert outbox.waiting(uri, to)
    assert all("secret-word" not in str(row) and row["sent_at"] is None for row in kept(home, to))
    web.status = 200
    outbox.send(uri, to, (address, web.url))
    assert len(inbox) == 2
    [posted] = web.got
    assert posted["title"] == "2 messages, the first: shop: first"
    assert "shop: second" in posted["message"]
    assert [(row["tries"], row["last_error"]) for row in kept(home, to)] == [(3, None), (2, None)]


def test_a_message_whose_addresses_cannot_be_looked_up_is_kept(home: Home, web: Web) -> None:
    to, uri = recipient(home), home.workspace.predictions

    def unanswered(name: str) -> Sequence[str]:
        raise UsageError(f"connection {name!r} has no addresses")

    with pytest.raises(UsageError, match="has no addresses"):
        outbox.enqueue_and_send(uri, to, unanswered, alert(home))
    outbox.send(uri, to, (web.url,))
    assert [posted["title"] for posted in web.got] == ["shop 2024-03-01: held"]


def test_after_a_week_a_message_is_stale(home: Home, web: Web) -> None:
    to, uri = recipient(home), home.workspace.predictions
    web.status = 500
    with pytest.raises(AlertError):
        tell(uri, to, (web.url,), alert(home))
    home.sql("UPDATE scoring.alerts SET raised_at = now() - interval '8 days' WHERE recipient = :to", to=to)
    web.status = 200
    outbox.send(uri, to, (web.url,))
    assert web.got == []
    assert not outbox.waiting(uri, to)


def test_without_its_database_a_message_is_sent_if_it_may(
    home: Home, web: Web, caplog: pytest.LogCaptureFixture
) -> None:
    [port] = free_ports(1)
    nowhere = f"postgresql://127.0.0.1:{port}/predictions"
    tell(nowhere, "alerts", (web.url,), alert(home))
    assert web.got == []
    tell(nowhere, "alerts", (web.url,), alert(home), unkept=True)
    assert [posted["title"] for posted in web.got] == ["shop 2024-03-01: held"]
    assert "the message cannot be entered" in caplog.text


def test_an_address_that_cannot_be_used_keeps_no_other_from_its_message(home: Home, web: Web) -> None:
    with pytest.raises(AlertError, match="Apprise cannot use an address"):
        tell(home.workspace.predictions, recipient(home), ("nosuch://x", web.url), alert(home))
    assert len(web.got) == 1


@pytest.mark.parametrize(
    ("part", "reason"),
    [
        # Apprise leaves out what is no address, and an empty letter-box would have taken every message.
        ("to=team", "no mail can be made: the address names nobody who can get mail. Correct the address"),
        ("to=team@example.com&from=a%0Ab<scoring@example.com>", "no mail can be made: Header values"),
    ],
)
def test_a_message_that_nobody_got_is_not_sent(
    home: Home, mail: tuple[str, list[EmailMessage]], part: str, reason: str
) -> None:
    to, (address, inbox) = recipient(home), mail
    broken = address.replace("to=team@example.com", part)
    with pytest.raises(AlertError, match=reason):
        tell(home.workspace.predictions, to, (broken,), alert(home))
    assert inbox == []
    [row] = kept(home, to)
    assert (row["sent_at"], row["body"]) == (None, "volume: 3 rows")
    tell(home.workspace.predictions, to, (address,), alert(home))
    assert len(inbox) == 1


def test_addresses_are_where_the_provider_keeps_them() -> None:
    one, two = {"path": "json://a", "tag": "x"}, {"path": "json://b"}
    assert addresses({"config": one}, "alerts") == ("json://a",)
    assert addresses({"config": [one, two]}, "alerts") == ("json://a", "json://b")
    wrong: list[dict[str, Any]] = [{}, {"config": []}, {"config": [{"tag": "x"}]}, {"config": "json://a"}]
    for extra in wrong:
        with pytest.raises(
            UsageError, match="connection 'alerts' has no addresses. Set AIRFLOW_CONN_ALERTS="
        ):
            addresses(extra, "alerts")


def test_analysts_do_not_read_messages(home: Home) -> None:
    with pytest.raises(sa.exc.ProgrammingError, match="permission denied"):
        home.sql("SELECT * FROM scoring.alerts", "analyst")


def test_an_erasure_takes_the_text_of_messages_that_wait(home: Home, web: Web) -> None:
    to, shop = recipient(home), open_shop(home)
    web.status = 500
    for job in (shop.job, "another"):
        with pytest.raises(AlertError):
            tell(
                home.workspace.predictions,
                to,
                (web.url,),
                alert(home, job, job=job, body="customer-00007 twice"),
            )
    home.score(shop.job)
    janitor = home.server.connections["predictions_janitor"]
    erase(janitor, home.store, shop.job, "customer-00007", by="ana", reason="ticket 7")
    assert [row["body"] for row in kept(home, to)] == ["Its text was erased.", "customer-00007 twice"]
