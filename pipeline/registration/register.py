"""Take a trained scikit-learn model into the model store, with everything that a night needs to know of it."""

import fcntl
import hashlib
import io
import json
import os
import re
import shutil
import tempfile
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.contract import contract as contracts
from pipeline.contract.contract import Column, Contract, ContractError
from pipeline.errors import UsageError
from pipeline.model import signature
from pipeline.model.artifact import ModelError, requirements, unpickle_and_name_modules
from pipeline.model.files import digests
from pipeline.model.manifest import Manifest, PinnedVersion
from pipeline.model.registry import versions
from pipeline.model.scoring import Model
from pipeline.monitoring import references
from pipeline.registration import leakage
from pipeline.registration.estimator import features, task_and_classes
from pipeline.registration.probe import probe
from pipeline.text_files import decoded

GOLDEN_ROWS = 8

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
    threshold: float | None = None,
    metrics: Mapping[str, float] | None = None,
    training_window: tuple[date, date] | None = None,
    card: str | None = None,
    nights: Path | None = None,
    night_column: str | None = None,
    score_column: str | None = None,
) -> PinnedVersion:
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
        threshold: binary only: the probability from which a row gets the positive class's label; else its label is
            what the model's `predict` says.
        metrics: figures of the model's evaluation, kept in the manifest.
        training_window: first and last score date of the training data; else read off the reference's `score_date`, or
            off `night_column`.
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
    if threshold is not None and not 0 <= threshold <= 1:
        raise UsageError(f"threshold {threshold}: a probability is from 0 to 1.")
    content, reference_content = _read(artefact), _read(reference)
    estimator, named = unpickle_and_name_modules(content, str(artefact))
    libraries, modules = requirements(named, str(artefact))
    rows = _rows(reference_content, reference)
    if rows.empty:
        raise ModelError(f"{reference}: no rows. The reference is a sample of the training rows.")
    task, classes = task_and_classes(estimator, artefact)
    contract = contracts.infer(
        rows, features(estimator, rows, outcome, (night_column, score_column), reference), planned
    )
    leakage.reject_leakage(rows, contract, outcome, str(reference))
    whole = rows if nights is None else _rows(_read(nights), nights)
    first, last = (
        training_window or _window(rows, "score_date") or _window(whole, night_column) or (None, None)
    )
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
        training_start=first,
        training_end=last,
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        libraries=libraries,
        modules=modules,
        metrics=dict(metrics or {}),
        columns=contract.columns,
        golden_rows=_golden_rows(rows, contract),
        golden_scores=(),
    )
    manifest = probe(Model(manifest, estimator), rows, artefact)
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
        schema = pq.read_schema(io.BytesIO(content))
    except pa.ArrowException as error:
        raise UsageError(
            f"{reference} is no Parquet file: {error} Write it with DataFrame.to_parquet."
        ) from error
    return _as_trained(rows.set_axis(rows.columns.map(str), axis="columns"), schema, reference)


def _as_trained(rows: pd.DataFrame, schema: pa.Schema, reference: Path) -> pd.DataFrame:
    """The rows in the dtypes that they were written with, where Parquet gives back others."""
    for column in (schema.pandas_metadata or {}).get("columns", ()):
        name, written, was = str(column["name"]), str(column["numpy_type"]), column["pandas_type"]
        if name not in rows.columns:
            continue
        if written == "object" and was in ("bool", "empty") and rows[name].isna().all():
            raise ContractError(
                f"{reference}: column {name!r} has no value in any row, so its kind is unknown. "
                "Write a reference with rows that have one, or train without the column."
            )
        if written == "object" and was == "unicode":
            rows[name] = rows[name].astype(object).where(rows[name].notna(), None)
        elif was == "categorical" and not isinstance(rows[name].dtype, pd.CategoricalDtype):
            raise ContractError(
                f"{reference}: column {name!r} was a category of {rows[name].dtype}, which a Parquet file does not "
                f'keep. Make it text: frame[{name!r}].astype("str").astype("category") in training, CAST({name} AS '
                "text) in the query."
            )
    return rows


def _window(rows: pd.DataFrame, column: str | None) -> tuple[date, date] | None:
    """First and last day of a column; None where it is not there or holds no day."""
    days = pd.to_datetime(rows[column]).dropna() if column in rows.columns else pd.Series()
    return (days.min().date(), days.max().date()) if len(days) else None


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
) -> PinnedVersion:
    store = home / "models" / manifest.name
    store.mkdir(parents=True, exist_ok=True)
    with _only_writer(store):
        return _save_next(home, store, manifest, files, card, alias)


@contextmanager
def _only_writer(store: Path) -> Iterator[None]:
    """Register one version at a time: each takes a number and changes versions.toml."""
    folder = os.open(store, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def _save_next(
    home: Path,
    store: Path,
    manifest: Manifest,
    files: Mapping[str, bytes],
    card: str | None,
    alias: str | None,
) -> PinnedVersion:
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
    return PinnedVersion(manifest, manifest.sha256, folder)


def _pin(path: Path, manifest: Manifest, alias: str | None, aliases: dict[str, int]) -> None:
    text = decoded(path.read_bytes()) if path.exists() else _HEADER
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
