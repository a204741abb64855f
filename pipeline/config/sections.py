"""The sections of a job file, each a frozen object with a description of every key."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator
from pydantic import ValidationInfo as Info

from pipeline.config.fields import (
    Column,
    Days,
    Fraction,
    Identifier,
    Person,
    Response,
    check_query,
    check_unique,
)


class Section(BaseModel):
    """A section of a job file."""

    # Strict: TOML has types. A date read from a number, or `yes` taken for true, would be a mistake that nobody sees.
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class ExtractSection(Section):
    """Where a run's rows come from."""

    connection: Identifier = Field(default="warehouse", description="connection id of the warehouse")
    query: Annotated[str, AfterValidator(check_query)] = Field(description="SQL file below sql/")
    rows_per_part: int = Field(
        default=100_000,
        ge=1,
        le=10_000_000,
        description="rows in one part, the unit of retry and of scale-out; twice as many after every 32 parts",
    )
    shards: int = Field(
        default=1,
        ge=1,
        le=64,
        description="connections that read the query at a time, each its own :shard of :shards; more than one on "
        "Postgres only",
    )


class ModelSection(Section):
    """Which model scores."""

    name: Identifier = Field(description="folder of the model below models/")
    alias: Identifier = Field(default="champion", description="alias in the model's versions.toml")


class WriteSection(Section):
    """Where the scores go."""

    connection: Identifier = Field(
        default="predictions", description="connection id of the predictions database"
    )


class GateSection(Section):
    """What a run must look like to be published without a person; a check's key says what follows from a finding."""

    min_rows: int = Field(default=1, ge=0, description="fewer scored rows than this: the run is held")
    max_rejected_fraction: Fraction = Field(
        default=0.05, description="the largest share of rejected rows that is nothing unusual"
    )
    rejected_fraction: Response = Field(
        default="hold",
        description="what follows from a larger share of rejected rows: warn publishes and notifies, hold holds the "
        "run",
    )
    constant_score: Response = Field(
        default="hold",
        description="what follows where every row of a run of at least 20 has the very same score",
    )
    drift: Response = Field(
        default="warn",
        description="what follows from features that are unusual beside the training days, or are the last run's again",
    )
    score_drift: Response = Field(
        default="warn", description="what follows from scores that are unusual beside the training days"
    )
    lasting_drift: Response = Field(
        default="warn", description="what follows from 7 or 28 published runs that are unusual together"
    )
    volume: Response = Field(
        default="warn", description="what follows from a number of rows that is unusual for such a weekday"
    )
    max_model_age_days: Days | None = Field(
        default=None,
        description="days from a model's last training day (else its registration) to the score date that are "
        "nothing unusual; leave it out where age does not matter",
    )
    model_age: Response = Field(
        default="warn", description="what follows from a model that is older than max_model_age_days"
    )
    in_sample: Response = Field(
        default="warn", description="what follows from a score date on which the model was trained"
    )
    first_run: Response = Field(
        default="hold", description="what follows where a new champion moves scores beyond its evidence"
    )
    on_empty: Literal["skip", "fail"] = Field(
        default="fail",
        description="what becomes of a run without rows: skip ends quietly, fail fails; what was published stays",
    )
    decide_within_hours: float = Field(
        default=12,
        gt=0,
        le=720,
        description="for how long a held run waits in Airflow for a person, before on_timeout decides",
    )
    on_timeout: Literal["reject", "approve"] = Field(
        default="reject", description="what becomes of a held run on which nobody has decided in time"
    )
    deciders: Annotated[tuple[Person, ...], AfterValidator(check_unique)] = Field(
        default=(),
        max_length=100,
        strict=False,
        description='list of the people who may decide, such as ["ada"]: user ids in Airflow, names on the command '
        "line; without it all who have the right",
    )
    four_eyes: bool = Field(
        default=False, description="whether somebody else has to decide than the person who triggered the run"
    )

    @field_validator("four_eyes")
    @classmethod
    def _by_a_person(cls, four_eyes: bool, info: Info) -> bool:
        if four_eyes and info.data.get("on_timeout") == "approve":
            raise ValueError(
                'cannot stand beside on_timeout = "approve", which publishes though nobody has decided'
            )
        return four_eyes


