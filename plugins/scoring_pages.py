"""Pages in Airflow's web UI: a tab on every DAG run with the report of what it scored, and the page "Scoring".

Only the web server reads this file (`core.plugins_folder`). It reads the predictions at the address `SCORING_PAGES`, as
a member of `scoring_analyst`, and shows a job to those only who may see its DAG.
"""

import os
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlencode

import sqlalchemy as sa
from airflow.api_fastapi.app import API_ROOT_PATH, get_auth_manager
from airflow.api_fastapi.auth.managers.models.resource_details import AccessView, DagAccessEntity
from airflow.api_fastapi.core_api.security import GetUserDep, get_user, requires_access_dag
from airflow.models import DagModel, DagRun, Pool
from airflow.models.taskinstance import TaskInstance
from airflow.models.xcom import XCOM_RETURN_KEY, XComModel
from airflow.plugins_manager import AirflowPlugin
from airflow.utils.session import create_session
from airflow.utils.state import TaskInstanceState
from fastapi import Depends, FastAPI, HTTPException, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse

from pipeline.config import workspace
from pipeline.databases import connections
from pipeline.databases.connections import AddressError
from pipeline.errors import named
from pipeline.integrations import dependencies
from pipeline.reports import events, jobs, overview, queries, render, report
from pipeline.reports.cards import page as cards
from pipeline.reports.links import Links

PREFIX = "/scoring"
PAGES = "SCORING_PAGES"
# The task of an outcomes DAG; its value names the run that it evaluated.
_MEASURE = "measure"
# Behind a proxy Airflow may live below a path.
_AIRFLOW = API_ROOT_PATH.removesuffix("/")
_HERE = _AIRFLOW + PREFIX
_TAB = f"{_HERE}/dags/{{DAG_ID}}/runs/{{RUN_ID}}"
# Nothing is fetched, nothing runs, and no other site shows these pages in a frame.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"

# No page of its own documentation: that would be open to anyone.
app = FastAPI(dependencies=[Depends(get_user)], openapi_url=None, default_response_class=HTMLResponse)
may_see_runs = [Depends(requires_access_dag("GET", DagAccessEntity.RUN))]


@app.middleware("http")
async def guard(request: Request, answer: Callable[[Request], Any]) -> Any:
    """Have browsers hold every page to `POLICY`, and keep no copy of it."""
    answered = await answer(request)
    answered.headers["Content-Security-Policy"] = POLICY
    answered.headers["X-Content-Type-Options"] = "nosniff"
    answered.headers["Cache-Control"] = "no-store"
    return answered


@app.exception_handler(AddressError)
@app.exception_handler(sa.exc.SQLAlchemyError)
def unreachable(request: Request, error: Exception) -> HTMLResponse:
    """A page that says that the database cannot be read; its own error may hold more than a reader should see."""
    reason = (
        str(error)
        if isinstance(error, AddressError)
        else named(error, f"{type(error).__name__}: see the web server's log")
    )
    return _missing([f"The predictions cannot be read. {reason}"], "bad", 503)


@app.exception_handler(401)
def log_in(request: Request, error: HTTPException) -> Response:
    """Have a browser log in and come back: whoever opens a mail on a phone is seldom logged in."""
    if "text/html" in request.headers.get("accept", ""):
        came_for = urlencode({"next": f"{request.url.path}?{request.url.query}".rstrip("?")})
        return RedirectResponse(f"{_AIRFLOW}/api/v2/auth/login?{came_for}", 302)
    return JSONResponse({"detail": error.detail}, error.status_code, error.headers)


@app.get("/")
def scoring(user: GetUserDep) -> str:
    """The page "Scoring": what needs a person, and every job that the reader may see."""
    names = sorted(get_auth_manager().get_authorized_dag_ids(user=user, method="GET"))
    return overview.overview(_address(), names, LINKS, _facts(names, user))


@app.get("/dags/{dag_id}/runs/{dag_run_id:path}", dependencies=may_see_runs)
def of_dag_run(dag_id: str, dag_run_id: str) -> Response:
    """The report of what a DAG run scored or evaluated; what became of its tasks where it has none."""
    run_id = queries.run_of(_address(), dag_id, dag_run_id)
    if run_id is not None:
        return HTMLResponse(report.report(_address(), workspace.home(), run_id, LINKS))
    states, left = _tasks(dag_id, dag_run_id)
    evaluated = left.get((_MEASURE, XCOM_RETURN_KEY))
    if evaluated:  # whose report is of the job that it evaluates, with rights of its own
        return RedirectResponse(LINKS.report(evaluated["job"], int(evaluated["run_id"])))
    if pool := _missing_pool(dag_id, dag_run_id):
        waits = f"This DAG run waits, since Airflow has no pool {pool!r}. {dependencies.missing_pool(pool)}"
        return _missing([waits], "bad", 404)
    errors = {task: str(value.get("error")) for (task, key), value in left.items() if key == events.FAILURE}
    return _missing(events.describe(states, errors), "bad" if "failed" in states.values() else "none", 404)


