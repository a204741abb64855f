"""Take a trained scikit-learn model into the model store, with everything that a night needs to know of it."""

import hashlib
import io
import json
import os
import re
import shutil
import tempfile
from collections.abc import Collection, Mapping
from dataclasses import asdict, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from sklearn.base import is_classifier, is_regressor

from pipeline import contract as contracts
from pipeline import leaks, references, signature
from pipeline.contract import ENTITY, Column, Contract
from pipeline.errors import ScoringError, UsageError
from pipeline.model import (
    Manifest,
    Model,
    ModelError,
    Pinned,
    Task,
    digests,
    golden_scores,
    library_versions,
    unpickle,
    versions,
)

GOLDEN_ROWS = 8
NOT_FEATURES = (ENTITY, "score_date")
UNKNOWN_TEXT = "a text that training never saw"

_HEADER = """\
# Every registered version with the SHA-256 of its model.joblib, and the aliases that jobs name.
# To promote or roll back a model, change its line below [aliases] and have it reviewed.

[versions]

[aliases]
"""


def register(
    home: Path,
    name: str,
    artefact: Path,
    reference: Path,
    *,
    alias: str | None = None,
    outcome: str | None = None,
    planned: Collection[str] = (),
    threshold: float = 0.5,
    metrics: Mapping[str, float] | None = None,
    training_window: tuple[date, date] | None = None,
    card: str | None = None,
    nights: Path | None = None,
    night_column: str | None = None,
    score_column: str | None = None,
) -> Pinned:
    """Register a model as the next version of `name`. It unpickles the artefact, so register only what you made.

    Args:
        home: the folder that holds models/.
        name: the model's name, a lower-case word.
        artefact: a joblib file of a scikit-learn classifier (binary or multiclass) or regressor.
        reference: Parquet file of training rows: every feature in the dtype the model was trained on. It may carry
            `entity_id`, `score_date` and outcome columns, which are not features.
        alias: an alias to point at the new version.
        outcome: the reference's column that holds the real result.
        planned: features whose timestamps are known in advance, and may be later than the score date.
        threshold: binary only: the probability from which a row gets the positive class's label.
        metrics: figures of the model's evaluation, kept in the manifest.
        training_window: first and last score date of the training data; else read off the reference's `score_date`.
        card: the model card, Markdown; else a short one is written.
        nights: Parquet file of the training rows, whole nights, to be profiled and not kept; else the reference.
        night_column: its column with the day of each row, so that a night can be compared with training's nights.
        score_column: its column with scores of models that had not seen the row's night.

    Raises:
        UsageError: a file cannot be read, a name is no lower-case word, or the threshold is no probability.
        ModelError: the artefact cannot be loaded or is of no supported kind, or fails on the reference's rows; or a
            feature is not known at night: the outcome, a copy of it, a time after the score date.
        ContractError: the reference lacks a feature, or holds values that no model takes.
    """
    _check_word("model", name)
    if alias is not None:
        _check_word("alias", alias)
    if not 0 <= threshold <= 1:
        raise UsageError(f"threshold {threshold}: a probability is from 0 to 1.")
    content, reference_content = _read(artefact), _read(reference)
    estimator = unpickle(content, str(artefact))
    rows = _rows(reference_content, reference)
    if rows.empty:
        raise ModelError(f"{reference}: no rows. The reference is a sample of the training rows.")
    task, classes = _task(estimator, artefact)
    contract = contracts.infer(
        rows, _features(estimator, rows, outcome, (night_column, score_column), reference), planned
    )
    leaks.require_none(rows, contract, outcome, str(reference))
    whole = rows if nights is None else _rows(_read(nights), nights)
    manifest = Manifest(
        name=name,
        version=0,
        task=task,
        classes=classes,
        threshold=threshold if task == "binary" else None,
        sha256=hashlib.sha256(content).hexdigest(),
        reference_sha256=hashlib.sha256(reference_content).hexdigest(),
        reference_rows=len(rows),
        outcome=outcome,
        training_start=(training_window or _window(rows))[0],
        training_end=(training_window or _window(rows))[1],
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        libraries=library_versions(),
        metrics=dict(metrics or {}),
        columns=contract.columns,
        golden_rows=_golden_rows(rows, contract),
        golden_scores=(),
    )
    manifest = _probe(Model(manifest, estimator), artefact)
    profile = references.build(whole, manifest, night_column, score_column).content()
    manifest = manifest.model_copy(update={"profile_sha256": hashlib.sha256(profile).hexdigest()})
    files = {"model.joblib": content, "reference.parquet": reference_content, references.FILE: profile}
    return _save(home, manifest, files, card, alias)


