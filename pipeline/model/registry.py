"""The model store: one folder a version, its bytes pinned in git-reviewed text.

    models/flight_delay/versions.toml    the SHA-256 of every version, and the aliases that jobs name
    models/flight_delay/1/               model.joblib, manifest.json, reference.parquet, profile.json, MODEL_CARD.md
                                         and model.sig, where versions are signed

A pickle runs code when it is read. So the bytes are read once, held against the pinned SHA-256, and against the
signature where a key is configured, and only then unpickled, from memory.
"""

import hashlib
import json
import os
import stat
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
from pydantic import BaseModel, ConfigDict, ValidationError

from pipeline import artifact, signature
from pipeline.artifact import ModelError as ModelError
from pipeline.contract import Column, Contract
from pipeline.errors import ScoringError
from pipeline.signature import SignatureError
from pipeline.texts import decoded

Task = Literal["binary", "multiclass", "regression"]
Floats = npt.NDArray[np.float64]

# Golden rows must get their recorded scores; the last bits may differ from one processor to another.
GOLDEN_TOLERANCE = 1e-9


class Manifest(BaseModel):
    """What is known of a version, as its manifest.json says it.

    Attributes:
        task: what the model predicts, which decides what `score`, `label` and `class_scores` hold.
        classes: the classes' labels, in the order of the model's probabilities; empty for a regression.
        threshold: binary only: the probability of the second class from which it is the label, where the team that
            registered it said so.
        labels: `scores` where the label follows from the scores: by the threshold, else the most probable class;
            `predict` where only the model's own `predict` says it.
        concurrent: whether several threads may score with the model at once, and are quicker than one.
        score_seconds: of one processor that a row took when the model was registered.
        libraries: versions of the distributions that the scores depend on.
        modules: SHA-256 of the source of each module of the artefact that belongs to no distribution.
        columns: the contract's columns, in the trained order.
        outcome: the reference's column that holds the real result, if it has one.
        golden_rows: rows of the reference that every load of the model scores again.
        golden_scores: the scores that they must get: one number a row, or one a class.
        profile_sha256: digest of profile.json; None for a version that was registered without one.
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

    @property
    def contract(self) -> Contract:
        """The columns that the model takes."""
        return Contract(self.columns)


@dataclass(frozen=True)
class Pinned:
    """One version, with the digest that git-reviewed text gives its bytes."""

    manifest: Manifest
    sha256: str
    folder: Path


@dataclass(frozen=True)
class Scores:
    """A batch's scores, one row a row of the batch.

    Attributes:
        score: float64 of shape (rows,): positive class's probability, the label's probability, or the value.
        label: the predicted classes' indices into the manifest's classes, shape (rows,); None for a regression.
        classes: float64 of shape (rows, classes); multiclass only.
    """

    score: Floats
    label: npt.NDArray[np.int64] | None
    classes: Floats | None


@dataclass(frozen=True)
class Model:
    """A verified, loaded model."""

    manifest: Manifest
    estimator: Any

    def score(self, frame: pd.DataFrame) -> Scores:
        """Score a frame that has the trained columns.

        Raises:
            ModelError: the scores are not one finite number a row (and class), or no probabilities.
        """
        task = self.manifest.task
        raw = self.estimator.predict(frame) if task == "regression" else self.estimator.predict_proba(frame)
        values = np.asarray(raw, dtype=np.float64)
        expected = (len(frame),) if task == "regression" else (len(frame), len(self.manifest.classes))
        if task == "regression" and values.shape == (len(frame), 1):
            values = values[:, 0]  # trained on a column and not on a row of numbers
        if values.shape != expected:
            raise ModelError(
                f"{self._name}: {len(frame)} rows got scores of shape {values.shape}, expected {expected}. The model "
                "must take a table and give one prediction a row. Wrap a step that takes a single column of text in "
                'ColumnTransformer([("text", TfidfVectorizer(), "column")]); train one model for each outcome.'
            )
        self._audit(values)
        if task == "regression":
            return Scores(values, None, None)
        labels = self._labels(frame, values)
        if task == "binary":
            return Scores(values[:, 1], labels, None)
        return Scores(values.max(axis=1), labels, values)

    def _labels(self, frame: pd.DataFrame, values: Floats) -> npt.NDArray[np.int64]:
        if self.manifest.labels == "predict":
            known = {value: place for place, value in enumerate(np.asarray(self.estimator.classes_).tolist())}
            return np.array(
                [known[value] for value in np.asarray(self.estimator.predict(frame)).tolist()], np.int64
            )
        if self.manifest.threshold is not None:
            return (values[:, 1] >= self.manifest.threshold).astype(np.int64)
        labels: npt.NDArray[np.int64] = values.argmax(axis=1)
        return labels

    def _audit(self, values: Floats) -> None:
        good = np.isfinite(values)
        if self.manifest.task != "regression":
            good &= (values >= 0) & (values <= 1)
        bad = np.flatnonzero(~good if good.ndim == 1 else ~good.all(axis=1))
        if len(bad):
            raise ScoreError(f"{self._name}: {len(bad)} rows got no usable score", bad[:5], values[bad[:5]])

    @property
    def _name(self) -> str:
        return f"model {self.manifest.name} version {self.manifest.version}"


class ScoreError(ModelError):
    """Rows whose scores are not finite, or are no probabilities."""

    def __init__(self, message: str, rows: npt.NDArray[np.int64], values: Floats) -> None:
        """Remember which rows of the batch are meant."""
        examples = str(values.tolist())
        super().__init__(
            f"{message}, for example {examples}. Correct the model or its input.", private=[examples]
        )
        self.rows = rows


def resolve(home: Path, name: str, alias: str, version: int | None = None) -> Pinned:
    """Turn a job's alias, or an explicit version, into one pinned version. Unpickles nothing.

    Raises:
        ModelError: no such model, alias or version, or its manifest cannot be read.
    """
    pins, aliases = versions(home, name)
    if version is None:
        version = aliases.get(alias)
        if version is None:
            raise ModelError(
                f"model {name!r} has no alias {alias!r}: {_versions(home, name)} knows "
                f"{', '.join(aliases) or 'none'}. Add a line `{alias} = <version>` below [aliases]."
            )
    if version not in pins:
        raise ModelError(
            f"model {name!r} has no version {version}: {_versions(home, name)} pins "
            f"{', '.join(map(str, pins)) or 'none'}. Register it, or name another."
        )
    folder = home / "models" / name / str(version)
    _require_no_link(folder)
    try:
        content = read_once(folder / "manifest.json")
        manifest = Manifest.model_validate_json(content)
    except (ModelError, ValidationError) as error:
        raise ModelError(
            f"{folder / 'manifest.json'} cannot be used: {error}. Restore it from git."
        ) from error
    if (manifest.name, manifest.version) != (name, version):
        raise ModelError(
            f"{folder / 'manifest.json'} is that of model {manifest.name} version {manifest.version}. Restore it from "
            "git."
        )
    # The other files are held against it and against the pin whenever they are read.
    _require_signed(folder, {"manifest.json": _sha256(content), "model.joblib": pins[version]})
    return Pinned(manifest, pins[version], folder)


def versions(home: Path, name: str) -> tuple[dict[int, str], dict[str, int]]:
    """The pinned SHA-256 of every version of a model, and its aliases.

    Raises:
        ModelError: the model is not in the store, or its versions.toml cannot be read.
    """
    path = _versions(home, name)
    if not path.exists():
        known = sorted(found.parent.name for found in (home / "models").glob("*/versions.toml"))
        raise ModelError(
            f"no model {name!r} in {home / 'models'}: known are {', '.join(known) or 'none'}. "
            f"Register it: python -m pipeline register {name} model.joblib --reference reference.parquet"
        )
    _require_no_link(path.parent)
    content = read_once(path)
    try:
        said = tomllib.loads(decoded(content))
        pins = {int(number): str(digest) for number, digest in said.get("versions", {}).items()}
        return pins, {str(alias): int(number) for alias, number in said.get("aliases", {}).items()}
    except (tomllib.TOMLDecodeError, ValueError, TypeError, AttributeError) as error:
        raise ModelError(
            f"{path}: not a list of versions and aliases: {error}. Restore it from git."
        ) from error


def load(pinned: Pinned) -> Model:
    """Verify a version and load it: digest, signature, library versions, unpickling, golden rows, in this order.

    Raises:
        ModelError: any of these does not hold. Nothing is unpickled before the first three do.
    """
    content = read_once(pinned.folder / "model.joblib")
    digest = _sha256(content)
    if digest != pinned.sha256 or digest != pinned.manifest.sha256:
        same = pinned.sha256 == pinned.manifest.sha256
        differs = "the file" if same else "versions.toml or manifest.json"
        other = "" if same else f", and the manifest has {pinned.manifest.sha256}"
        raise ModelError(
            f"{pinned.folder / 'model.joblib'} is not the registered model: its SHA-256 is {digest}, pinned is "
            f"{pinned.sha256}{other}. It was not loaded. Restore {differs} from git or your model storage."
        )
    if signature.required():
        _require_signed(pinned.folder, {**digests(pinned.folder), "model.joblib": digest}, whole=True)
    artifact.require_same(pinned.manifest.libraries, pinned.manifest.modules, pinned.folder)
    model = Model(pinned.manifest, artifact.unpickle(content, str(pinned.folder)))
    check_golden_rows(model)
    return model


def reference(pinned: Pinned) -> bytes:
    """A version's reference, as it was registered: a Parquet file of training rows.

    Raises:
        ModelError: it is missing or altered.
    """
    path = pinned.folder / "reference.parquet"
    content = read_once(path)
    digest = _sha256(content)
    if digest != pinned.manifest.reference_sha256:
        raise ModelError(
            f"{path} is not the registered reference: its SHA-256 is {digest}, the manifest's is "
            f"{pinned.manifest.reference_sha256}. Restore the file from git or your model storage."
        )
    return content


def digests(folder: Path) -> dict[str, str]:
    """SHA-256 of every file of a version but its signature.

    Raises:
        ModelError: one cannot be read, or is no plain file.
    """
    files = sorted(path for path in folder.rglob("*") if path.is_symlink() or not path.is_dir())
    return {
        path.relative_to(folder).as_posix(): _sha256(read_once(path))
        for path in files
        if path != folder / signature.FILE
    }


def _require_signed(folder: Path, found: Mapping[str, str], *, whole: bool = False) -> None:
    """Hold files against the version's signature, where a key is configured; the whole has no other ones, either."""
    if not signature.required():
        return
    path = folder / signature.FILE
    try:
        if not path.exists():
            raise signature.missing(path)
        signed = signature.verify(read_once(path), path)
        for file in sorted({*found, *(signed if whole else ())}):
            if found.get(file) != signed.get(file):
                raise signature.altered(path, file)
    except SignatureError as error:
        raise ModelError(str(error)) from error


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def check_golden_rows(model: Model) -> None:
    """Score the manifest's golden rows and compare.

    Raises:
        ModelError: a row does not get its recorded score.
    """
    manifest = model.manifest
    recorded = np.asarray(manifest.golden_scores, dtype=np.float64)
    try:
        scores = golden_scores(model, manifest.golden_rows)
    except ScoringError:
        raise
    except Exception as error:  # the model's own code may raise anything
        raise ModelError(
            f"model {manifest.name} version {manifest.version} cannot score its golden rows: "
            f"{type(error).__name__}: {error}. Its surroundings have changed: registered with "
            f"{json.dumps(manifest.libraries)}. Install those, or register the model again."
        ) from error
    same = scores.shape == recorded.shape
    if not same or not np.allclose(scores, recorded, rtol=GOLDEN_TOLERANCE, atol=GOLDEN_TOLERANCE):
        raise ModelError(
            f"model {manifest.name} version {manifest.version} does not score its golden rows as it did when it was "
            f"registered: got {scores.tolist()}, recorded {recorded.tolist()}. Its surroundings have changed: "
            f"registered with {json.dumps(manifest.libraries)}. Install those, or register the model again."
        )


