"""What a job file says of a source that may not be complete yet when a run is due."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from pipeline.config.fields import check_query, check_unique
from pipeline.config.sections import Section

# What Airflow takes for an asset's name.
AssetName = Annotated[str, Field(pattern=r"^[!-~](?:[ -~]*[!-~])?$", max_length=200, strict=True)]


class ReadySection(Section):
    """When the rows of a score date are complete, and what becomes of a run that waits for them in vain."""

    query: Annotated[str, AfterValidator(check_query)] = Field(
        description="SQL file below sql/, asked of the job's own warehouse: one row with one boolean, whether the "
        "rows of :score_date are complete; no row means not yet"
    )
    wait_hours: float | None = Field(
        default=None,
        gt=0,
        le=720,
        description="for how long a run waits in Airflow from its begin; leave it out to wait until the score date is "
        "promised",
    )
    on_timeout: Literal["fail", "hold", "score"] = Field(
        default="fail",
        description="what becomes of a run whose rows are still not complete: fail ends it, hold scores them and has "
        "the gate hold the run, score scores them with a warning",
    )
    assets: Annotated[tuple[AssetName, ...], AfterValidator(check_unique)] = Field(
        default=(),
        max_length=100,
        strict=False,
        description='list of names of Airflow assets, such as ["orders"]: a run begins once all of them were updated, '
        "or on schedule, whichever comes first",
    )
