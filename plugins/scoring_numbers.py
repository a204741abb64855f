"""Refuses numbers in requests to Airflow's API that its processes cannot hand to each other.

Airflow keeps any key in a run's conf, and any number. One beyond 64 bits cannot be handed to a task, and when Airflow
reports that failure, the DAG processor ends. So no such number comes in.
"""

import json
from collections.abc import Awaitable, Callable, MutableMapping
from decimal import Decimal
from typing import Any

from airflow.plugins_manager import AirflowPlugin
from fastapi.responses import JSONResponse

# Tasks and logs come by another way.
_API = "/api/v2/"
_REFUSAL = "the number {} lies beyond 64 bits, which Airflow cannot hand to a task. Write a smaller one."

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class BoundedNumbers:
    """Answers a request whose JSON has a number beyond 64 bits with HTTP 400.

    Args:
        app: what answers all other requests.
    """

    def __init__(self, app: Callable[[Message, Receive, Send], Awaitable[None]]) -> None:
        self.app = app

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Read a request's body, and hand it on as it came unless it is refused."""
        has_body = scope["type"] == "http" and scope["method"] in ("POST", "PUT", "PATCH")
        if not has_body or _API not in scope["path"]:
            await self.app(scope, receive, send)
            return
        messages = [await receive()]
        while messages[-1].get("more_body"):
            messages.append(await receive())
        number = beyond(b"".join(message.get("body", b"") for message in messages))
        if number is not None:
            await JSONResponse({"detail": _REFUSAL.format(number)}, 400)(scope, receive, send)
            return
        waiting = iter(messages)

        async def again() -> Message:
            message = next(waiting, None)
            return await receive() if message is None else message

        await self.app(scope, again, send)


def beyond(body: bytes) -> str | None:
    """The first number of a JSON text that is beyond 64 bits, as it is written; None also where it is no JSON."""
    numbers: list[str] = []

    def read(text: str) -> None:
        if not _within_bounds(text):
            numbers.append(text[:100])

    try:
        json.loads(body, parse_int=read, parse_float=read, parse_constant=read)
    except (ValueError, RecursionError):
        return None
    return numbers[0] if numbers else None


def _within_bounds(text: str) -> bool:
    try:
        return -(2**63) <= Decimal(text) < 2**63
    except ArithmeticError:  # no number, or too large for a decimal one
        return False


class ScoringNumbers(AirflowPlugin):
    """The middleware, as Airflow loads it."""

    name = "scoring_numbers"
    fastapi_root_middlewares = [  # noqa: RUF012 - Airflow's own form
        {"middleware": BoundedNumbers, "args": [], "kwargs": {}, "name": "Numbers within 64 bits"}
    ]