def golden_scores(model: Model, rows: tuple[dict[str, Any], ...]) -> Floats:
    """Scores of golden rows: shape (rows,), or (rows, classes) for multiclass."""
    scores = model.score(golden_frame(model.manifest.contract, rows))
    return scores.score if scores.classes is None else scores.classes


def golden_frame(contract: Contract, rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Rows as the manifest keeps them, as the model takes them."""
    schema = contract.schema.remove(0)
    columns = [
        # JSON has no timestamps: they are kept as text, which Arrow reads back exactly.
        pa.array([row[field.name] for row in rows], pa.string()).cast(field.type)
        if pa.types.is_timestamp(field.type)
        else pa.array([row[field.name] for row in rows], field.type)
        for field in schema
    ]
    return contract.frame(pa.RecordBatch.from_arrays(columns, schema=schema))


def read_once(path: Path) -> bytes:
    """A file's bytes, read in one go, so that what is checked is what is used.

    Raises:
        ModelError: it cannot be read, or is no plain file.
    """
    try:
        # O_NONBLOCK: a pipe in the file's place would be waited for.
        with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
            if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                return file.read()
            reason = "a pipe or device"
    except OSError as error:
        reason = str(error.strerror)
    raise ModelError(
        f"{path} cannot be read: {reason}. A model is a plain file, never a link; restore it from git."
    )


def _require_no_link(folder: Path) -> None:
    """The pins are git-reviewed text: a link would put text in their place that nobody reviewed."""
    if folder.is_symlink():
        raise ModelError(f"{folder} is a link. A model is a plain folder below models/: restore it from git.")


def _versions(home: Path, name: str) -> Path:
    return home / "models" / name / "versions.toml"
