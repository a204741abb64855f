"""A job: one model scored on one query on one schedule, written down in a TOML file.

The same frozen object drives the DAG and the command line. This module is read at every parse of the DAG file, so it
imports nothing heavy.
"""

from datetime import date
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, field_validator
from pydantic import ValidationInfo as Info

from pipeline.config.aside.reasons_section import ReasonsSection
from pipeline.config.challenger_section import ChallengerSection
from pipeline.config.contract_section import ContractSection
from pipeline.config.fields import (
    BUSINESS_COLUMNS,
    DEFAULT_POOL,
    Column,
    Identifier,
    Owner,
    Pool,
    ScheduleDate,
    Sentence,
    check_schedule,
    check_slices,
    check_timezone,
)
from pipeline.config.ready_section import ReadySection
from pipeline.config.resources_section import ResourcesSection
from pipeline.config.sections import (
    AlertsSection,
    DriftSection,
    ExtractSection,
    GateSection,
    ModelSection,
    OutcomesSection,
    PromiseSection,
    RetentionSection,
    Section,
    TrackingSection,
    WriteSection,
)
from pipeline.config.training_section import TrainingSection
from pipeline.errors import UsageError


class JobError(UsageError):
    """A job file that cannot be used; the message names the file, the key and the remedy."""


class Job(Section):
    """Everything that a job file may hold."""

    name: Identifier = Field(
        description="the file's name without .toml; also the DAG's id and the asset's name (of `self` and `context`: "
        "`self-scores` and `context-scores`, for Airflow keeps these two)"
    )
    description: Sentence = Field(description="one sentence for the web UI")
    owner: Owner = Field(description="the team to call")
    schedule: Annotated[str, AfterValidator(check_schedule)] = Field(
        description="cron expression, in the job's time zone"
    )
    timezone: Annotated[str, AfterValidator(check_timezone)] = Field(
        default="UTC", description="IANA time zone of the schedule"
    )
    start_date: ScheduleDate = Field(
        description="first day that is scheduled; a run triggered for an earlier logical date does nothing"
    )
    end_date: ScheduleDate | None = Field(
        default=None,
        description="last day that is scheduled, also for runs that are triggered; leave it out where there is none",
    )
    catchup: bool = Field(
        default=False, description="whether Airflow makes up for the runs missed since start_date"
    )
    days_back: int = Field(
        default=0,
        ge=0,
        le=366,
        description="the score date is so many days before the day on which the run is due",
    )
    retries: int = Field(
        default=3, ge=0, le=20, description="tries of a task after its first, for passing faults"
    )
    retry_delay_seconds: int = Field(
        default=30, ge=0, le=86_400, description="wait before the first retry; doubles each time"
    )
    max_active_runs: int = Field(default=1, ge=1, le=1000, description="runs of this job at the same time")
    pool: Pool = Field(
        default=DEFAULT_POOL, description="Airflow pool whose slots the job's tasks take; it has to be there"
    )
    priority: int = Field(
        default=1,
        ge=1,
        le=1000,
        description="where slots are short, tasks of the job with the higher number start first",
    )
    # TOML knows no tuples; what is in the list is read strictly all the same.
    slices: Annotated[tuple[Column, ...], AfterValidator(check_slices)] = Field(
        default=(),
        max_length=10,
        strict=False,
        description="list of features by whose values diff splits the difference of two runs, and outcomes its "
        'metrics, such as ["carrier"]',
    )
    fallback: Literal["none", "last_published", "champion_previous"] = Field(
        default="none",
        description="what stands in for a run that failed, marked in every row: nothing, the last published scores "
        "again, or those of the model's alias champion_previous",
    )
    extract: ExtractSection
    model: ModelSection
    contract: ContractSection = ContractSection()
    write: WriteSection = WriteSection()
    gate: GateSection = GateSection()
    drift: DriftSection = DriftSection()
    alerts: AlertsSection = AlertsSection()
    tracking: TrackingSection = TrackingSection()
    retention: RetentionSection = RetentionSection()
    outcomes: OutcomesSection | None = None
    promise: PromiseSection | None = None
    ready: ReadySection | None = None
    resources: ResourcesSection = ResourcesSection()
    challenger: ChallengerSection | None = None
    training: TrainingSection | None = None
    reasons: ReasonsSection | None = None
    sha256: str = Field(description="digest of the job file, kept with every run")

    @field_validator("end_date")
    @classmethod
    def _after_start(cls, end: date | None, info: Info) -> date | None:
        start = info.data.get("start_date")
        if end and start and end < start:
            raise ValueError(f"is before start_date ({start}), so no run is ever due")
        return end

    @field_validator("outcomes")
    @classmethod
    def _after_scoring(cls, outcomes: OutcomesSection | None, info: Info) -> OutcomesSection | None:
        days_back = info.data.get("days_back", 0)
        if outcomes and outcomes.delay_days <= days_back:
            raise ValueError(
                f"delay_days = {outcomes.delay_days} must be more than days_back ({days_back}): no score is there "
                "before"
            )
        # DuckDB, which runs the query, does not tell capitals from small letters.
        slices = [name.lower() for name in info.data.get("slices", ())]
        if outcomes and outcomes.business and len(set(slices)) < len(slices):
            raise ValueError(
                "business reads slices in lower case, where two of these are the same. Take one out"
            )
        apart = [name for name in info.data.get("slices", ()) if name.lower() in BUSINESS_COLUMNS]
        if outcomes and outcomes.business and apart:
            raise ValueError(
                f"business reads a table with a column {apart[0].lower()!r} of its own, and slices names a feature of "
                f"that name. Take {apart[0]!r} out of slices, and have the outcomes query give it under another name"
            )
        return outcomes

    @field_validator("ready")
    @classmethod
    def _until_some_time(cls, ready: ReadySection | None, info: Info) -> ReadySection | None:
        if ready and ready.wait_hours is None and info.data.get("promise", ...) is None:
            raise ValueError(
                "has no wait_hours, and the job no [promise] until which it could wait. Add one of them"
            )
        return ready

    @field_validator("challenger")
    @classmethod
    def _another_alias(cls, challenger: ChallengerSection | None, info: Info) -> ChallengerSection | None:
        model = info.data.get("model")
        if challenger and model and challenger.alias == model.alias:
            raise ValueError(
                f"names the alias {model.alias!r} of the version that is published. Name another one"
            )
        return challenger

    @field_validator("training")
    @classmethod
    def _with_outcomes(cls, training: TrainingSection | None, info: Info) -> TrainingSection | None:
        if training and info.data.get("outcomes", ...) is None:
            raise ValueError("has no outcomes to train on. Add a section [outcomes]")
        return training

    @property
    def zone(self) -> ZoneInfo:
        """The job's time zone."""
        return ZoneInfo(self.timezone)

    @property
    def daily(self) -> str:
        """Cron expression of every day at the hours of the job's schedule."""
        minute, hour, *_ = self.schedule.split()
        return f"{minute} {hour} * * *"