class AlertsSection(Section):
    """Who is notified of a run that failed, is held, or was published with something unusual."""

    to: Identifier | None = Field(
        default=None,
        description="id of the Apprise connection with the addresses to notify; leave it out to notify nobody",
    )


class PromiseSection(Section):
    """When a score date is published at the latest; `scoring watch` notifies people where it is not."""

    published_by: Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")] | None = Field(
        default=None,
        description='the time of day, in the job\'s time zone, by which a score date is published, such as "07:00": '
        "the first one after it is due",
    )
    within_hours: float | None = Field(
        default=None,
        gt=0,
        le=720,
        description="in place of published_by, for jobs that run at other times: hours after a score date is due",
    )

    @model_validator(mode="after")
    def _one_of_two(self) -> "PromiseSection":
        if (self.published_by is None) == (self.within_hours is None):
            raise ValueError("names both or neither of published_by and within_hours. Name one of them")
        return self


class TrackingSection(Section):
    """Where a run's numbers go besides the predictions database."""

    mlflow: Identifier | None = Field(
        default=None, description="id of an HTTP connection: the MLflow server that gets every run's numbers"
    )


class DriftSection(Section):
    """When a run counts as unusual."""

    false_alarm_rate: float = Field(
        default=0.05,
        gt=0,
        le=0.5,
        description="share of runs like the training days in which anything is called unusual by chance; a rate of "
        "0.01 needs at least 199 training days",
    )


class RetentionSection(Section):
    """For how many days a run's things are kept; nothing goes that is open, or younger than a day."""

    parts_days: Days = Field(
        default=30, description="days that a run's parts are kept in the store; an abandoned run's one day"
    )
    rejected_values_days: Days = Field(
        default=30, description="days that rejected rows are kept, with their values"
    )
    superseded_days: Days = Field(
        default=90, description="days that the scores of superseded, abandoned and failed runs are kept"
    )
    predictions_days: Days | None = Field(
        default=None, description="days that published scores are kept; leave it out to keep them for ever"
    )
    metrics_days: Days | None = Field(
        default=None,
        description="days that the metrics, profiles and outcome metrics of a run whose scores have gone are kept; "
        "leave it out to keep them for ever",
    )


class OutcomesSection(Section):
    """What became of the entities of a run, and how the scores are compared with it."""

    query: Annotated[str, AfterValidator(check_query)] = Field(
        description="SQL file below sql/ that gives entity_id and the outcome, from the job's own warehouse"
    )
    delay_days: int = Field(ge=1, le=3650, description="days after the score date until outcomes are there")
    column: Column | None = Field(
        default=None,
        description="the query's column with the outcome; named as the model's --outcome, unless given",
    )
    business: Annotated[str, AfterValidator(check_query)] | None = Field(
        default=None, description="SQL file below sql/ whose only row has metrics of the job's own"
    )
    min_group: int = Field(
        default=30,
        ge=2,
        description="groups of a slice with fewer outcomes are marked small, and never compared",
    )
    gap: float = Field(
        default=0.1,
        ge=0,
        description="a larger difference between groups may be an alarm: of rates, or of mean errors in units of "
        "the RMSE",
    )
    false_alarm_rate: Fraction = Field(
        default=0.05, description="share of runs that may have an alarm where all groups are alike"
    )
    recheck: bool = Field(
        default=False,
        description="whether the job's query is run once more with the outcomes, to find late and changed rows",
    )
    late_fraction: Fraction = Field(
        default=0.0, description="the largest share of late rows of which nobody is notified"
    )
    quality_alarm_rate: Fraction = Field(
        default=0.05, gt=0, description="share of years that may have a quality alarm by chance alone"
    )
