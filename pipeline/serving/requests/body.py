"""A request's body: so many bytes, in so many seconds, and JSON as its standard has it.

Numbers stay as they are written, so that the contract reads each as it reads a database's: exactly, or not at all.
"""

import asyncio
import json
from typing import Any, NoReturn

from starlette.requests import ClientDisconnect, Request

from pipeline.config import loader
from pipeline.plain_text import visible
from pipeline.serving.requests.limits import Limits, Refused

# What is parsed beside the loop that answers, not in it.
_LARGE = 65_536
_SHOWN = 80


class Number(str):
    """A number of JSON, as it is written there."""

    __slots__ = ()


async def read(request: Request, limits: Limits) -> Any:
    """A request's body as values of JSON, its numbers as `Number`.

    Raises:
        Refused: it is too large, too slow, or no JSON.
    """
    kind = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise Refused(415, "content_type", "The body is to be JSON: send Content-Type: application/json.")
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise Refused(415, "content_encoding", "The body is to be sent as it is: without Content-Encoding.")
    content = await _content(request, limits)
    return await asyncio.to_thread(parse, content) if len(content) > _LARGE else parse(content)


def parse(content: bytes) -> Any:
    """Bytes as values of JSON, its numbers as `Number`.

    Raises:
        Refused: they are none, or name a key of an object twice.
    """
    try:
        return json.loads(
            content.decode(),
            parse_int=Number,
            parse_float=Number,
            parse_constant=_no_number,
            object_pairs_hook=_object,
        )
    except UnicodeDecodeError as error:
        raise _no_json(f"byte {error.start} is no UTF-8") from None
    except json.JSONDecodeError as error:
        raise _no_json(f"{error.msg} at line {error.lineno}, column {error.colno}") from None
    except RecursionError:
        raise _no_json("it is nested too deeply") from None


def shown(name: str) -> str:
    """A name that a client has sent, as a message shows it."""
    return visible(name.encode(errors="backslashreplace").decode())[:_SHOWN]


def flag(document: dict[str, Any], name: str) -> bool:
    """A key that is true or false; false where it is missing.

    Raises:
        Refused: it is something else.
    """
    value = document.get(name)
    if value is not None and type(value) is not bool:
        raise Refused(422, "no_flag", f"'{name}' is to be true or false.")
    return bool(value)


def require_keys(document: dict[str, Any], known: tuple[str, ...]) -> None:
    """Refuse a body with a key that says nothing: it is most likely misspelt.

    Raises:
        Refused: it has one.
    """
    for name in document:
        if name not in known:
            raise Refused(
                422,
                "unknown_key",
                f"The body has a key '{shown(name)}'. {loader.nearest(shown(name), known)}",
            )


async def _content(request: Request, limits: Limits) -> bytes:
    length = request.headers.get("content-length", "0")
    if not length.isdecimal() or int(length[:20]) > limits.body_bytes:
        raise _too_large(limits)
    content = bytearray()
    try:
        async with asyncio.timeout(limits.seconds):
            async for piece in request.stream():
                content += piece
                if len(content) > limits.body_bytes:
                    raise _too_large(limits)
    except TimeoutError:
        raise Refused(
            408, "slow_body", f"The body was not there after {limits.seconds:g} s. Send it at once."
        ) from None
    except ClientDisconnect:
        raise Refused(400, "gone", "The client has gone.") from None
    return bytes(content)


def _too_large(limits: Limits) -> Refused:
    return Refused(
        413,
        "body_limit",
        f"The body has more than {limits.body_bytes:,} bytes. Send fewer rows at a time.",
    )


def _no_json(reason: str) -> Refused:
    return Refused(400, "no_json", f"The body is no JSON: {reason}. Correct it, and send it again.")


def _no_number(word: str) -> NoReturn:
    raise _no_json(f"{word} is no number of JSON; a missing value is null")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        seen: set[str] = set()
        # A key at a time: to count each among all takes hours for the keys of one body.
        for name, _ in pairs:
            if name in seen:
                raise _no_json(f"an object has the key '{shown(name)}' twice")
            seen.add(name)
    return made
