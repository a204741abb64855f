"""The section of a job file that names its challenger."""

from pydantic import Field

from pipeline.config.fields import Identifier
from pipeline.config.sections import Section


class ChallengerSection(Section):
    """Which version scores the same rows beside the one that is published, and is never published itself."""

    alias: Identifier = Field(default="challenger", description="alias in the model's versions.toml")
    time_limit_minutes: float = Field(
        default=30,
        gt=0,
        le=1440,
        description="after so long its process is ended, and the score date has no scores of it",
    )
