"""A candidate: a trained model that was tried as a version is, and that nobody has adopted yet."""

import re
from datetime import date, datetime
from typing import Any, Literal

from pipeline.model.manifest import Manifest
from pipeline.payloads import Value
from pipeline.store.artefacts import Artefact


class StoredFile(Value):
    """A file of a candidate, in the artefact store.

    Attributes:
        sha256: of its bytes.
        size: how many they are.
    """

    sha256: str
    size: int


class Draft(Value):
    """A candidate before it has a number.

    Attributes:
        job: the job's name.
        model: the model's name.
        manifest: its manifest as JSON, without a number.
        card: its model card, Markdown.
        files: its files, by their names in a version's folder.
        training_start: the first score date that it was trained on.
        training_end: the last one.
        rows: how many rows it was trained on.
        data_sha256: digest of the training rows.
        query: the text of the query that gave them.
        query_sha256: its digest.
        outcomes_sha256: digest of the outcomes query.
        function: the team's function that trained it.
        code_sha256: digest of that function's modules.
        code_version: digest of this project's code.
        job_sha256: digest of the job file.
        evaluation: how good it is, beside baselines and the champion.
    """

    job: str
    model: str
    manifest: str
    card: str
    files: dict[str, StoredFile]
    training_start: date
    training_end: date
    rows: int
    data_sha256: str
    query: str
    query_sha256: str
    outcomes_sha256: str
    function: str
    code_sha256: str
    code_version: str
    job_sha256: str
    evaluation: dict[str, Any]


class Candidate(Draft):
    """A candidate in the predictions database.

    Attributes:
        number: by which people name it.
        status: `candidate`, or `adopted` once its text was written into a repository.
        adopted_as: the version that it became there.
        trained_by: what had it trained: the command line, or an Airflow DAG run.
        created_at: when it was entered.
    """

    number: int
    status: Literal["candidate", "adopted"]
    adopted_as: int | None
    trained_by: str
    created_at: datetime

    @property
    def label(self) -> str:
        """How messages name it."""
        return f"{self.model} candidate {self.number}"

    @property
    def numbered(self) -> Manifest:
        """Its manifest, whose version is its number with a minus: no version of a model store has such."""
        manifest = Manifest.model_validate_json(self.manifest)
        return manifest.model_copy(update={"version": -self.number})

    def artefact(self, file: str) -> Artefact:
        """A file of it, as the artefact store names it."""
        return Artefact(f"{file} of {self.label}", self.files[file].sha256, self.files[file].size)


def source_of(job: str, number: int) -> str:
    """What a version that was adopted has as its `source`."""
    return f"candidate {number} of job {job}"


def adopted_from(manifest: Manifest, job: str) -> int | None:
    """The number of the job's candidate that a version was adopted from; None where it was not."""
    named = re.fullmatch(r"candidate (\d+) of job (.+)", manifest.source)
    return int(named[1]) if named and named[2] == job else None
