"""The section of a job file that has reasons kept beside scores."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from pipeline.config.fields import Column, Identifier, check_unique
from pipeline.config.sections import Section

Members = Annotated[tuple[Column, ...], Field(strict=False, min_length=2), AfterValidator(check_unique)]

Share = Annotated[float, Field(gt=0, le=1)]


def check_apart(groups: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """Refuse a column that is in two groups."""
    check_unique(tuple(name for members in groups.values() for name in members))
    return groups


def check_even(orders: int) -> int:
    """Refuse an odd number: orders come in pairs."""
    if orders % 2:
        raise ValueError("is odd, and orders come in pairs, one the other backwards")
    return orders


class ReasonsSection(Section):
    """Why each entity got its score: which columns moved it, and by how much, beside a run's scores."""

    top: int = Field(
        default=3, ge=1, le=20, description="reasons of an entity that are kept, the largest first"
    )
    rows: Share | Literal["changed"] = Field(
        default=1,
        description="share of the entities that get reasons, those with the highest scores; 1 is all of them, and "
        '"changed" those whose score lies in another tenth than on the last published score date before',
    )
    orders: Annotated[int, AfterValidator(check_even)] = Field(
        default=32,
        ge=4,
        le=64,
        description="orders in which a row's columns are walked; each two begin with another row of training",
    )
    groups: Annotated[dict[Identifier, Members], AfterValidator(check_apart)] = Field(
        default={}, description='columns that move together, such as weather = ["temp", "humid"]'
    )
    time_limit_minutes: float = Field(
        default=30,
        gt=0,
        le=1440,
        description="so long after they began, the tasks end; entities that were explained by then keep their reasons",
    )
