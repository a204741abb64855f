"""A job: one model scored on one query on one schedule, written down in a TOML file.

The same frozen object drives the DAG and the command line. This module is read at every parse of the DAG file, so it
imports nothing heavy.
"""

import difflib
import hashlib
import re
import tomllib
from collections.abc import Sequence
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, get_args
from zoneinfo import ZoneInfo, available_timezones

from croniter import CroniterBadDateError, croniter
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, field_validator
from pydantic import ValidationInfo as Info

from pipeline.dates import FIRST
from pipeline.errors import UsageError
from pipeline.texts import decoded


class JobError(UsageError):
    """A job file that cannot be used; the message names the file, the key and the remedy."""


@cache
def _timezones() -> set[str]:
    # A walk through some 600 files. `localtime` is the machine's own, and another one on the next machine.
    return available_timezones() - {"localtime"}


def _timezone(name: str) -> str:
    if name not in _timezones():
        raise ValueError("is not an IANA time zone, such as Europe/Berlin or UTC")
    return name


def _schedule(cron: str) -> str:
    # R is croniter's random number: another schedule at every reading.
    fixed = not re.search(r"\br\b", cron, re.IGNORECASE)
    if not croniter.is_valid(cron) or len(cron.split()) != 5 or not fixed:
        raise ValueError(
            "is not a cron expression of five fields, such as '0 2 * * *' for every night at two"
        )
    try:
        croniter(cron, datetime(2000, 1, 1, tzinfo=UTC)).get_next()
    except CroniterBadDateError:
        raise ValueError("names a day that never comes") from None
    return cron


def _query(name: str) -> str:
    inside = not Path(name).is_absolute() and ".." not in Path(name).parts
    if not inside or not name.endswith(".sql") or not name.isprintable():
        raise ValueError("is not a .sql file inside sql/, such as flight_delay/features.sql")
    return name


def _slices(columns: tuple[str, ...]) -> tuple[str, ...]:
    twice = [name for number, name in enumerate(columns) if name in columns[:number]]
    if twice or "entity_id" in columns:
        raise ValueError(
            f"names {twice[0] + ' twice' if twice else 'entity_id, which is no group of entities'}"
        )
    return columns


def _people(names: tuple[str, ...]) -> tuple[str, ...]:
    twice = [name for number, name in enumerate(names) if name in names[:number]]
    if twice:
        raise ValueError(f"names {twice[0]} twice")
    return names


# The largest that the predictions database can keep, and the largest number that Airflow's processes can say.
LAST_VERSION = 2**31 - 1
LAST_RUN = 2**63 - 1

# What a business query's table of scores has besides the slices.
BUSINESS_COLUMNS = ("entity_id", "score", "label", "class_scores", "weight")

Identifier = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,62}$")]
Fraction = Annotated[float, Field(ge=0, le=1)]
# What Airflow and Postgres can keep: one file that cannot become a DAG would take all the others with it.
Night = Annotated[date, Field(ge=FIRST, lt=date(2200, 1, 1))]
Days = Annotated[int, Field(ge=1, le=36_500)]
Sentence = Annotated[str, Field(pattern=r"^[^\x00]*$")]
Person = Annotated[str, Field(pattern=r"^[^\x00\s](?:[^\x00]*[^\x00\s])?$", max_length=200, strict=True)]
# Reject the row; count the value and score the row; score it and count nothing.
Action = Literal["reject", "warn", "ignore"]
# What comes of a finding: the run is published and the finding told, or the run is held for a person.
Response = Literal["warn", "hold"]

# Airflow's own pool, which is always there.
DEFAULT_POOL = "default_pool"
Pool = Annotated[str, Field(pattern=r"^\w(?:[\w .-]*\w)?$", max_length=256)]

Column = Annotated[str, Field(min_length=1, max_length=200, strict=True)]


class _Section(BaseModel):
    # Strict: TOML has types, and a date read from a number or `yes` taken for true is a mistake gone unseen.
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Extract(_Section):
    """Where a night's rows come from."""

    connection: Identifier = Field(default="warehouse", description="connection id of the warehouse")
    query: Annotated[str, AfterValidator(_query)] = Field(description="SQL file below sql/")
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
        description="Postgres only: connections that read the query at a time, each its own :shard of :shards",
    )


