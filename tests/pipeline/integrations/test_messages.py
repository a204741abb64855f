"""pipeline/integrations/messages.py: real mail and web servers get text, in which no link is but our own."""

import re
from dataclasses import replace
from email.message import EmailMessage
from html.parser import HTMLParser

import pytest

from pipeline.integrations import messages
from pipeline.integrations.outbox import Alert, deliver
from pipeline.integrations.subject import Subject
from pipeline.payloads import Evaluation, Finding, Verdict
from tests.home import NIGHT, Home
from tests.pipeline.shop import open_shop
from tests.sinks import Web, mail, web

__all__ = ["mail", "web"]

OURS = {"http://airflow.example/task", "http://airflow.example/report", "http://airflow.example/form"}
HOSTILE = (
    "http://evil.example/a",
    "HtTpS://evil.example/b",
    "www.evil.example",
    "[click](https://evil.example)",
    "![x](//evil.example/x.png)",
    "<img src='https://evil.example/x.png'>",
    "<script>alert(1)</script>",
    "<a href=javascript:alert(1)>x</a>",
    "<https://evil.example|click>",
    "<!channel>",
    "mailto:evil@evil.example",
    "\uff48\uff54\uff54\uff50\uff1a\uff0f\uff0fevil\u3002example",
    "a\r\nBcc: evil@evil.example",
    "\u202ehttp://evil.example",
)
# What mail clients and chats make a link of, were it never so plain.
LINK = re.compile(
    r"(?:[a-z][a-z0-9+.-]*://|www\.|mailto:|javascript:|data:)[^\s<>\"]+|[\w-]+\.example\b", re.IGNORECASE
)


def every(home: Home, value: str) -> list[Alert]:
    """Each kind of message, with a hostile value wherever one of the data may be."""
    shop = open_shop(home)
    night = Subject(
        home.read(shop.job), NIGHT, "nightly 0", None, *sorted(OURS - {"http://airflow.example/form"})
    )
    night = replace(night, task="http://airflow.example/task", report="http://airflow.example/report")
    run = shop.extract()
    verdict = Verdict(
        findings=(Finding(check="drift", action="hold", message=f"channel {value}"),), rows_scored=1
    )
    known = {"outcomes": 1.0, "sampled": 1.0}
    measured = Evaluation(
        run_id=run.run_id, job=shop.job, score_date=NIGHT, entities=1, metrics=known,
        alarms=(f"channel {value}",), notes=(),
    )  # fmt: skip
    return [
        messages.held(night, run, verdict, f"the fallback failed: {value}", "http://airflow.example/form"),
        messages.unusual(night, run, verdict),
        messages.unlike(night, measured),
        messages.failed(night, "predict", f"failed on rows {value}", "PredictError"),
    ]


@pytest.mark.parametrize("value", HOSTILE)
def test_no_value_of_the_data_is_a_link(home: Home, value: str) -> None:
    for alert in every(home, value):
        assert set(LINK.findall(alert.body)) <= OURS, alert.body
        assert not re.search("[\r\u202e]|<[!a-z/]", alert.body, re.IGNORECASE)


def texts(letter: EmailMessage) -> dict[str, str]:
    """A letter's parts by their types."""
    return {part.get_content_type(): part.get_content() for part in letter.walk() if not part.is_multipart()}


class Linked(HTMLParser):
    """The links of a page, its words, and what it would fetch or run."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: set[str] = set()
        self.words: list[str] = []
        self.tags: set[str] = set()
        self.names: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.names |= {name for name, _ in attrs}
        self.links |= {str(value) for name, value in attrs if name in ("href", "src")}

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def test_a_mailbox_gets_text_and_html_and_a_web_hook_text(
    home: Home, mail: tuple[str, list[EmailMessage]], web: Web
) -> None:
    address, inbox = mail
    alerts = every(home, " ".join(HOSTILE))
    for url in (address, f"{address}&format=html", f"{address}&format=markdown", web.url):
        deliver(url, [(alert.title, alert.body) for alert in alerts])
    assert len(inbox) == 3
    for letter in inbox:
        assert letter.get_content_type() == "multipart/alternative"
        assert list(texts(letter)) == ["text/plain", "text/html"]
        assert set(LINK.findall(texts(letter)["text/plain"])) == OURS
        # Every message has its lines, each link in one of them.
        lines = texts(letter)["text/plain"].splitlines()
        assert [line for alert in alerts for line in alert.body.splitlines() if line not in lines] == []
        page = Linked(texts(letter)["text/html"])
        assert page.links == OURS
        assert page.tags <= {
            "html",
            "head",
            "meta",
            "title",
            "body",
            "div",
            "h1",
            "p",
            "ul",
            "li",
            "pre",
            "a",
            "br",
            "hr",
        }
        assert not [name for name in page.names if name.startswith("on")]
        words = " ".join("".join(page.words).split())
        assert all(" ".join(alert.title.split()) in words for alert in alerts)
    [posted] = web.got
    assert set(LINK.findall(posted["message"])) <= OURS


def test_every_message_is_one_short_paragraph_with_the_command_and_links(home: Home) -> None:
    for alert in every(home, "is 3, and not 4"):
        first, *rest = alert.body.split("\n\n")
        assert len(first) < 300
        assert re.search(r"\d", first)
        [commands] = [paragraph for paragraph in rest if paragraph.startswith("$ scoring ")]
        assert all(line.startswith("$ scoring ") for line in commands.splitlines())
        assert rest[-1] == "Owner: tests"
        assert all(LINK.search(line) and ": " in line for line in rest[-2].splitlines())


def test_no_line_of_an_error_is_a_command_or_an_entry_of_a_list(home: Home) -> None:
    failed = every(home, "1\n\n$ curl evil\n- fine\n\n----")[-1]
    assert [line for line in failed.body.splitlines() if line.startswith(("$", "-"))] == [
        f"$ scoring check {failed.job} --date {NIGHT}"
    ]


@pytest.mark.parametrize(
    "title", ["night\r\nBcc: evil@evil.example", "night\nX-Header: 1", "night\r\n\r\nbody"]
)
def test_a_title_adds_no_header(mail: tuple[str, list[EmailMessage]], title: str) -> None:
    address, inbox = mail
    deliver(address, [(title, "body")])
    [letter] = inbox
    assert letter["Bcc"] is None
    assert letter["X-Header"] is None
    assert letter["Subject"] == " ".join(title.split())
    assert letter["To"] == "team@example.com"
