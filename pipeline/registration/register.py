"""Take a trained model into the model store, with everything that a run needs to know of it."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from pipeline.config.fields import WORD
from pipeline.contract.contract import SCORE_DATE, Contract
from pipeline.contract.infer import infer
from pipeline.errors import UsageError
from pipeline.model.artifact import open_estimator
from pipeline.model.files import sha256
from pipeline.model.loaded_model import Model
from pipeline.model.manifest import PROFILE, REFERENCE, Manifest, PinnedVersion
from pipeline.model.requirements import requirements_of
from pipeline.monitoring import references
from pipeline.registration import reference, source, surroundings
from pipeline.registration.compiled import add
from pipeline.registration.day_losses import day_losses
from pipeline.registration.estimator import features, task_and_classes
from pipeline.registration.leakage import reject_leakage
from pipeline.registration.probe import probe
from pipeline.registration.save import save
from pipeline.worker.formats import reading
from pipeline.worker.formats.native import Settings


@dataclass(frozen=True)
class Registration:
    """A model to be registered, and all that its team gives with it.

    Attributes:
        name: the model's name, a lower-case word.
        artefact: a file of a classifier or regressor; the end of its name says its format, which else is joblib's.
        reference: Parquet file of training rows: every feature in the dtype the model was trained on. It may carry
            `entity_id`, `score_date` and outcome columns, which are not features.
        alias: an alias to point at the new version.
        outcome: the reference's column that holds the outcome.
        planned: features whose timestamps are known in advance, and may be later than the score date.
        threshold: binary only: the probability from which a row gets the positive class's label; else its label is
            what the model's `predict` says.
        metrics: figures of the model's evaluation, kept in the manifest.
        training_window: first and last score date of the training data; else read off the reference's `score_date`, or
            off `night_column`.
        card: the model card, Markdown; else a short one is written.
        nights: Parquet file of the training rows, whole training days, to be profiled and not kept; else the reference.
        night_column: its column with the day of each row, so that a run can be compared with the training days.
        score_column: its column with scores of models that had not seen the row's day.
        slices: features within whose values drift is looked at, where there is a night column.
        classes: labels of the classes in the order of the probabilities, where the artefact has none.
        trusted: types that a file of skops may have, beside those that skops trusts.
        source: what the artefact was copied from, such as a version in MLflow's registry.
        code: a folder with modules that the artefact needs and no distribution has; the version brings them along.

    Raises:
        UsageError: a name is no lower-case word, the threshold no probability, or an option lacks what it needs.
    """

    name: str
    artefact: Path
    reference: Path
    alias: str | None = None
    outcome: str | None = None
    planned: Collection[str] = ()
    threshold: float | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    training_window: tuple[date, date] | None = None
    card: str | None = None
    nights: Path | None = None
    night_column: str | None = None
    score_column: str | None = None
    slices: Collection[str] = ()
    classes: Sequence[str] = ()
    trusted: Collection[str] = ()
    source: str = ""
    code: Path | None = None

    @property
    def settings(self) -> Settings:
        """What opens the artefact."""
        return Settings(reading.format_of(self.artefact.name), (*self.classes,), (*sorted(self.trusted),))

    def __post_init__(self) -> None:
        _check_word("model", self.name)
        if self.alias is not None:
            _check_word("alias", self.alias)
        if self.threshold is not None and not 0 <= self.threshold <= 1:
            raise UsageError(f"threshold {self.threshold}: a probability is from 0 to 1.")
        if self.slices and self.night_column is None:
            raise UsageError("--slice: drift is held against training days. Name their --night-column.")
        if self.trusted and self.settings.format != "skops":
            raise UsageError(f"{self.artefact}: only a .skops file has types to trust. Leave --trust out.")
        if self.classes and self.settings.format in ("joblib", "skops"):
            raise UsageError(f"{self.artefact}: the model names its classes itself. Leave --class out.")


def register(home: Path, registration: Registration) -> PinnedVersion:
    """Register a model as its next version. It unpickles the artefact, so register only what you made.

    Args:
        home: the folder that holds models/.
        registration: the model.

    Raises:
        UsageError: a file cannot be read.
        ModelError: the artefact cannot be loaded or is of no supported kind, or fails on the reference's rows; or a
            feature is not known when a run scores: the outcome, a copy of it, a time after the score date; or the
            reference has outcomes that the model cannot mean.
        ContractError: the reference lacks a feature, or holds values that no model takes.
    """
    own = source.own_modules(registration.code)
    manifest, files, estimator = prepare(registration, own)
    manifest, files = surroundings.carry(manifest, files, own, str(registration.artefact))
    manifest, files = add.to_new(manifest, files, own, estimator)
    return save(home, manifest, files, registration.card, registration.alias)


def prepare(registration: Registration, own: Collection[str]) -> tuple[Manifest, dict[str, bytes], Any]:
    """A model's manifest, without a number, its files, and its estimator, once tried; raises as `register` does."""
    settings, content = registration.settings, source.read(registration.artefact)
    files = {f"model.{settings.format}": content, REFERENCE: source.read(registration.reference)}
    origin = str(registration.artefact)
    with surroundings.importable(registration.code):
        estimator, modules = open_estimator(content, origin, settings)
    requirements = requirements_of(modules, origin, surroundings.names(own))
    rows = reference.sample(files[REFERENCE], registration.reference)
    nights = registration.nights
    whole = rows if nights is None else reference.read_rows(source.read(nights), nights)
    manifest = _manifest(registration, files, requirements, estimator, rows, whole)
    reference.require_outcomes(rows, manifest, registration.reference)
    manifest = probe(Model(manifest, estimator), rows, registration.artefact)
    manifest = reference.with_background(Model(manifest, estimator), rows)
    columns = (registration.night_column, registration.score_column)
    profiles = references.build(whole, manifest, *columns, registration.slices)
    profile = replace(profiles, losses=day_losses(whole, rows, manifest, *columns)).content()
    manifest = manifest.model_copy(update={"profile_sha256": sha256(profile)})
    return manifest, {**files, PROFILE: profile}, estimator