class Model(_Section):
    """Which model scores."""

    name: Identifier = Field(description="folder below models/")
    alias: Identifier = Field(default="champion", description="alias in the model's versions.toml")


class Rules(_Section):
    """What becomes of a row with a value that breaks a rule of the contract."""

    type: Action | None = Field(
        default=None, description="no exact form in the trained type; loosened: taken as missing"
    )
    null: Action | None = Field(
        default=None, description="missing; loosened only where the model scores a missing value"
    )
    finite: Action | None = Field(
        default=None, description="an infinite number or time; loosened: taken as missing"
    )
    unknown_category: Action | None = Field(
        default=None,
        description="a category that training never saw; loosened only where the model scores it",
    )
    out_of_range: Action | None = Field(
        default=None, description="a number outside of the trained range, a time before the first of training"
    )
    too_long: Action | None = Field(
        default=None, description="a free text more than ten times as long as the longest of training"
    )
    future: Action | None = Field(default=None, description="a time after the end of the score date")

    @property
    def said(self) -> dict[str, Action]:
        """The rules that the job file names, and what it says of them."""
        return {name: action for name in RULES if (action := getattr(self, name)) is not None}


RULES = tuple(Rules.model_fields)
_COLUMNS = ["contract", "columns"]


class Contract(Rules):
    """What becomes of rows that break the model's contract."""

    unique: Literal["refuse", "reject"] = Field(
        default="refuse",
        description="an entity that comes twice: the night is refused, or all rows of that entity are rejected",
    )
    keep_values: bool = Field(
        default=True,
        description="whether rejected_rows keeps the values that broke a rule, cut to 200 characters",
    )
    columns: dict[str, Rules] = Field(
        default={}, description="the same rules for one column, as [contract.columns.NAME]"
    )


class Write(_Section):
    """Where the scores go."""

    connection: Identifier = Field(
        default="predictions", description="connection id of the predictions database"
    )