@app.get("/dags/{dag_id}/reports/{run_id}", dependencies=may_see_runs)
def of_run(dag_id: str, run_id: int, user: GetUserDep, card: bool = False) -> str:
    """The report of a run of the job that the reader may see, and of no other; or the card of its model's version."""
    if queries.job_of(_address(), run_id) != dag_id:
        raise HTTPException(404, f"{dag_id} has no run {run_id}")
    if card:
        names = get_auth_manager().get_authorized_dag_ids(user=user, method="GET")
        return cards.of_run(_address(), workspace.home(), run_id, names, LINKS)
    return report.report(_address(), workspace.home(), run_id, LINKS)


def _facts(names: list[str], user: Any) -> dict[str, jobs.JobFacts]:
    """What the files of the jobs say; also a file that makes no DAG, for whoever may see Airflow's import errors."""
    with create_session() as session:
        paused = set(session.scalars(sa.select(DagModel.dag_id).where(DagModel.is_paused)))
    every = jobs.read(workspace.home() / "dags", None, paused, datetime.now(UTC))
    sees_broken = get_auth_manager().is_authorized_view(access_view=AccessView.IMPORT_ERRORS, user=user)
    return {job: facts for job, facts in every.items() if job in names or (facts.error and sees_broken)}


def _dag_run(job: str, trigger: str) -> str | None:
    """Where a DAG run is; None where the trigger is none of Airflow's."""
    is_one = sa.select(DagRun.id).where(DagRun.dag_id == job, DagRun.run_id == trigger)
    with create_session() as session:
        known = session.scalar(is_one)
    return f"{_AIRFLOW}/dags/{quote(job)}/runs/{quote(trigger)}" if known else None


LINKS = Links(
    scoring=f"{_HERE}/",
    report=lambda job, run_id: f"{_HERE}/dags/{quote(job)}/reports/{run_id}",
    form=lambda job, trigger: (run := _dag_run(job, trigger)) and f"{run}/tasks/decide/required_actions",
    dag_run=_dag_run,
    dag=lambda job: f"{_AIRFLOW}/dags/{quote(job)}",
    card=lambda job, run_id: f"{_HERE}/dags/{quote(job)}/reports/{run_id}?card=1",
)


def _missing_pool(dag_id: str, dag_run_id: str) -> str | None:
    """A pool for which tasks of a DAG run wait though there is none of that name."""
    waiting = sa.select(TaskInstance.pool).where(
        TaskInstance.dag_id == dag_id,
        TaskInstance.run_id == dag_run_id,
        TaskInstance.state == TaskInstanceState.SCHEDULED,
        TaskInstance.pool.not_in(sa.select(Pool.pool)),
    )
    with create_session() as session:
        return session.scalar(waiting.limit(1))


def _tasks(
    dag_id: str, dag_run_id: str
) -> tuple[dict[str, str | None], dict[tuple[str, str], dict[str, Any]]]:
    """How a DAG run's tasks ended, and what they left, by task and key."""
    keys = {"dag_id": dag_id, "run_id": dag_run_id}
    with create_session() as session:
        tasks = session.execute(
            sa.select(TaskInstance.task_id, TaskInstance.state)
            .filter_by(**keys)
            .order_by(TaskInstance.start_date)
        ).all()
        # As they are stored: a model's task may leave what only looks like a value, and makes an object of a class.
        left = session.execute(
            sa.select(XComModel.task_id, XComModel.key, XComModel.value)
            .filter_by(**keys)
            .where(XComModel.key.in_([events.FAILURE, XCOM_RETURN_KEY]))
        ).all()
    ordered = sorted(tasks, key=lambda task: task.state == "failed")
    states = {task.task_id: str(task.state) if task.state else None for task in ordered}
    return states, {(row.task_id, row.key): row.value for row in left if isinstance(row.value, dict)}


def _missing(sentences: list[str], level: str, status: int) -> HTMLResponse:
    return HTMLResponse(render.page("missing.html.jinja", sentences=sentences, level=level), status)


def _address() -> str:
    # No connection of Airflow's: the web server gives those to every task that asks, and so to every model's pickle.
    if not (database_url := os.environ.get(PAGES)):
        raise AddressError(
            f"the web server has no {PAGES}. Set it to postgres://user:password@host:5432/database, with a member of "
            "scoring_analyst."
        )
    return connections.postgres(database_url, PAGES)


class ScoringPages(AirflowPlugin):
    """These pages, as Airflow loads them."""

    name = "scoring_pages"
    fastapi_apps = [{"app": app, "url_prefix": PREFIX, "name": "Scoring"}]  # noqa: RUF012 - Airflow's own form
    external_views = [  # noqa: RUF012
        {"name": "Scoring", "href": f"{_HERE}/", "destination": "nav", "url_route": "scoring"},
        {"name": "Report", "href": _TAB, "destination": "dag_run", "url_route": "report"},
    ]
