"""What the keys of a job file may hold: names, numbers and texts, each checked when the file is read."""

import re
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import available_timezones

from croniter import CroniterBadDateError, croniter
from pydantic import AfterValidator, Field

from pipeline.config.dates import FIRST


@cache
def _timezones() -> set[str]:
    # A walk through some 600 files. `localtime` is the machine's own, and another one on the next machine; `Factory`
    # says that nobody has set a machine's.
    return available_timezones() - {"localtime", "Factory"}


def check_timezone(name: str) -> str:
    """Refuse a name that is no IANA time zone."""
    if name not in _timezones():
        raise ValueError("is not an IANA time zone, such as Europe/Berlin or UTC")
    return name


def check_schedule(cron: str) -> str:
    """Refuse what is no cron expression of five fields, or names a day that never comes."""
    # R is croniter's random number: another schedule at every reading.
    fixed = not re.search(r"\br\b", cron, re.IGNORECASE)
    if not croniter.is_valid(cron) or len(cron.split()) != 5 or not fixed:
        raise ValueError(
            "is not a cron expression of five fields, such as '0 2 * * *' for two o'clock every night"
        )
    try:
        croniter(cron, datetime(2000, 1, 1, tzinfo=UTC)).get_next()
    except CroniterBadDateError:
        raise ValueError("names a day that never comes") from None
    return cron


def check_query(name: str) -> str:
    """Refuse a file that is not SQL, or not inside sql/."""
    inside = not Path(name).is_absolute() and ".." not in Path(name).parts
    if not inside or not name.endswith(".sql") or not name.isprintable():
        raise ValueError("is not a .sql file inside sql/, such as flight_delay/features.sql")
    return name


def check_readable(name: str) -> str:
    """Refuse a name in which a reader sees no letter and no digit, such as one of spaces or of marks alone."""
    if not any(character.isalnum() for character in name):
        raise ValueError("has no letter or digit, so nobody can read it")
    return name


def check_unique(names: tuple[str, ...]) -> tuple[str, ...]:
    """Refuse a name that comes twice."""
    twice = [name for number, name in enumerate(names) if name in names[:number]]
    if twice:
        raise ValueError(f"names {twice[0]} twice")
    return names


def check_slices(columns: tuple[str, ...]) -> tuple[str, ...]:
    """Refuse a column that is named twice, and entity_id."""
    if "entity_id" in check_unique(columns):
        raise ValueError("names entity_id, which is no group of entities")
    return columns


# The largest that the predictions database can keep, and the largest number that Airflow's processes can say.
LAST_VERSION = 2**31 - 1
LAST_RUN = 2**63 - 1

# What a business query's table of scores has besides the slices.
BUSINESS_COLUMNS = ("entity_id", "score", "label", "class_scores", "weight")

WORD = r"^[a-z][a-z0-9_]{0,62}$"
Identifier = Annotated[str, Field(pattern=WORD)]

Fraction = Annotated[float, Field(ge=0, le=1)]

# What Airflow and Postgres can keep: one file that cannot become a DAG would take all the others with it.
ScheduleDate = Annotated[date, Field(ge=FIRST, lt=date(2200, 1, 1))]

Days = Annotated[int, Field(ge=1, le=36_500)]

Sentence = Annotated[str, Field(pattern=r"^[^\x00]*$")]

Owner = Annotated[Sentence, Field(min_length=1, max_length=100), AfterValidator(check_readable)]

Person = Annotated[
    str,
    Field(pattern=r"^[^\x00\s](?:[^\x00]*[^\x00\s])?$", max_length=200, strict=True),
    AfterValidator(check_readable),
]

# Reject the row; count the value and score the row; score it and count nothing.
Action = Literal["reject", "warn", "ignore"]

# What follows from a finding: the run is published with a notification, or held for a person.
Response = Literal["warn", "hold"]

# Airflow's own pool, which is always there.
DEFAULT_POOL = "default_pool"

Pool = Annotated[str, Field(pattern=r"^\w(?:[\w .-]*\w)?$", max_length=256)]

Column = Annotated[str, Field(min_length=1, max_length=200, strict=True)]
