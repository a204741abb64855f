"""What a comparison of two versions says, for people: a line a date, and what the dates say together."""

from collections.abc import Iterator

from pipeline.challenger.comparison import Comparison, Day
from pipeline.challenger.paired_test import Paired

# What a table shows of a date.
FIGURES = (
    "run",
    "entities",
    "outcomes",
    "published",
    "replayed",
    "lower_by",
    "decile_moved",
    "relabelled",
    "refused",
)


def figures(day: Day) -> dict[str, object]:
    """A date as a line of a table."""
    lost = day.losses
    relabelled = None if day.relabelled is None else f"{day.relabelled:.1%}"
    values = (
        (f"{lost.champion:.4f}", f"{lost.challenger:.4f}", f"{lost.difference:.4f}")
        if lost.rows
        else (None,) * 3
    )
    counted = (day.run_id, day.entities, lost.rows, *values, f"{day.moved:.1%}", relabelled, day.refused)
    return dict(zip(FIGURES, counted, strict=True))


def of(compared: Comparison) -> Iterator[str]:
    """What came of it, for people."""
    together, seen = compared.together, sum(day.seen for day in compared.days)
    label = f"{compared.model} version {compared.version}"
    yield verdict(label, "what was published", compared.loss, together)
    if seen:
        yield f"Not counted: {_dates(seen)} on which one of the versions was trained."
    for (column, value), paired in compared.losing.items():
        yield f"It is worse where {column} is {value}: by {-paired.mean:.4f} a day, {_between(paired)}."
    if compared.groups and not compared.losing:
        yield f"In none of {compared.groups} groups is it worse by more than chance."


def verdict(label: str, beside: str, loss: str, together: Paired) -> str:
    """What days say together of a version.

    Args:
        label: the challenger's name and version.
        beside: what it was compared with.
        loss: what is compared.
        together: what the days say.
    """
    if not together.days:
        return f"{label}: no date has enough outcomes that neither version has seen in training."
    return (
        f"{label} beside {beside}, on {_dates(together.days)}: {together.verdict}. "
        f"Its {loss} is {_signed(together.mean)} a day, {_between(together)}; "
        f"the evidence has {together.evidence:.0%} of its limit."
    )


def _between(paired: Paired) -> str:
    if paired.low is None or paired.high is None:
        return "with too few dates for an interval"
    return f"between {_signed(paired.high)} and {_signed(paired.low)}"


def _signed(difference: float) -> str:
    """A difference as a person reads it, who wants to know whether it lost less."""
    return f"{abs(difference):.4f} {'lower' if difference >= 0 else 'higher'}"


def _dates(number: int) -> str:
    return "1 date" if number == 1 else f"{number} dates"
