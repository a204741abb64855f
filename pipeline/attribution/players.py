"""The columns of a model, as they take their steps: each alone, or those of a group together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.contract.batch_result import MAX_VALUE_LENGTH
from pipeline.errors import ScoringError


class GroupError(ScoringError):
    """A group of columns that the model does not have."""


@dataclass(frozen=True)
class Player:
    """What takes a step of a walk.

    Attributes:
        name: the column's, or the group's.
        columns: that move together.
    """

    name: str
    columns: tuple[str, ...]


def of_model(columns: Sequence[str], groups: Mapping[str, Sequence[str]], label: str) -> tuple[Player, ...]:
    """The columns of a model in their order, a group where its first column is.

    Args:
        columns: of the model.
        groups: columns that move together, by the group's name.
        label: the model's name and version, for messages.

    Raises:
        GroupError: a group names a column that the model does not take, or has the name of a column outside of it.
    """
    group_of = {name: group for group, members in groups.items() for name in members}
    if unknown := sorted(set(group_of) - set(columns)):
        raise GroupError(
            f"reasons.groups: {group_of[unknown[0]]} names column {unknown[0]!r}, which model {label} does not take. "
            f"Name some of: {', '.join(columns)}."
        )
    for group in groups:
        if group in columns and group_of.get(group) != group:
            raise GroupError(
                f"reasons.groups: {group} has the name of a column of model {label} that is not in it. Name the group "
                "otherwise."
            )
    names = dict.fromkeys(group_of.get(name, name) for name in columns)
    return tuple(
        Player(name, tuple(column for column in columns if group_of.get(column, column) == name))
        for name in names
    )


def values(player: Player, rows: pa.RecordBatch) -> pa.Array:
    """The values of a column as text, or of a group as `column=value` each, cut where they are long."""
    texts = [as_text(rows.column(name)) for name in player.columns]
    if len(texts) > 1:
        named = [
            pc.binary_join_element_wise(name, pc.fill_null(text, ""), "=")
            for name, text in zip(player.columns, texts, strict=True)
        ]
        texts = [pc.binary_join_element_wise(*named, ", ")]
    return pc.utf8_slice_codeunits(texts[0], 0, MAX_VALUE_LENGTH)


def as_text(values: pa.Array) -> pa.Array:
    """Values as a text of Postgres, which can hold no NUL."""
    return pc.replace_substring(values.cast(pa.string()), "\0", "\\x00")