def sign(home: Path, name: str, version: int, key: Path) -> Path:
    """Sign a registered version's files as they are, and unpickle nothing; returns the signature's path.

    Args:
        home: the folder that holds models/.
        name: the model's name.
        version: the version.
        key: PEM file of an EC private key.

    Raises:
        UsageError: the key cannot be used.
        ModelError: there is no such version, or its model is not the pinned one.
    """
    pins, _ = versions(home, name)
    folder = home / "models" / name / str(version)
    if version not in pins:
        raise ModelError(
            f"model {name!r} has no version {version}: known are {', '.join(map(str, pins)) or 'none'}."
        )
    files = digests(folder)
    if files.get("model.joblib") != pins[version]:
        raise ModelError(
            f"{folder / 'model.joblib'} is not the one that versions.toml pins, and is not signed. Restore it from git "
            "or your model storage."
        )
    path = folder / signature.FILE
    aside = folder.parent / f".signing-{version}"  # the version has no other file than those that are signed
    aside.write_bytes(signature.sign(files, str(version), key))
    os.replace(aside, path)
    return path


def _rows(content: bytes, reference: Path) -> pd.DataFrame:
    try:
        rows = pd.read_parquet(io.BytesIO(content)).reset_index(drop=True)
        return rows.set_axis(rows.columns.map(str), axis="columns")
    except pa.ArrowException as error:
        raise UsageError(
            f"{reference} is no Parquet file: {error} Write it with DataFrame.to_parquet."
        ) from error


def _probe(model: Model, artefact: Path) -> Manifest:
    """Score the golden rows, and find out which columns may hold a text that training never saw, and which a null."""
    manifest = model.manifest
    try:
        scores = golden_scores(model, manifest.golden_rows)
    except ScoringError:
        raise
    except Exception as error:  # the model's own code may raise anything
        raise ModelError(
            f"{artefact}: the model cannot score rows of the reference: {type(error).__name__}: {error}. "
            "Write the reference with the columns and dtypes that the model was trained on."
        ) from error
    columns = tuple(
        replace(
            column,
            accepts_unknown=column.categories is None or _accepts(model, column, UNKNOWN_TEXT),
            accepts_missing=_accepts(model, column, None),
        )
        for column in manifest.columns
    )
    recorded = tuple(tuple(row) if isinstance(row, list) else row for row in scores.tolist())
    return manifest.model_copy(update={"columns": columns, "golden_scores": recorded})


def _accepts(model: Model, column: Column, value: str | None) -> bool:
    row = {**model.manifest.golden_rows[0], column.name: value}
    try:
        golden_scores(model, (row,))
    except Exception:  # noqa: BLE001 - whatever the model raises, the answer is no
        return False
    return True


def _task(estimator: Any, artefact: Path) -> tuple[Task, tuple[str, ...]]:
    # What has no tags is no estimator, and asking it for its kind would only raise.
    known = hasattr(estimator, "__sklearn_tags__")
    if known and is_regressor(estimator):
        return "regression", ()
    if not known or not is_classifier(estimator):
        raise ModelError(
            f"{artefact}: {type(estimator).__name__} is neither a classifier nor a regressor of scikit-learn. "
            "Wrap it in a scikit-learn Pipeline."
        )
    if not hasattr(estimator, "predict_proba"):
        raise ModelError(
            f"{artefact}: {type(estimator).__name__} gives no probabilities. Wrap it in CalibratedClassifierCV."
        )
    found = getattr(estimator, "classes_", None)
    if found is None:
        raise ModelError(f"{artefact}: {type(estimator).__name__} is not trained. Fit it first.")
    if isinstance(found, list):
        raise ModelError(f"{artefact}: the model has {len(found)} outcomes. Train one model for each.")
    classes = tuple(_label(value) for value in np.asarray(found).tolist())
    if len(classes) < 2:
        raise ModelError(
            f"{artefact}: the model was trained on a single class, {classes[0]!r}, and gives every row the same score. "
            "Train it on rows of at least two classes."
        )
    return ("binary" if len(classes) == 2 else "multiclass"), classes


