"""What a job names and no score needs is looked for, and its lack has a remedy that works."""

import re
import shlex

import pytest

from pipeline.config.job import Job
from pipeline.config.sections import AlertsSection, TrackingSection
from pipeline.errors import UsageError
from pipeline.integrations.dependencies import DependencyError, require_alerts, require_pool, require_tracking
from pipeline.tasks import preflight
from tests.home import NIGHT, Home


@pytest.fixture
def job(home: Home) -> Job:
    """A job that names all of it."""
    made = home.read(home.job("SELECT 1", "shop"))
    other = {
        "alerts": AlertsSection(to="team"),
        "tracking": TrackingSection(mlflow="numbers"),
        "pool": "the nights",
    }
    return made.model_copy(update=other)


@pytest.mark.parametrize(("require", "variable"), [(require_alerts, "TEAM"), (require_tracking, "NUMBERS")])
def test_a_connection_that_is_missing_is_said_with_a_remedy_that_works(
    job: Job, require: object, variable: str
) -> None:
    assert callable(require)
    with pytest.raises(DependencyError, match="there is no connection") as refusal:
        require(job, {})
    remedy = re.search(
        rf"Set (AIRFLOW_CONN_{variable}=.*), here and for Airflow's tasks\.", str(refusal.value)
    )
    assert remedy is not None
    name, _, value = shlex.split(remedy[1])[0].partition("=")
    assert require(job, {name: value})


@pytest.mark.parametrize(
    "value",
    [
        '{"conn_type": "apprise", "extra": {"config": {"path": "json://localhost"}}}',
        '{"conn_type": "apprise", "extra": "{\\"config\\": [{\\"path\\": \\"json://localhost\\"}]}"}',
        "apprise://?__extra__=%7B%22config%22%3A+%7B%22path%22%3A+%22json%3A%2F%2Flocalhost%22%7D%7D",
    ],
)
def test_addresses_are_read_in_every_form_that_airflow_reads(job: Job, value: str) -> None:
    expected = "messages go to 1 address of connection 'team'"
    assert require_alerts(job, {"AIRFLOW_CONN_TEAM": value}) == expected


@pytest.mark.parametrize(
    "value", ["{", "[]", "apprise://", '{"extra": {"config": 1}}', '{"extra": [1]}', "http://[", "x"]
)
def test_a_connection_without_addresses_is_refused(job: Job, value: str) -> None:
    with pytest.raises(UsageError, match="connection 'team' has no addresses. Set AIRFLOW_CONN_TEAM="):
        require_alerts(job, {"AIRFLOW_CONN_TEAM": value})


def test_a_check_says_all_of_it_and_the_pool_only_where_it_sees_airflows(home: Home, job: Job) -> None:
    findings = preflight.check(job, home.workspace, NIGHT, {})
    by_name = {finding.what: finding for finding in findings}
    assert [name for name in ("alerts", "tracking", "pool") if not by_name[name].passed] == [
        "alerts",
        "tracking",
    ]
    assert "airflow pools set 'the nights' 4 scoring" in by_name["pool"].detail
    assert by_name["pool"].detail.startswith(
        "this command cannot ask Airflow whether it has pool 'the nights'. Without it no task"
    )
    assert require_pool(job, {}) == by_name["pool"].detail
