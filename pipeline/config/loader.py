"""Job files become jobs; an error names the file, the key and the remedy."""

import difflib
import hashlib
import tomllib
from collections.abc import Sequence
from pathlib import Path
from types import UnionType
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from pipeline.config.contract_section import RulesSection
from pipeline.config.job import Job, JobError
from pipeline.text_files import decoded

_COLUMNS = ["contract", "columns"]
# More nobody reads, and to look for the nearest of the known keys takes its time.
_EXPLAINED = 20


def files(folder: Path) -> list[Path]:
    """The job files in a folder, in order of their names."""
    return sorted(folder.glob("*.toml"))


def find(folder: Path, name: str) -> Job:
    """Read the job called `name` from a folder of job files.

    Raises:
        JobError: there is no such job, or its file cannot be used.
    """
    names = [file.stem for file in files(folder)]
    if name not in names:
        raise JobError(f"no job {name!r} in {folder}. {nearest(name, names)}")
    return read(folder / f"{name}.toml")


def read_all(folder: Path) -> tuple[list[Job], list[JobError]]:
    """Every job of a folder of job files, and the errors of the files that cannot be used."""
    jobs: list[Job] = []
    broken: list[JobError] = []
    for path in files(folder):
        try:
            jobs.append(read(path))
        except JobError as error:
            broken.append(error)
    return jobs, broken


def read(path: Path) -> Job:
    """Read one job file.

    Raises:
        JobError: the file is not TOML, or a key is missing, unknown or wrong.
    """
    if path.is_fifo() or path.is_char_device():  # reading it might never end
        raise JobError(f"{path.name}: cannot be read: a pipe or device. Make it a plain file.")
    try:
        content = path.read_bytes()
    except OSError as error:
        raise JobError(f"{path.name}: cannot be read: {error.strerror}. Make it a plain file.") from error
    try:
        document = tomllib.loads(decoded(content))
    # Not TOMLDecodeError alone: bytes that are no UTF-8, numbers of 5000 digits and endless [[[[ raise others.
    except (ValueError, RecursionError) as error:
        raise JobError(f"{path.name}: not a TOML file: {error}") from error
    reserved = sorted({"name", "sha256"} & document.keys())
    if reserved:
        raise JobError(
            f"{path.name}: key {reserved[0]!r} is not yours to set. Remove it: it comes from the file."
        )
    try:
        return Job.model_validate(
            {**document, "name": path.stem, "sha256": hashlib.sha256(content).hexdigest()}
        )
    except ValidationError as error:
        explained = [_explain(path, item) for item in error.errors()[:_EXPLAINED]]
        if more := error.error_count() - len(explained):
            explained.append(
                f"{path.name}: {more} more errors. Correct these first, and read the file again."
            )
        raise JobError("\n".join(explained)) from None


def _explain(path: Path, item: Any) -> str:
    names = [part for part in item["loc"] if isinstance(part, str) and part != "[key]"]
    where = f"{path.name}: key {'.'.join(names)!r}"
    *section, key = _field(names)
    model = _model_of(section)
    if key == "name" and not section:
        return f"{path.name}: a job's file name is a lower-case word (letters, digits, _). Rename the file."
    keys = [name for name in model.model_fields if name not in ("name", "sha256") or model is not Job]
    if item["type"] == "extra_forbidden":
        return f"{where} is unknown. {nearest(key, keys)}"
    meaning = "a section of rules" if section == _COLUMNS else ""
    if key in model.model_fields:
        meaning = model.model_fields[key].description or f"a section [{key}]"
    if item["type"] == "missing":
        return f"{where} is missing. Add it: {meaning}."
    problem = item["msg"].removeprefix("Value error, ")
    return f"{where} = {item['input']!r}: {problem}. It is: {meaning}."


def _field(names: list[str]) -> list[str]:
    """The names down to the field that has a meaning: below it may be keys of a table that a team names itself."""
    model: type[BaseModel] | None = Job
    for depth, name in enumerate(names):
        if model is None and names[: len(_COLUMNS)] != _COLUMNS:
            return names[:depth]
        model = (
            section_of(model.model_fields[name].annotation) if model and name in model.model_fields else model
        )
    return names


def _model_of(section: list[str]) -> type[BaseModel]:
    model: type[BaseModel] = Job
    for depth, key in enumerate(section):
        if section[:depth] == _COLUMNS:
            return RulesSection
        model = section_of(model.model_fields[key].annotation) or model
    return model


def section_of(annotation: Any) -> type[BaseModel] | None:
    """The section of a job file that a field holds, also one that may be left out; None where it holds a value."""
    kinds = get_args(annotation) if isinstance(annotation, UnionType) else (annotation,)
    return next((kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)), None)


def nearest(word: str, words: Sequence[str]) -> str:
    """A sentence for an unknown word: the nearest of the known words, and all of them."""
    close = difflib.get_close_matches(word, words, n=1)
    hint = f"Did you mean {close[0]!r}? " if close else ""
    return f"{hint}Known: {', '.join(words) or 'none yet'}."
