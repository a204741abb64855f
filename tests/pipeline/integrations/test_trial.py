"""pipeline/integrations/trial.py: a message that somebody asks for says of each address what became of it."""

import json
from email.message import EmailMessage

from pipeline.integrations import trial
from tests.pipeline.punctuality.test_due import job
from tests.sinks import Web, mail, web

__all__ = ["mail", "web"]


def connection(*urls: str) -> dict[str, str]:
    """An environment with a connection of these addresses."""
    extra = {"config": [{"path": url} for url in urls]}
    return {"AIRFLOW_CONN_ALERTS": json.dumps({"conn_type": "apprise", "extra": extra})}


def test_each_address_gets_it_and_where_it_went_is_said(
    mail: tuple[str, list[EmailMessage]], web: Web
) -> None:
    address, inbox = mail
    posted, sent = trial.send(job(alerts={"to": "alerts"}), connection(web.url, address))
    assert posted.went
    assert posted.detail.startswith("json://caller:****@127.0.0.1:")
    assert sent.went
    assert sent.detail.startswith("mail to team@example.com by 127.0.0.1:")
    [letter] = inbox
    assert letter["Subject"] == "any: a test message"
    assert "nothing is to be done" in web.got[0]["message"]


def test_one_that_refuses_keeps_no_other_from_it(mail: tuple[str, list[EmailMessage]], web: Web) -> None:
    address, inbox = mail
    web.status = 500
    refused, sent = trial.send(job(alerts={"to": "alerts"}), connection(web.url, address))
    assert (refused.went, sent.went, len(inbox)) == (False, True, 1)
    assert "was not reached" in refused.detail
    assert "500" in refused.detail
    assert "secret-word" not in refused.detail


def test_a_job_without_addresses_says_what_to_write() -> None:
    [nobody] = trial.send(job(), {})
    assert (nobody.went, nobody.detail) == (
        False,
        'any.toml names nobody. Name a connection: [alerts] to = "alerts"',
    )
    [missing] = trial.send(job(alerts={"to": "alerts"}), {})
    assert not missing.went
    assert "there is no connection 'alerts'" in missing.detail
