"""A running API, asked to score rows as any client asks it."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from pipeline.errors import ScoringError
from pipeline.model.manifest import PinnedVersion

_SECONDS = 120.0
# Tries where the API is busy, a second or so between two.
_TRIES = 30
_BUSY = (429, 503)
# Halves of a second in which an API has read a new token.
_NEW_TOKEN = 10


class ParityError(ScoringError):
    """A run that cannot be replayed through an API."""


@dataclass(frozen=True)
class Asked:
    """An API that serves a run's model.

    Attributes:
        client: asks it.
        job: of which.
        rows: as many it takes at a time.
        code_version: digest of the code that answers.
        pipeline_version: the product's version there.
        sha256: of the model that is to answer.
    """

    client: httpx.Client
    job: str
    rows: int
    code_version: str
    pipeline_version: str
    sha256: str

    def score(self, rows: Sequence[str], score_date: str) -> list[dict[str, Any]]:
        """The answers to rows, which are texts of JSON.

        Raises:
            ParityError: it refuses, or another version answers meanwhile.
        """
        content = f'{{"score_date":"{score_date}","rows":[{",".join(rows)}]}}'
        document = _document(self.client, "POST", f"/v1/jobs/{self.job}/score", content)
        if document["model"]["sha256"] != self.sha256:
            raise ParityError(
                f"another version of the model answers now: {document['model']['version']}. Score the date with it, or "
                "replay again."
            )
        lines: list[dict[str, Any]] = document["rows"]
        return lines


@contextmanager
def asking(url: str, token: str, job: str, pinned: PinnedVersion) -> Iterator[Asked]:
    """Ask an API, once it is clear that it serves the version that scored a run.

    Raises:
        ParityError: nothing answers there, the token is none, or it serves another version or not that job.
    """
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    try:
        with httpx.Client(base_url=url, headers=headers, timeout=_SECONDS, trust_env=False) as client:
            _await_token(client)
            document = _document(client, "GET", "/v1/jobs")
            served = next((each for each in document["jobs"] if each["job"] == job), None)
            if served is None:
                names = ", ".join(each["job"] for each in document["jobs"]) or "none"
                raise ParityError(f"{url} does not serve {job} to this token. It serves: {names}.")
            if served["model"]["sha256"] != pinned.sha256:
                raise ParityError(
                    f"{url} serves version {served['model']['version']} of model {served['model']['name']}, and the "
                    f"run was scored by {pinned.manifest.label}. Replay a run of the version that is served."
                )
            versions = document["code_version"], document["pipeline_version"]
            yield Asked(client, job, served["limits"]["rows"], *versions, pinned.sha256)
    except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
        raise ParityError(f"{url} is no address: {error}. Write it as http://127.0.0.1:8090") from error
    except httpx.TransportError as error:
        raise ParityError(
            f"{url} does not answer: {type(error).__name__}. Start the API: scoring serve; or name another: --url"
        ) from error


def _await_token(client: httpx.Client) -> None:
    """Wait until the API has read a token that was made a moment ago."""
    for _ in range(_NEW_TOKEN):
        if client.get("/v2").status_code != 401:
            return
        time.sleep(0.5)


def _document(client: httpx.Client, method: str, path: str, content: str | None = None) -> dict[str, Any]:
    for left in reversed(range(_TRIES)):
        answered = client.request(method, path, content=content)
        if answered.status_code not in _BUSY or not left:
            break
        time.sleep(float(answered.headers.get("Retry-After", "1")))
    try:
        document: dict[str, Any] = answered.json()
    except ValueError:
        raise ParityError(
            f"{client.base_url} is no API of ours: its answer is no JSON. Correct --url."
        ) from None
    if answered.status_code != 200:
        raise ParityError(f"{client.base_url} refuses: {document.get('error', answered.status_code)}")
    return document
