"""Signs of life of a watch, for whoever watches the watch: a URL that is asked, a file that is touched."""

import asyncio
import logging
import os
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from pipeline.errors import UsageError

log = logging.getLogger(__name__)

# Holds the URL of a dead man's switch. It is a secret: whoever knows it can make a dead watch look alive.
VARIABLE = "SCORING_HEARTBEAT"
_SECONDS = 10.0


class HeartbeatError(UsageError):
    """A heartbeat that cannot be given."""


def url(environ: Mapping[str, str] = os.environ) -> str | None:
    """The URL to ask after each look, None where there is none.

    Raises:
        HeartbeatError: it is no URL of the web.
    """
    value = environ.get(VARIABLE, "").strip()
    if not value:
        return None
    try:
        parts = urlsplit(value)
        is_web = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        is_web = False
    if not is_web:
        raise HeartbeatError(
            f"{VARIABLE} is no web address. Set it to https://..., as your monitor gives it."
        )
    return value


def ping(address: str) -> bool:
    """Ask a URL, and return whether it answered; the log names its host alone, for its path is the secret."""
    logging.getLogger("httpx").setLevel(logging.WARNING)  # which logs every URL
    try:
        # All of it in that time: an answer that comes byte by byte would else keep the watch from its next look.
        status = asyncio.run(asyncio.wait_for(_status(address), _SECONDS))
    except (TimeoutError, httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
        log.error("the heartbeat at %s was not reached: %s", _host(address), type(error).__name__)
        return False
    if status >= 300:
        log.error("the heartbeat at %s answered %s. Correct %s.", _host(address), status, VARIABLE)
        return False
    return True


def touch(file: Path) -> None:
    """Make a file as new as now, by whose age others see that the watch is alive.

    Raises:
        HeartbeatError: it cannot be written.
    """
    try:
        file.touch()
    except OSError as error:
        raise HeartbeatError(
            f"{file} cannot be written: {error.strerror}. Name another file: --beat FILE."
        ) from None


async def _status(address: str) -> int:
    """The status of an answer, and no more of it: a body may be of any length."""
    async with (
        httpx.AsyncClient(timeout=_SECONDS, follow_redirects=False) as client,
        client.stream("GET", address) as answer,
    ):
        return answer.status_code


def _host(address: str) -> str:
    return urlsplit(address).hostname or "?"
