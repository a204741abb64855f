"""The manifest of a registered version: its task, its contract, its golden rows, and the digests of its files."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from pipeline.contract.contract import Column, Contract
from pipeline.worker.formats.native import Format, Settings

REFERENCE, PROFILE = "reference.parquet", "profile.json"

# Beside the artefact: the lock of its environment, and modules that it brings along.
LOCK, CODE = "requirements.lock", "code"

Task = Literal["binary", "multiclass", "regression"]


def predictor(platform: str) -> str:
    """Name of the file of a compiled predictor."""
    return f"predictor-{platform}.so"


def numbered(version: int) -> str:
    """A version's number, as messages give it; a candidate's is kept with a minus."""
    return f"candidate {-version}" if version < 0 else f"version {version}"


class Manifest(BaseModel):
    """What was recorded of a version when it was registered, as in its manifest.json.

    Attributes:
        task: what the model predicts, which decides what `score`, `label` and `class_scores` hold.
        classes: the classes' labels, in the order of the model's probabilities; empty for a regression.
        threshold: binary only: the probability of the second class from which it is the label, where its team
            registered it with one.
        labels: `scores` where the label follows from the scores: by the threshold, else the most probable class;
            `predict` where only the model's own `predict` says it.
        concurrent: whether several threads may score with the model at once, and are quicker than one.
        score_seconds: of one processor that a row took when the model was registered.
        libraries: versions of the distributions that the scores depend on.
        modules: SHA-256 of the source of each module of the artefact that belongs to no distribution.
        columns: the contract's columns, in the trained order.
        outcome: the reference's column that holds the outcome, if it has one.
        golden_rows: rows of the reference that every load of the model scores again.
        golden_scores: the scores that they must get: one number a row, or one a class.
        profile_sha256: digest of profile.json; None for a version that was registered without one.
        outside: size in bytes of each file that is not in git and in the artefact store, by name.
        format: what wrote the artefact.
        trusted: skops only: types that a reviewer trusts, beside those that skops trusts.
        source: what the artefact was copied from when it was registered, if from a registry.
        python: version of Python with which it was registered, such as 3.11.
        environment: version of every distribution that the artefact needs, and of those that these require.
        lock_sha256: digest of requirements.lock, of which the same environment is made; None where there is no lock.
        code: SHA-256 of each file of the version's own modules, by its path below code/.
        predictors: SHA-256 of the compiled predictor for each platform, such as linux-x86_64.
        uncompiled: for each platform on which one was tried and not kept, the reason.
        background: rows of the reference with which reasons of scores begin, in the order of their scores; none of a
            version from before there were reasons.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    name: str
    version: int
    task: Task
    classes: tuple[str, ...]
    threshold: float | None
    sha256: str
    reference_sha256: str
    reference_rows: int
    outcome: str | None
    training_start: date | None
    training_end: date | None
    created_at: str
    libraries: dict[str, str]
    modules: dict[str, str] = {}
    metrics: dict[str, float]
    columns: tuple[Column, ...]
    golden_rows: tuple[dict[str, Any], ...]
    golden_scores: tuple[float | tuple[float, ...], ...]
    profile_sha256: str | None = None
    labels: Literal["scores", "predict"] = "scores"
    concurrent: bool = False
    score_seconds: float = 0.0
    outside: dict[str, int] = {}
    format: Format = "joblib"
    trusted: tuple[str, ...] = ()
    source: str = ""
    python: str = ""
    environment: dict[str, str] = {}
    lock_sha256: str | None = None
    code: dict[str, str] = {}
    predictors: dict[str, str] = {}
    uncompiled: dict[str, str] = {}
    background: tuple[dict[str, Any], ...] = ()

    @property
    def label(self) -> str:
        """The model's name and version, as messages give them."""
        return f"{self.name} {numbered(self.version)}"

    def trained_on(self, day: date) -> bool | None:
        """Whether a day lies among the training days; None where they are unknown."""
        if self.training_start is None or self.training_end is None:
            return None
        return self.training_start <= day <= self.training_end

    @property
    def artefact(self) -> str:
        """Name of the artefact's file."""
        return f"model.{self.format}"

    @property
    def settings(self) -> Settings:
        """What opens the artefact."""
        return Settings(self.format, self.classes, self.trusted)

    @property
    def digests(self) -> dict[str, str]:
        """SHA-256 of each file that may be large, by name."""
        digests = {self.artefact: self.sha256, REFERENCE: self.reference_sha256}
        return digests | ({PROFILE: self.profile_sha256} if self.profile_sha256 else {})

    @property
    def contract(self) -> Contract:
        """The columns that the model takes."""
        return Contract(self.columns)


@dataclass(frozen=True)
class PinnedVersion:
    """One version, with the digest that git-reviewed text gives its bytes.

    Attributes:
        manifest: what was recorded of it.
        sha256: of its artefact.
        folder: where its files are.
        around: the folder that holds models/, where the version's own is not in it.
    """

    manifest: Manifest
    sha256: str
    folder: Path
    around: Path | None = None

    @property
    def home(self) -> Path:
        """The folder that holds models/."""
        return self.around or self.folder.parents[2]
