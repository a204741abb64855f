"""The routes of the API, and how each answers.

GET  /v1/jobs                                        the jobs, their models and limits
GET  /v1/jobs/{job}/predictions/{entity_id}          a published score
POST /v1/jobs/{job}/predictions:lookup               many of them
POST /v1/jobs/{job}/score                            rows scored now
GET  /v2/..., POST /v2/models/{job}/infer            the Open Inference Protocol
GET  /openapi.json, /metrics
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

from fastapi import APIRouter, FastAPI, Header, Query, Request, Response
from starlette.exceptions import HTTPException

from pipeline.config.workspace import home
from pipeline.serving import answers, inference, metrics, openapi, process
from pipeline.serving.answers import Answers, answer
from pipeline.serving.models import explaining
from pipeline.serving.published import lookups, stored
from pipeline.serving.requests import body, days, rows
from pipeline.serving.requests.limits import Refused
from pipeline.serving.service import Service, of_environment
from pipeline.version import VERSION

Authorization = Annotated[str | None, Header(description="`Bearer` and a token")]
ScoreDate = Annotated[
    str | None,
    Query(description="YYYY-MM-DD; the last one that is published unless given"),
]
Flag = Annotated[str | None, Query(description="whether the reasons that are kept of the score come with it")]

routes = APIRouter()


def create() -> FastAPI:
    """The API of this process's environment, as uvicorn's workers make it.

    Raises:
        UsageError: the environment has a limit that is none.
    """
    return of(of_environment(home(), tuple(os.environ.get(process.JOBS, "").split())))


def of(service: Service) -> FastAPI:
    """The API of a service."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await service.begin()
        yield
        await service.end()

    app = FastAPI(
        title="Nightly batch scoring: the online API",
        version=VERSION,
        lifespan=lifespan,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        exception_handlers={Refused: answers.refused, HTTPException: answers.unrouted},
    )
    app.state.service = service
    app.include_router(routes)
    app.include_router(inference.routes)
    app.add_middleware(Answers)
    return app


def service_of(request: Request) -> Service:
    """The service of a request's process."""
    service: Service = request.app.state.service
    return service


@routes.get("/v1/jobs", summary="The jobs that this token is good for")
async def jobs(request: Request, authorization: Authorization = None) -> Response:
    """Each job with its model, its limits and its last published score date."""
    service = service_of(request)
    grant = service.admit(authorization)
    served = [job for name, job in sorted(service.catalogue.jobs.items()) if grant.allows(name)]
    lines = []
    for job in served:
        try:
            day = await lookups.latest(service.database(job), job.job.name)
            published: dict[str, Any] = {"published": {"score_date": day.isoformat() if day else None}}
        except Refused as refusal:
            published = {"published": None, "problem": str(refusal)}
        limits = {"rows": service.limits.rows, "body_bytes": service.limits.body_bytes}
        about = {"description": job.job.description, "classes": job.manifest.classes, "limits": limits}
        lines.append({**service.about(job), **about, **published})
    return answer({"jobs": lines, **service.versions()})


@routes.get("/v1/jobs/{job}/predictions/{entity_id:path}", summary="The published score of one entity")
async def prediction(
    request: Request,
    job: str,
    entity_id: str,
    score_date: ScoreDate = None,
    reasons: Flag = None,
    authorization: Authorization = None,
) -> Response:
    """The row that analysts see in `predictions`, with its run and model; and its reasons, where they are asked for."""
    service = service_of(request)
    service.admit(authorization, job)
    served = service.served(job)
    asked = stored.asked(reasons)
    row = await lookups.single(service.database(served), job, entity_id, days.of(score_date))
    if asked:
        [row] = await stored.beside(service.database(served), [row])
    return answer(row)


@routes.post("/v1/jobs/{job}/predictions:lookup", summary="The published scores of many entities")
async def lookup(request: Request, job: str, authorization: Authorization = None) -> Response:
    """All of one run; entities without a score are named."""
    service = service_of(request)
    service.admit(authorization, job)
    served = service.served(job)
    document = await body.read(request, service.limits)
    wanted, day = lookups.keys(document, service.limits)
    answered = await lookups.many(service.database(served), job, wanted, day)
    if body.flag(document, "reasons"):
        answered["predictions"] = await stored.beside(service.database(served), answered["predictions"])
    return answer(answered)


@routes.post("/v1/jobs/{job}/score", summary="Score rows now")
async def score(request: Request, job: str, authorization: Authorization = None) -> Response:
    """By the model and the contract of a night: a score a row, with `reasons` why it is that; or the rules it broke."""
    service = service_of(request)
    service.admit(authorization, job)
    served = service.served(job)
    document = await body.read(request, service.limits)
    wanted = rows.of(document, service.limits)
    day = days.of(document.get("score_date"))
    how = None
    if body.flag(document, "reasons"):
        how = explaining.settings(served, len(wanted), service.limits)
    lines = await service.score(served, wanted, day)
    if how:
        lines = await explaining.explain(served, service.terms_of(served, day), wanted, lines, how)
    return answer({**service.about(served), **service.versions(), "rows": lines})


@routes.get("/openapi.json", summary="This document")
async def document(request: Request, authorization: Authorization = None) -> Response:
    """What may be asked of each job that the token is good for, with examples from golden rows."""
    service = service_of(request)
    grant = service.admit(authorization)
    served = [job for name, job in sorted(service.catalogue.jobs.items()) if grant.allows(name)]
    return answer(openapi.document(request.app, served, service.limits))


@routes.get("/metrics", summary="Figures for Prometheus")
async def figures() -> Response:
    """Counts, times and sizes; no entity and no value."""
    content, kind = metrics.text()
    return Response(content, headers={"Content-Type": kind})
