"""How requests are answered, counted and logged: by route and status, without a path, a token or a value."""

import json
import logging
import time
import traceback
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pipeline.serving import metrics
from pipeline.serving.requests.limits import Refused

log = logging.getLogger(__name__)

_UNKNOWN = "unknown"
# What is asked every few seconds by machines.
_PROBES = ("/v2/health", "/metrics")


def answer(content: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """An answer of JSON; a float has all the digits that tell it from others."""
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return Response(
        text.encode("utf-8", "backslashreplace"), status, headers=headers, media_type="application/json"
    )


class Answers:
    """Stands around all routes: errors become answers in words, and each answer is counted once."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status = time.perf_counter(), 0

        async def counted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, counted)
        except Exception as error:  # noqa: BLE001 - a client gets an answer, and the log no value of its request
            _log(error)
            if not status:
                await failed()(scope, receive, counted)
        finally:
            route = getattr(scope.get("route"), "path", _UNKNOWN)
            seconds = time.perf_counter() - began
            metrics.REQUESTS.labels(route, str(status)).inc()
            metrics.TIMES.labels(route).observe(seconds)
            if not route.startswith(_PROBES):
                log.info("%s %s %s %.1f ms", scope["method"], route, status, 1000 * seconds)


async def refused(_: Request, error: Exception) -> Response:
    """The answer to what is refused; `error` is a sentence, as the Open Inference Protocol has it."""
    if not isinstance(error, Refused):
        raise error
    return answer({"error": str(error), "code": error.code}, error.status, error.headers)


async def unrouted(_: Request, error: Exception) -> Response:
    """The answer where no route is asked for, or none with that method."""
    if not isinstance(error, HTTPException):
        raise error
    sentence = {404: "There is no such route.", 405: "This route takes another method."}
    text = sentence.get(error.status_code, "The request is none.")
    headers = dict(error.headers or {})
    return answer({"error": text, "code": "no_route"}, error.status_code, headers)


def failed() -> Response:
    """The answer where the fault is ours."""
    return answer({"error": "The request failed here; the log says where.", "code": "failed"}, 500)


def _log(error: Exception) -> None:
    """Where an error was raised, and no text of it, which may hold what was sent."""
    frames = traceback.extract_tb(error.__traceback__)
    where = " < ".join(f"{frame.filename}:{frame.lineno}" for frame in reversed(frames[-4:]))
    log.error("%s at %s", type(error).__name__, where)
