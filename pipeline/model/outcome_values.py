"""Outcomes as a model could have meant them: a class's index, or a number."""

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.contract.coerce import convert, storage
from pipeline.contract.contract import Column
from pipeline.errors import ScoringError
from pipeline.model.loaded_model import Floats
from pipeline.model.manifest import Manifest

# How many entities a message names.
NAMED = 5
_WHOLE_NUMBER = r"^(-?[0-9]+)\.0*$"


class OutcomesQueryError(ScoringError):
    """An outcomes query that lacks a column, or whose outcomes the model cannot have meant."""


def read(values: pa.Array, manifest: Manifest, origin: str, entities: pa.Array) -> Floats:
    """Outcomes as the model could have meant them: a class's index, or a value; NaN where there is none.

    Raises:
        OutcomesQueryError: an outcome is no class of the model, or no number.
    """
    if manifest.task == "regression":
        return _numbers(values, manifest, origin, entities)
    codes, unknown = _codes(values, manifest)
    if pc.any(unknown).as_py():
        labels = ", ".join(_labels(values, unknown))
        raise OutcomesQueryError(
            f"{origin}: outcomes that are no class of the model: {labels}, such as that of entity "
            f"{_first(entities, unknown)}. The classes of model {manifest.name} version {manifest.version} are "
            f"{', '.join(manifest.classes)}. Have the query give these, or NULL where there is no outcome."
        )
    indices: Floats = codes.cast(pa.float64()).to_numpy(zero_copy_only=False)
    return indices


def foreign(values: pa.Array, manifest: Manifest) -> list[str]:
    """Some of the outcomes that the model cannot have meant, as a person reads them; none where it can all."""
    bad = _unreadable(values)[1] if manifest.task == "regression" else _codes(values, manifest)[1]
    return _labels(values, bad)


def _codes(outcomes: pa.Array, manifest: Manifest) -> tuple[pa.Array, pa.Array]:
    """The index of each outcome's class, and which outcomes are no class."""
    spelled, classes = _spelled(outcomes), pa.array(manifest.classes, pa.string())
    if len(set(_plain(classes).to_pylist())) == len(classes):
        spelled, classes = _plain(spelled), _plain(classes)
    codes = pc.index_in(spelled, classes)
    return codes, pc.and_(pc.is_null(codes), pc.is_valid(spelled))


def _labels(outcomes: pa.Array, chosen: pa.Array) -> list[str]:
    return [repr(label) for label in pc.unique(_spelled(outcomes).filter(chosen)).to_pylist()[:NAMED]]


def _unreadable(outcomes: pa.Array) -> tuple[pa.Array, pa.Array]:
    """The outcomes as numbers, and which of them are none."""
    values, unreadable = convert(outcomes, Column("", "number", "float64", nullable=True))
    infinite = pc.fill_null(pc.is_inf(values), False)
    return values, infinite if unreadable is None else pc.or_(infinite, unreadable)


def _numbers(outcomes: pa.Array, manifest: Manifest, origin: str, entities: pa.Array) -> Floats:
    values, bad = _unreadable(outcomes)
    if pc.any(bad).as_py():
        raise OutcomesQueryError(
            f"{origin}: outcomes that are no finite number, such as that of entity {_first(entities, bad)}. Model "
            f"{manifest.name} predicts numbers. Have the query give numbers, or NULL where there is no outcome."
        )
    numbers: Floats = values.to_numpy(zero_copy_only=False)
    return numbers


def _spelled(outcomes: pa.Array) -> pa.Array:
    """Outcomes as text; null where there is none."""
    stored = storage(outcomes)
    if pa.types.is_floating(stored.type):
        stored = pc.if_else(pc.is_nan(stored), pa.scalar(None, stored.type), stored)
    return pc.cast(stored, pa.string())


def _plain(spelled: pa.Array) -> pa.Array:
    """One spelling for what databases and models spell in several ways: 1.0 and true are 1."""
    whole = pc.replace_substring_regex(spelled, _WHOLE_NUMBER, r"\1")
    for word, digit in (("true", "1"), ("false", "0")):
        whole = pc.if_else(pc.equal(whole, word), pa.scalar(digit), whole)
    return whole


def _first(entities: pa.Array, mask: pa.BooleanArray) -> str:
    return str(entities.filter(mask)[0].as_py())