def _manifest(
    registration: Registration,
    files: Mapping[str, bytes],
    requirements: tuple[dict[str, str], dict[str, str]],
    estimator: Any,
    rows: pd.DataFrame,
    whole: pd.DataFrame,
) -> Manifest:
    """The manifest of a version without a number, as far as it can be written before the model scores."""
    task, classes = task_and_classes(estimator, registration.artefact)
    contract = _contract(registration, estimator, rows)
    start, end = (
        registration.training_window
        or reference.window(rows, SCORE_DATE)
        or reference.window(whole, registration.night_column)
        or (None, None)
    )
    return Manifest(
        name=registration.name,
        version=0,
        task=task,
        classes=classes,
        threshold=registration.threshold if task == "binary" else None,
        sha256=sha256(files[f"model.{registration.settings.format}"]),
        reference_sha256=sha256(files[REFERENCE]),
        reference_rows=len(rows),
        outcome=registration.outcome,
        training_start=start,
        training_end=end,
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        libraries=requirements[0],
        modules=requirements[1],
        metrics=dict(registration.metrics),
        columns=contract.columns,
        golden_rows=reference.golden_rows(rows, contract),
        golden_scores=(),
        format=registration.settings.format,
        trusted=registration.settings.trusted,
        source=registration.source,
    )


def _contract(registration: Registration, estimator: Any, rows: pd.DataFrame) -> Contract:
    """The contract of the reference, none of whose features leaks the outcome."""
    apart = (registration.night_column, registration.score_column)
    names = features(estimator, rows, registration.outcome, apart, registration.reference)
    contract = infer(rows, names, registration.planned)
    reject_leakage(rows, contract, registration.outcome, str(registration.reference))
    return contract


def _check_word(kind: str, word: str) -> None:
    if not re.fullmatch(WORD, word):
        raise UsageError(f"{kind} {word!r}: use a lower-case word of letters, digits and _.")
