"""What a job file says of how its model is trained again."""

from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from pipeline.config.fields import check_query, check_schedule
from pipeline.config.sections import Section


class TrainingSection(Section):
    """How candidates for the job's model are trained; the champion stays until a person promotes one."""

    function: Annotated[str, Field(pattern=r"^(?:\w[\w-]*/)*[A-Za-z_]\w*\.py:[A-Za-z_]\w*$")] = Field(
        description="a Python file of the repository and a function in it, as in models/shop/training.py:train; it "
        "takes the training rows as a DataFrame, and returns a trained estimator"
    )
    window_days: int = Field(ge=2, le=3660, description="how many score dates a candidate is trained on")
    query: Annotated[str, AfterValidator(check_query)] | None = Field(
        default=None,
        description="SQL file below sql/ that gives a score date's training rows; the job's own query, unless given",
    )
    schedule: Annotated[str, AfterValidator(check_schedule)] | None = Field(
        default=None,
        description="cron expression, in the job's time zone, at which a candidate is trained; leave it out to train "
        "by hand or on an alarm",
    )
    on_alarm: bool = Field(
        default=False, description="whether a quality alarm of the job has a candidate trained, once an alarm"
    )
    minimum_rows: int = Field(
        default=1000, ge=20, description="fewer rows with an outcome than this: nothing is trained"
    )
    folds: int = Field(
        default=4,
        ge=2,
        le=20,
        description="into how many folds of whole score dates the rows are cut, each scored by a model of the others",
    )
    time_limit_minutes: float = Field(
        default=60, gt=0, le=10_080, description="for how long all of a candidate's training may take"
    )

    @model_validator(mode="after")
    def _enough_dates(self) -> "TrainingSection":
        if self.window_days < self.folds:
            raise ValueError("has fewer window_days than folds. A fold has one score date at least")
        return self
