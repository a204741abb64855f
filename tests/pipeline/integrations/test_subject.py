"""pipeline/integrations/subject.py: a cause is told once, of a backfill's runs once a day."""

from dataclasses import replace
from datetime import date

from pipeline.integrations.subject import Subject, alert
from tests.home import NIGHT
from tests.pipeline.punctuality.test_due import job


def test_the_title_says_job_date_and_event_and_the_cause_what_it_is_of() -> None:
    subject = Subject(job(owner="ann"), NIGHT, "nightly 0", None, "http://task", "http://report")
    of_run = alert(subject, "held", "held: volume", ["3 rows"], 7)
    assert (of_run.title, of_run.cause) == ("any 2024-03-01: held", "run 7: held: volume")
    assert of_run.body == "3 rows\n\nOwner: ann"
    assert alert(subject, "failed", "failed", [], None).cause == "any 2024-03-01 nightly 0: failed"
    backfilled = replace(subject, backfill=date(2024, 5, 1), trigger="another")
    assert (
        alert(backfilled, "failed", "failed", ["no disk"], None).cause == "any, backfill, 2024-05-01: failed"
    )
    assert "Others of the same cause are counted" in alert(backfilled, "failed", "failed", [], None).body
