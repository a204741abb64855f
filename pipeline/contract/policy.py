"""What becomes of a value that breaks a rule of the contract: what the job says, within what the model can take.

A job file says it for all columns below [contract], and for one column below [contract.columns.NAME]; where it says
nothing, the defaults hold. `reject` rejects the row, `warn` counts the value and scores the row, `ignore` scores it and
counts nothing.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from pipeline.config import loader, sections
from pipeline.config.fields import Action
from pipeline.config.job import Job, JobError
from pipeline.contract.contract import ENTITY, Column, Contract

# A null where training saw some is counted, and no reason to reject anything.
DEFAULTS: dict[str, Action] = {
    "type": "reject",
    "null": "reject",
    "finite": "reject",
    "unknown_category": "warn",
    "out_of_range": "warn",
    "too_long": "warn",
    "future": "reject",
}


@dataclass(frozen=True)
class Policy:
    """What becomes of the rows that break a contract.

    Attributes:
        actions: by column and rule; only the rules that a value of the column can break.
        unique: what becomes of an entity that comes twice.
        keep_values: whether the values that broke a rule are kept.
    """

    actions: Mapping[str, Mapping[str, Action]]
    unique: Literal["refuse", "reject"] = "refuse"
    keep_values: bool = True


def of(job: Job, contract: Contract, model: str) -> Policy:
    """What a job says of the rows that break its model's contract.

    Args:
        job: the job.
        contract: of the model that will score.
        model: the model's name and version, for error messages.

    Raises:
        JobError: it cannot be; see `resolve`.
    """
    return resolve(contract, job.contract, f"{job.name}.toml", model)


def resolve(
    contract: Contract, said: sections.ContractSection | None = None, file: str = "", model: str = ""
) -> Policy:
    """Settle what becomes of every column's values.

    Args:
        contract: of the model that will score.
        said: what the job file says; nothing unless given.
        file: the job file's name, for error messages.
        model: the model's name and version, for error messages.

    Raises:
        JobError: the job file names a column that the model has not, a rule that the column has not, or loosens what
            the model cannot take.
    """
    said = said or sections.ContractSection()
    columns = {column.name: column for column in contract.columns}
    problems = []
    for name, rules in said.columns.items():
        where = f"{file}: key 'contract.columns.{name}"
        if name in columns:
            settled = _settle(columns[name], said)
            problems += [f"{where}.{problem}" for problem in _problems(columns[name], rules, settled, model)]
        else:
            hint = "Set contract.unique; a null there is always rejected" if name == ENTITY else ""
            problems.append(
                f"{where}' is unknown: model {model} takes no such column. "
                f"{hint or loader.nearest(name, list(columns))}"
            )
    if problems:
        raise JobError("\n".join(problems))
    actions = {name: _settle(column, said) for name, column in columns.items()}
    return Policy(actions, said.unique, said.keep_values)


def _settle(column: Column, said: sections.ContractSection) -> dict[str, Action]:
    """A column's actions; what the job says of all columns gives way where this one's model cannot take it."""
    own = said.columns.get(column.name, sections.RulesSection()).said
    trained: dict[str, Action] = {"null": "warn"} if column.nullable else {}
    wanted = {**DEFAULTS, **trained, **said.said, **own}
    if not column.takes_missing:
        wanted["null"] = "reject"
    if wanted["null"] == "reject":
        # Nothing may be taken as missing where that would reject the row again.
        wanted["type"] = wanted["finite"] = "reject"
    if not column.accepts_unknown:
        wanted["unknown_category"] = "reject"
    return {rule: wanted[rule] for rule in column.rules}


def _problems(
    column: Column, rules: sections.RulesSection, settled: dict[str, Action], model: str
) -> Iterator[str]:
    for rule, action in rules.said.items():
        if rule not in column.rules:
            known = ", ".join(column.rules)
            yield f"{rule}': no value of this column can break the rule in model {model}. Those that one can: {known}."
        elif settled[rule] != action:
            yield f"{rule}' = {action!r}: {_refusal(column, rule, model)}"


def _refusal(column: Column, rule: str, model: str) -> str:
    if rule == "unknown_category":
        return f"model {model} cannot score a category that training never saw. Reject it, or train a model that can."
    if not column.takes_missing:
        return (
            f"model {model} cannot score a missing value here, or was registered before that was tried. Reject it, or "
            "register a model that can."
        )
    return (
        "it would be taken as missing, and a missing value is rejected here. "
        f'Set contract.columns.{column.name}.null = "warn" too.'
    )
