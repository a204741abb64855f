"""What becomes of a value that breaks a rule of the contract: what the job says, within what the model can take.

A job file says it for all columns below [contract], and for one column below [contract.columns.NAME]; where it says
nothing, the defaults hold. `reject` rejects the row, `warn` counts the value and scores the row, `ignore` scores it and
counts nothing.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, Self

from pipeline.config import loader
from pipeline.config.contract_section import ContractSection, RulesSection
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

    @classmethod
    def of(cls, job: Job, contract: Contract, model: str) -> Self:
        """What a job says of the rows that break its model's contract.

        Args:
            job: the job.
            contract: of the model that will score.
            model: the model's name and version, for error messages.

        Raises:
            JobError: the job file names a column that the model has not, a rule that the column has not, or loosens
                what the model cannot take.
        """
        return cls.resolve(contract, job.contract, f"{job.name}.toml", model)

    @classmethod
    def resolve(
        cls, contract: Contract, section: ContractSection | None = None, file: str = "", model: str = ""
    ) -> Self:
        """The same of a section [contract]; the defaults where there is none.

        Args:
            contract: of the model that will score.
            section: what the job file says.
            file: the job file's name, for error messages.
            model: the model's name and version, for error messages.

        Raises:
            JobError: as for `of`.
        """
        section = section or ContractSection()
        if problems := list(_problems(contract, section, file, model)):
            raise JobError("\n".join(problems))
        actions = {column.name: _actions(column, section) for column in contract.columns}
        return cls(actions, section.unique, section.keep_values)


def _actions(column: Column, section: ContractSection) -> dict[str, Action]:
    """A column's actions; what the job says of all columns gives way where this one's model cannot take it."""
    own = section.columns.get(column.name, RulesSection()).overrides
    trained: dict[str, Action] = {"null": "warn"} if column.nullable else {}
    wanted = {**DEFAULTS, **trained, **section.overrides, **own}
    if not column.takes_missing:
        wanted["null"] = "reject"
    if wanted["null"] == "reject":
        # Nothing may be taken as missing where that would reject the row again.
        wanted["type"] = wanted["finite"] = "reject"
    if not column.accepts_unknown:
        wanted["unknown_category"] = "reject"
    return {rule: wanted[rule] for rule in column.rules}


def _problems(contract: Contract, section: ContractSection, file: str, model: str) -> Iterator[str]:
    """Sentences about the keys of a section that the model cannot fulfil."""
    columns = {column.name: column for column in contract.columns}
    for name, rules in section.columns.items():
        where = f"{file}: key 'contract.columns.{name}"
        if name in columns:
            actions = _actions(columns[name], section)
            for problem in _column_problems(columns[name], rules, actions, model):
                yield f"{where}.{problem}"
        else:
            hint = "Set contract.unique; a null there is always rejected" if name == ENTITY else ""
            yield (
                f"{where}' is unknown: model {model} takes no such column. "
                f"{hint or loader.nearest(name, list(columns))}"
            )


def _column_problems(
    column: Column, rules: RulesSection, actions: dict[str, Action], model: str
) -> Iterator[str]:
    for rule, action in rules.overrides.items():
        if rule not in column.rules:
            possible = ", ".join(column.rules)
            yield (
                f"{rule}': no value of this column can break the rule in model {model}. Those that one can: {possible}."
            )
        elif actions[rule] != action:
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