class Gate(_Section):
    """What a night must look like to be published without a person; a check's key says what comes of a finding."""

    min_rows: int = Field(default=1, ge=0, description="fewer scored rows than this: the run is held")
    max_rejected_fraction: Fraction = Field(
        default=0.05, description="the largest share of rejected rows that is nothing unusual"
    )
    rejected_fraction: Response = Field(default="hold", description="a larger share of rejected rows")
    constant_score: Response = Field(
        default="hold", description="every row of a night of at least 20 has the very same score"
    )
    drift: Response = Field(
        default="warn",
        description="features that are unusual beside the training nights, or the last night's again",
    )
    score_drift: Response = Field(default="warn", description="scores that are")
    volume: Response = Field(default="warn", description="a number of rows that is, for such a weekday")
    max_model_age_days: Days | None = Field(
        default=None,
        description="days from a model's last training night (else its registering) to the score date that are "
        "nothing unusual; leave it out where age does not matter",
    )
    model_age: Response = Field(default="warn", description="a model that is older")
    on_empty: Literal["skip", "fail"] = Field(
        default="fail", description="a night without rows: end quietly, or fail"
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
    deciders: Annotated[tuple[Person, ...], AfterValidator(_people)] = Field(
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


class Alerts(_Section):
    """Who is told of a night that failed, is held, or was published with something unusual."""

    to: Identifier | None = Field(
        default=None, description="id of an Apprise connection, which holds the addresses; without it nobody"
    )


class Tracking(_Section):
    """Where a run's numbers go besides the predictions database."""

    mlflow: Identifier | None = Field(
        default=None,
        description="id of an HTTP connection: the MLflow server that gets the numbers of every run",
    )


class Drift(_Section):
    """When a night counts as unusual."""

    false_alarm_rate: float = Field(
        default=0.05,
        gt=0,
        le=0.5,
        description="share of nights like those of training on which anything is called unusual by chance",
    )


class Retention(_Section):
    """For how many days a run's things are kept; nothing goes that is open, or younger than a day."""

    parts_days: Days = Field(default=30, description="days that a run's parts are kept in the store")
    rejected_values_days: Days = Field(
        default=30, description="days that rejected rows are kept, with values"
    )
    superseded_days: Days = Field(
        default=90, description="days that the scores of superseded, abandoned and failed runs are kept"
    )
    predictions_days: Days | None = Field(
        default=None, description="days that published scores are kept; leave it out to keep them for ever"
    )
    metrics_days: Days | None = Field(
        default=None,
        description="days that metrics of runs whose scores have gone are kept; leave it out to keep them for ever",
    )


class Outcomes(_Section):
    """What became of the entities of a night, and how the scores are held against it."""

    query: Annotated[str, AfterValidator(_query)] = Field(
        description="SQL file below sql/ that gives entity_id and the real result, from the job's own warehouse"
    )
    delay_days: int = Field(
        ge=1, le=3650, description="days after the score date on which the results are known"
    )
    column: Column | None = Field(
        default=None,
        description="the query's column with the real result; named as in training, unless given",
    )
    business: Annotated[str, AfterValidator(_query)] | None = Field(
        default=None, description="SQL file below sql/ whose one row are figures of the job's own"
    )
    min_group: int = Field(
        default=30, ge=2, description="groups of a slice with fewer results are marked, and never compared"
    )
    gap: float = Field(
        default=0.1,
        ge=0,
        description="a larger difference between groups may be an alarm: of rates, or of mean errors in units of "
        "the RMSE",
    )
    false_alarm_rate: Fraction = Field(
        default=0.05, description="share of nights that may have an alarm where all groups are alike"
    )


class Job(_Section):
    """Everything a job file may say."""

    name: Identifier = Field(
        description="the file's name without .toml; also the DAG's id and the asset's name (of `self` and `context`: "
        "`self-scores` and `context-scores`, for Airflow keeps these two)"
    )
    description: Sentence = Field(description="one sentence for the web UI")
    owner: Sentence = Field(min_length=1, max_length=100, description="the team to call")
    schedule: Annotated[str, AfterValidator(_schedule)] = Field(
        description="cron expression, in the job's time zone"
    )
    timezone: Annotated[str, AfterValidator(_timezone)] = Field(
        default="UTC", description="IANA time zone of the schedule"
    )
    start_date: Night = Field(description="first night")
    end_date: Night | None = Field(default=None, description="last night; leave it out where there is none")
    catchup: bool = Field(
        default=False, description="whether Airflow runs the nights missed since start_date"
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
    max_active_runs: int = Field(
        default=1, ge=1, le=1000, description="nights of this job that may run at the same time"
    )
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
    slices: Annotated[tuple[Column, ...], AfterValidator(_slices)] = Field(
        default=(),
        max_length=10,
        strict=False,
        description="list of features by whose values two runs are compared, and scores with outcomes, such as "
        '["carrier"]',
    )
    fallback: Literal["none", "last_published", "champion_previous"] = Field(
        default="none",
        description="what stands in for a night that failed, marked in every row: nothing, the last published scores "
        "again, or those of the model's alias champion_previous",
    )
    extract: Extract
    model: Model
    contract: Contract = Contract()
    write: Write = Write()
    gate: Gate = Gate()
    drift: Drift = Drift()
    alerts: Alerts = Alerts()
    tracking: Tracking = Tracking()
    retention: Retention = Retention()
    outcomes: Outcomes | None = None
    sha256: str = Field(description="digest of the job file, kept with every run")

    @field_validator("end_date")
    @classmethod
    def _after_start(cls, end: date | None, info: Info) -> date | None:
        start = info.data.get("start_date")
        if end and start and end < start:
            raise ValueError(f"is before start_date ({start}), so no night is ever due")
        return end

    @field_validator("outcomes")
    @classmethod
    def _after_scoring(cls, outcomes: Outcomes | None, info: Info) -> Outcomes | None:
        days_back = info.data.get("days_back", 0)
        if outcomes and outcomes.delay_days <= days_back:
            raise ValueError(
                f"delay_days = {outcomes.delay_days} must be more than days_back ({days_back}): no night is scored "
                "before"
            )
        # DuckDB, which runs the query, does not tell capitals from small letters.
        slices = [name.lower() for name in info.data.get("slices", ())]
        if outcomes and outcomes.business and len(set(slices)) < len(slices):
            raise ValueError(
                "business reads slices without capitals, and two of these are the same then. Take one out"
            )
        apart = [name for name in info.data.get("slices", ()) if name.lower() in BUSINESS_COLUMNS]
        if outcomes and outcomes.business and apart:
            raise ValueError(
                f"business reads a table with a column {apart[0].lower()!r} of its own, and slices names a feature of "
                f"that name. Take {apart[0]!r} out of slices, and have the outcomes query give it under another name"
            )
        return outcomes

    @property
    def zone(self) -> ZoneInfo:
        """The job's time zone."""
        return ZoneInfo(self.timezone)

    @property
    def daily(self) -> str:
        """Cron expression of every day at the hours of the job's schedule."""
        minute, hour, *_ = self.schedule.split()
        return f"{minute} {hour} * * *"


def files(folder: Path) -> list[Path]:
    """The job files in a folder, in order of their names."""
    return sorted(folder.glob("*.toml"))


def find(folder: Path, name: str) -> Job:
    """Read the job called `name` from a folder of job files.

    Raises:
        JobError: there is no such job, or its file cannot be used.
    """
    known = [file.stem for file in files(folder)]
    if name not in known:
        raise JobError(f"no job {name!r} in {folder}. {nearest(name, known)}")
    return read(folder / f"{name}.toml")


def read_all(folder: Path) -> tuple[list[Job], list[JobError]]:
    """Every job of a folder of job files, and the errors of the files that cannot be used."""
    found: list[Job] = []
    broken: list[JobError] = []
    for path in files(folder):
        try:
            found.append(read(path))
        except JobError as error:
            broken.append(error)
    return found, broken


def read(path: Path) -> Job:
    """Read one job file.

    Raises:
        JobError: the file is not TOML, or a key is missing, unknown or wrong.
    """
    if path.is_fifo() or path.is_char_device():  # reading it might never end
        raise JobError(f"{path.name}: cannot be read: a pipe or device. Make it a plain file.")
    try:
        content = path.read_bytes()
    except OSError as error:
        raise JobError(f"{path.name}: cannot be read: {error.strerror}. Make it a plain file.") from error
    try:
        said = tomllib.loads(decoded(content))
    # Not TOMLDecodeError alone: bytes that are no UTF-8, numbers of 5000 digits and endless [[[[ raise others.
    except (ValueError, RecursionError) as error:
        raise JobError(f"{path.name}: not a TOML file: {error}") from error
    reserved = sorted({"name", "sha256"} & said.keys())
    if reserved:
        raise JobError(
            f"{path.name}: key {reserved[0]!r} is not yours to set. Remove it: it comes from the file."
        )
    try:
        return Job.model_validate({**said, "name": path.stem, "sha256": hashlib.sha256(content).hexdigest()})
    except ValidationError as error:
        raise JobError("\n".join(_explain(path, said, item) for item in error.errors())) from None


def _explain(path: Path, said: dict[str, Any], item: Any) -> str:
    *section, key = (part for part in item["loc"] if isinstance(part, str))
    where = f"{path.name}: key {'.'.join([*section, key])!r}"
    model = _model_of(section)
    if key == "name" and not section:
        return f"{path.name}: a job's file name is a lower-case word (letters, digits, _). Rename the file."
    known = [name for name in model.model_fields if name not in ("name", "sha256") or model is not Job]
    if item["type"] == "extra_forbidden":
        return f"{where} is unknown. {nearest(key, known)}"
    meaning = "a section of rules" if section == _COLUMNS else ""
    if key in model.model_fields:
        meaning = model.model_fields[key].description or f"a section [{key}]"
    if item["type"] == "missing":
        return f"{where} is missing. Add it: {meaning}."
    problem = item["msg"].removeprefix("Value error, ")
    return f"{where} = {item['input']!r}: {problem}. It is: {meaning}."


def _model_of(section: list[str]) -> type[BaseModel]:
    model: type[BaseModel] = Job
    for place, part in enumerate(section):
        if section[:place] == _COLUMNS:
            return Rules
        model = section_of(model.model_fields[part].annotation) or model
    return model


def section_of(annotation: Any) -> type[BaseModel] | None:
    """The section of a job file that a field holds, also one that may be left out; None where it holds a value."""
    kinds = get_args(annotation) if isinstance(annotation, UnionType) else (annotation,)
    return next((kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)), None)


def nearest(word: str, known: Sequence[str]) -> str:
    """What somebody may have meant by an unknown word, and all the words that are known."""
    close = difflib.get_close_matches(word, known, n=1)
    hint = f"Did you mean {close[0]!r}? " if close else ""
    return f"{hint}Known: {', '.join(known) or 'none yet'}."
