"""Why a run's scores are what they are: what each column carries, and the reasons of the highest scores."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from pipeline.databases import statements

_SQL = statements.load("reports/reasons")

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Column:
    """What a column, or a group of columns, carries.

    Attributes:
        name: its name.
        share: its mean contribution's size over that of all columns together.
        size: the mean size of its contributions, on the score's scale.
        training_size: the same over rows of training; None where it is not known.
    """

    name: str
    share: float
    size: float
    training_size: float | None


@dataclass(frozen=True)
class Entity:
    """An entity with one of the highest scores, and its reasons in the order of their ranks."""

    entity_id: str
    score: float
    reasons: Sequence[Row]


@dataclass(frozen=True)
class Reasons:
    """The section of a report.

    Attributes:
        columns: those that carry anything, the heaviest first.
        highest: the entities with the highest scores.
        entities: how many were explained.
    """

    columns: Sequence[Column] = ()
    highest: Sequence[Entity] = ()
    entities: int = 0

    @property
    def shares(self) -> Mapping[str, float]:
        """What share of the contributions each column carries, by its name."""
        return {column.name: column.share for column in self.columns}

    @property
    def keeps_values(self) -> bool:
        """Whether the run keeps the values of columns, so that one without says that there was none."""
        return any(row["value"] is not None for entity in self.highest for row in entity.reasons)


def read(connection: sa.Connection, run: Row) -> Reasons:
    """Read what the login may see of a run's reasons; nothing of one that was not explained.

    Analysts see those of published runs. A held run's own are for whoever decides: their login reads the tables.
    """
    values = {"run_id": run["run_id"], "job": run["job"], "score_date": run["score_date"]}
    if run["status"] == "held" and connection.execute(sa.text(_SQL["may_read_tables"])).scalar_one():
        columns, entities = _SQL["held_columns"], _SQL["held_highest"]
    else:
        columns, entities = _SQL["columns"], _SQL["highest"]
    rows = [dict(row) for row in connection.execute(sa.text(columns), values).mappings()]
    highest = connection.execute(sa.text(entities), values).mappings() if rows else ()
    return section(rows, [dict(row) for row in highest])


def section(rows: Sequence[Row], highest: Sequence[Row]) -> Reasons:
    """The section, of rows as the queries give them: columns, and reasons in the order of scores and ranks."""
    total = sum(row["mean_size"] for row in rows)
    columns = [
        Column(row["column_name"], row["mean_size"] / total, row["mean_size"], row["training_size"])
        for row in rows
        if row["mean_size"] > 0
    ]
    by_entity: dict[str, list[Row]] = {}
    for row in highest:
        by_entity.setdefault(row["entity_id"], []).append(row)
    entities = [Entity(name, theirs[0]["score"], theirs) for name, theirs in by_entity.items()]
    return Reasons(columns, entities, rows[0]["entities"] if rows else 0)