def _label(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _features(
    estimator: Any, rows: pd.DataFrame, outcome: str | None, apart: Collection[str | None], reference: Path
) -> list[str]:
    if outcome is not None and outcome not in rows.columns:
        raise ModelError(f"{reference}: no outcome column {outcome!r}. It has {', '.join(rows.columns)}.")
    named = getattr(estimator, "feature_names_in_", None)
    features = (
        [str(name) for name in named]
        if named is not None
        else [name for name in rows.columns if name not in (*NOT_FEATURES, outcome, *apart)]
    )
    for name in (*NOT_FEATURES, outcome):
        if name in features:
            raise ModelError(
                f"{reference}: the model was trained on {name!r}, which is no feature: it is not known at night or "
                "names the row. Train without it."
            )
    return features


def _window(rows: pd.DataFrame) -> tuple[date, date] | tuple[None, None]:
    if "score_date" not in rows.columns:
        return None, None
    days = pd.to_datetime(rows["score_date"])
    return days.min().date(), days.max().date()


def _golden_rows(rows: pd.DataFrame, contract: Contract) -> tuple[dict[str, Any], ...]:
    chosen = rows.iloc[np.unique(np.linspace(0, len(rows) - 1, GOLDEN_ROWS).astype(int))]
    return tuple(
        {column.name: _json(chosen[column.name].iloc[place], column) for column in contract.columns}
        for place in range(len(chosen))
    )


def _json(value: Any, column: Column) -> Any:
    if pd.isna(value):
        return None
    if column.kind in ("timestamp", "instant"):
        return pd.Timestamp(value).isoformat()
    plain = {"integer": int, "number": float, "boolean": bool}.get(column.kind, str)
    return plain(value)


def _save(
    home: Path, manifest: Manifest, files: Mapping[str, bytes], card: str | None, alias: str | None
) -> Pinned:
    store = home / "models" / manifest.name
    store.mkdir(parents=True, exist_ok=True)
    pins, aliases = versions(home, manifest.name) if (store / "versions.toml").exists() else ({}, {})
    taken = [*pins, *(int(folder.name) for folder in store.iterdir() if folder.name.isdigit())]
    manifest = manifest.model_copy(update={"version": max(taken, default=0) + 1})
    key = os.environ.get(signature.SIGN_KEY)
    aside = Path(tempfile.mkdtemp(prefix=".registering-", dir=store))
    try:
        for name, content in files.items():
            (aside / name).write_bytes(content)
        (aside / "manifest.json").write_text(_pretty(manifest), encoding="utf-8")
        (aside / "MODEL_CARD.md").write_text(card or _card(manifest), encoding="utf-8")
        if key:
            signed = signature.sign(digests(aside), str(manifest.version), Path(key))
            (aside / signature.FILE).write_bytes(signed)
        aside.chmod(0o755)
        folder = store / str(manifest.version)
        os.rename(aside, folder)  # refuses to replace a version: registered versions are immutable
    except (OSError, UsageError):
        shutil.rmtree(aside, ignore_errors=True)
        raise
    _pin(store / "versions.toml", manifest, alias, aliases)
    return Pinned(manifest, manifest.sha256, folder)


def _pin(path: Path, manifest: Manifest, alias: str | None, aliases: dict[str, int]) -> None:
    text = path.read_text(encoding="utf-8") if path.exists() else _HEADER
    text = _set_line(text, "versions", str(manifest.version), f'"{manifest.sha256}"')
    if alias is not None:
        if alias in aliases:
            # What a job's fallback serves, and what a person goes back to.
            text = _set_line(text, "aliases", f"{alias}_previous", str(aliases[alias]))
        text = _set_line(text, "aliases", alias, str(manifest.version))
    aside = path.with_suffix(".tmp")
    aside.write_text(text, encoding="utf-8")
    os.replace(aside, path)


def _set_line(text: str, section: str, key: str, value: str) -> str:
    """Set one key of one section and leave every other line, comments included, as it is."""
    header = re.search(rf"^\[{section}\].*\n?", text, re.MULTILINE)
    if header is None:
        return f"{text.rstrip()}\n\n[{section}]\n{key} = {value}\n"
    before, after = text[: header.end()], text[header.end() :]
    following = re.search(r"^\[", after, re.MULTILINE)
    body, rest = (after[: following.start()], after[following.start() :]) if following else (after, "")
    pattern = rf"^{re.escape(key)}[ \t]*=[^#\n]*?([ \t]*#.*)?$"
    body, found = re.subn(pattern, rf"{key} = {value}\1", body, flags=re.MULTILINE)
    if not found:
        body = f"{body.rstrip()}\n{key} = {value}\n".lstrip("\n") + "\n" * bool(rest)
    return f"{before}{body}{rest}"


def _pretty(manifest: Manifest) -> str:
    """JSON with one line a column and a golden row: readable, and small diffs."""
    said = {**manifest.model_dump(mode="json"), "columns": [asdict(column) for column in manifest.columns]}
    lines = []
    for key, value in said.items():
        if key in ("columns", "golden_rows", "golden_scores") and value:
            items = ",\n    ".join(json.dumps(item, ensure_ascii=False) for item in value)
            lines.append(f'  "{key}": [\n    {items}\n  ]')
        else:
            lines.append(f'  "{key}": {json.dumps(value, ensure_ascii=False)}')
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _card(manifest: Manifest) -> str:
    figures = (
        "\n".join(f"- {name}: {value:.4g}" for name, value in manifest.metrics.items()) or "- none given"
    )
    return (
        f"# {manifest.name}, version {manifest.version}\n\n"
        f"A {manifest.task} model of {len(manifest.columns)} features, registered {manifest.created_at}.\n"
        f"Trained on {manifest.training_start or 'an unknown first day'} to {manifest.training_end or 'unknown'}.\n\n"
        f"## Figures\n\n{figures}\n"
    )


def _check_word(what: str, word: str) -> None:
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,62}", word):
        raise UsageError(f"{what} {word!r}: use a lower-case word of letters, digits and _.")


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(
            f"{path} cannot be read: {error.strerror}. Give the path of an existing file."
        ) from error
