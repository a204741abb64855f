"""pipeline/integrations/letters.py: a letter says the same as text and as HTML, and what a server refused is said."""

import smtplib
from collections.abc import Iterator
from email.message import EmailMessage
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from apprise import Apprise

from pipeline.integrations import letters
from pipeline.integrations.outbox import AlertError, deliver
from tests.ports import free_ports
from tests.sinks import mail

__all__ = ["mail"]

BODY = """\
Run 5 waits: 634 rows & 0 < 1.

Unusual:
- volume: 634 rows
- drift: <b>

Type one of:
$ scoring approve 5 --reason "WHY"
$ scoring reject 5 --reason "WHY"

Its report: https://airflow.example/a?b=1&c=2
See https://airflow.example/log, and decide."""


def test_commands_lists_and_links_stand_out_and_nothing_else_is_markup() -> None:
    page = letters.html("A & B", [("A & B", BODY)])
    assert "<title>A &amp; B</title>" in page
    assert "Run 5 waits: 634 rows &amp; 0 &lt; 1." in page
    assert "<li>volume: 634 rows</li><li>drift: &lt;b&gt;</li>" in page
    assert "scoring approve 5 --reason &#34;WHY&#34;\nscoring reject 5" in page
    assert "$ scoring" not in page
    assert '<a href="https://airflow.example/a?b=1&amp;c=2">Its report</a>' in page
    assert '<a href="https://airflow.example/log">https://airflow.example/log</a>, and decide.' in page
    assert page.count("<a ") == 2


def test_several_messages_are_one_letter_with_a_title_each() -> None:
    letter = letters.compose("2 messages, the first: one", [("one", "first"), ("two", "second")])
    text, page = letter.iter_parts()
    assert text.get_content() == "one\n\nfirst\n\n----\n\ntwo\n\nsecond\n"
    assert page.get_content().count("<h1") == 2
    assert page.get_content().count("<hr>") == 1


def test_a_letter_has_the_headers_that_its_address_asks_for(mail: tuple[str, list[EmailMessage]]) -> None:
    address, inbox = mail
    more = "&to=team@example.com,ann@example.com&cc=boss@example.com&reply=help@example.com&name=Nightly"
    went = deliver(address.replace("&to=team@example.com", more), [("title", "body")])
    assert went.startswith("mail to team@example.com, ann@example.com by 127.0.0.1:")
    assert [letter["To"] for letter in inbox] == ["team@example.com", "ann@example.com"]
    for letter in inbox:
        assert (letter["Cc"], letter["Reply-To"]) == ("boss@example.com", "help@example.com")
        assert letter["From"] == "Nightly <scoring@example.com>"
        assert letter["Message-ID"]
        assert letter["Date"]


class Refusing:
    """A mail server that knows nobody."""

    async def handle_RCPT(self, *_: Any) -> str:  # noqa: N802
        return "550 5.1.1 no such mailbox"


@pytest.fixture
def refusing() -> Iterator[str]:
    """Address of a mail server that refuses every recipient."""
    [port] = free_ports(1)
    server = Controller(Refusing(), hostname="127.0.0.1", port=port)
    server.start()
    yield f"mailto://127.0.0.1:{port}?from=scoring@example.com&to=team@example.com&mode=insecure"
    server.stop()


def test_what_a_server_refuses_is_said_in_its_words(refusing: str) -> None:
    answer = r"^mail to team@example.com by 127.0.0.1:\d+ was not reached: team@example.com: 550 5.1.1 no such mailbox$"
    with pytest.raises(AlertError, match=answer):
        deliver(refusing, [("title", "body")])


def test_a_server_that_is_not_there_is_said_without_a_password() -> None:
    [port] = free_ports(1)
    address = f"mailto://me:secret-word@127.0.0.1:{port}?from=a@example.com&to=b@example.com&mode=insecure"
    with pytest.raises(AlertError, match="was not reached: Connection refused$") as refused:
        deliver(address, [("title", "body")])
    assert "secret-word" not in str(refused.value)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (smtplib.SMTPAuthenticationError(535, b"5.7.8 bad credentials"), "535 5.7.8 bad credentials"),
        (smtplib.SMTPRecipientsRefused({"a@b": (550, b"no\r\nsuch")}), "a@b: 550 no such"),
        (smtplib.SMTPServerDisconnected("Connection unexpectedly closed"), "Connection unexpectedly closed"),
        (TimeoutError(), "TimeoutError"),
    ],
)
def test_every_kind_of_refusal_has_a_reason(error: OSError, reason: str) -> None:
    assert letters.reason(error) == reason


def test_only_plain_mail_is_sent_by_us() -> None:
    assert letters.is_mail(Apprise.instantiate("mailtos://u:p@example.com?to=a@example.com"))
    assert not letters.is_mail(Apprise.instantiate("json://example.com/hook"))
