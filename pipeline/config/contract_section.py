"""What a job file says of rows that break the model's contract: below [contract], and of one column."""

from typing import Literal

from pydantic import Field

from pipeline.config.fields import Action
from pipeline.config.sections import Section


class RulesSection(Section):
    """What becomes of a row with a value that breaks a rule of the contract."""

    type: Action | None = Field(
        default=None,
        description="a value with no exact form in the trained type, such as 12.5 for an integer; "
        "loosened, it is taken as missing",
    )
    null: Action | None = Field(
        default=None,
        description="a missing value, NaN too; where training saw some, warn unless given; loosened only where the "
        "model scores a missing value",
    )
    finite: Action | None = Field(
        default=None,
        description="an infinite number or time; loosened, it is taken as missing",
    )
    unknown_category: Action | None = Field(
        default=None,
        description="a text that training never saw, in a column of at most 1000 texts; loosened "
        "only where the model scores it",
    )
    out_of_range: Action | None = Field(
        default=None,
        description="a number outside of the trained range, or a time before the first of training",
    )
    too_long: Action | None = Field(
        default=None,
        description="a free text more than ten times as long as the longest of training",
    )
    future: Action | None = Field(
        default=None,
        description="a time after the end of the score date, unless the model was registered with --planned COLUMN",
    )

    @property
    def overrides(self) -> dict[str, Action]:
        """The actions that the job file sets, by rule."""
        return {name: action for name in RULES if (action := getattr(self, name)) is not None}


RULES = tuple(RulesSection.model_fields)


class ContractSection(RulesSection):
    """What becomes of rows that break the model's contract."""

    unique: Literal["refuse", "reject"] = Field(
        default="refuse",
        description="an entity that comes twice: refuse the run, or reject all rows of that entity",
    )
    model_error: Literal["fail", "reject"] = Field(
        default="fail",
        description="rows on which the model itself raises: fail the run, or reject these rows and score the others; "
        "of a part no larger share than gate.max_rejected_fraction, and never more than half",
    )
    keep_values: bool = Field(
        default=True,
        description="whether rejected_rows keeps the values that broke a rule, and the texts of a model's errors, cut "
        "to 200 characters",
    )
    columns: dict[str, RulesSection] = Field(
        default={}, description="the same rules for one column, as [contract.columns.NAME]"
    )
