"""What a promotion was decided on: models/NAME/promotions/ALIAS-VERSION.json, committed with the line that it changes.

The same evidence gives the same bytes. The last key is the digest of what stands above it, so that a number which
somebody edits afterwards is seen, and the SHA-256 of both versions say which bytes were compared.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from pipeline.errors import UsageError
from pipeline.model import files
from pipeline.model.artifact import ModelError
from pipeline.model.manifest import PinnedVersion
from pipeline.monitoring.first_run.evidence import Frozen, JobEvidence
from pipeline.text_files import TextError, decoded

# Keys that a message names.
_NAMED = 3


class EvidenceError(UsageError):
    """The record of a promotion that cannot be used."""


class Promotion(Frozen):
    """A version that an alias was pointed at.

    Attributes:
        model: the model's name.
        alias: the alias.
        version: the version.
        sha256: of its artefact.
        former: the version before.
        former_sha256: of its artefact.
        by: who promotes, as stated.
        login: the session user of the predictions database; empty where none was asked.
        reason: why, where somebody gave a reason.
        jobs: the evidence of each job that follows the alias and has some.
    """

    model: str
    alias: str
    version: int
    sha256: str
    former: int
    former_sha256: str
    by: str
    login: str
    reason: str
    jobs: tuple[JobEvidence, ...]

    def of(self, job: str) -> JobEvidence | None:
        """The evidence of a job."""
        return next((evidence for evidence in self.jobs if evidence.job == job), None)

    def content(self) -> bytes:
        """The record as the bytes that are kept."""
        values = self.model_dump(mode="json")
        jobs = ",\n".join(map(_job, values.pop("jobs")))
        lines = [f"  {json.dumps(key)}: {_text(value)}" for key, value in values.items()]
        body = ",\n".join([*lines, f'  "jobs": [\n{jobs}\n  ]' if jobs else '  "jobs": []'])
        digest = hashlib.sha256(body.encode()).hexdigest()
        return f'{{\n{body},\n  "digest": "{digest}"\n}}\n'.encode()


def path(home: Path, name: str, alias: str, version: int) -> Path:
    """Where the record of a promotion is."""
    return home / "models" / name / "promotions" / f"{alias}-{version}.json"


def read(home: Path, alias: str, pinned: PinnedVersion) -> Promotion | None:
    """The record of a version's promotion; None where there is none.

    Raises:
        EvidenceError: it cannot be read, was edited, or is of other bytes than the version has.
    """
    name, version = pinned.manifest.name, pinned.manifest.version
    file = path(home, name, alias, version)
    if not file.exists():
        return None
    try:
        content = files.read_once(file)
        values = dict(json.loads(decoded(content)))
        values.pop("digest", None)
        promotion = Promotion.model_validate(values)
    except ValidationError as error:
        keys = ", ".join(".".join(map(str, each["loc"])) for each in error.errors()[:_NAMED])
        raise EvidenceError(
            f"{file} cannot be used: keys are missing or wrong, such as {keys}. Restore it from git."
        ) from error
    except (ModelError, TextError, ValueError, TypeError, RecursionError) as error:
        raise EvidenceError(f"{file} cannot be used: {error}. Restore it from git.") from error
    if promotion.content() != content:
        raise EvidenceError(f"{file} was edited: its digest is another one. Restore it from git.")
    own = (promotion.model, promotion.alias, promotion.version, promotion.sha256)
    if own != (name, alias, version, pinned.sha256):
        raise EvidenceError(
            f"{file} is of another version than {pinned.manifest.label}. Restore it from git."
        )
    return promotion


def _job(values: dict[str, Any]) -> str:
    """A job's evidence, with one line a key, a group and a date: readable, and small diffs."""
    lines = []
    for key, value in values.items():
        if key in ("losing", "days") and value:
            items = ",\n".join(f"        {_text(item)}" for item in value)
            lines.append(f'      "{key}": [\n{items}\n      ]')
        else:
            lines.append(f'      "{key}": {_text(value)}')
    return "    {\n" + ",\n".join(lines) + "\n    }"


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
