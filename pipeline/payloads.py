"""What the tasks hand to one another: small frozen values that Airflow carries as JSON, never data."""

from dataclasses import dataclass
from datetime import date
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict


class Value(BaseModel):
    """A frozen value with a JSON form."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    def json_value(self) -> dict[str, Any]:
        """The value as plain JSON types."""
        return self.model_dump(mode="json")

    @classmethod
    def read(cls, value: dict[str, Any]) -> Self:
        """The value from its JSON form."""
        return cls.model_validate(value)


ServedBy = Literal["model", "last_published", "champion_previous"]


class Readiness(Value):
    """Whether the rows of a run's source were complete before it began, after so long a wait, by which query."""

    ready: bool
    seconds: float
    sha256: str


class RunRequest(Value):
    """What a run was asked for.

    Attributes:
        trigger: an Airflow DAG run's id, or the command line. A new try of the same takes over from the old one.
        attempt: which try of the trigger this is, as it counts them; one that comes late changes nothing.
        model_version: a registered version to use instead of the job's alias, because a person named it.
        dry_run: whether the run is never to be published.
        served_by: `model`, or the fallback that stands in for a run that failed.
        triggered_by: the person who triggered the run; None where a schedule did.
        readiness: what was seen of its source; None where the job does not ask.
    """

    trigger: str
    attempt: int = 1
    model_version: int | None = None
    dry_run: bool = False
    served_by: ServedBy = "model"
    triggered_by: str | None = None
    readiness: Readiness | None = None

    @property
    def model_named(self) -> bool:
        """Whether a person, or the job's fallback, named the model version; else it comes from the alias."""
        return self.model_version is not None or self.served_by != "model"


class Cost(Value):
    """What a task took.

    Attributes:
        seconds: from its beginning to its end.
        peak_mb: the largest memory that its process has held so far.
        began: when it began, in seconds of the epoch by its machine's clock: only to see which tasks ran side by side.
    """

    seconds: float
    peak_mb: float
    began: float = 0.0


class Part(Value):
    """One Parquet file of a run.

    Attributes:
        number: from 0.
        size: bytes of the file.
        sha256: digest of the file's bytes.
    """

    number: int
    rows: int
    size: int
    sha256: str


class Deployment(Value):
    """What is deployed where a run begins, beside its model; each task of the run goes on with this alone.

    The code has a digest of what decides a score, and the product's version; a query is its text.
    """

    code_version: str
    pipeline_version: str
    job_sha256: str
    query_sha256: str
    ready_sha256: str | None = None


class PartTask(Value):
    """A part to be scored, and the model version that scores it; `former` is as in `Run`."""

    run_id: int
    job: str
    score_date: date
    model_name: str
    model_version: int
    model_sha256: str
    deployment: Deployment
    former: int | None = None
    part: Part


class Run(Value):
    """One try at scoring one job for one score date; `former` is the version published before, if another."""

    run_id: int
    job: str
    score_date: date
    dry_run: bool
    model_name: str
    model_version: int
    model_sha256: str
    deployment: Deployment
    parts: tuple[Part, ...]
    rows_extracted: int
    rows_rejected: int
    features: dict[str, dict[str, float]]
    forecast: dict[str, float]
    cost: Cost
    readiness: Readiness | None = None
    former: int | None = None

    def work(self, part: Part) -> PartTask:
        """What it takes to score one of the parts."""
        pin = {name: getattr(self, name) for name in PartTask.model_fields if name != "part"}
        return PartTask(**pin, part=part)


class Scored(Value):
    """A part's scores: files beside it; `moved` adds up how far they are from the former version's."""

    run_id: int
    job: str
    score_date: date
    deployment: Deployment
    part: Part
    profile: Part | None = None
    rejected: Part | None = None
    moved: dict[str, float] = {}
    compiled: bool = False  # by what is compiled of the estimator, to the same bits
    cost: Cost


class Written(Value):
    """A part's scores in the database."""

    run_id: int
    part: Part
    profile: Part | None = None
    rejected: int = 0
    moved: dict[str, float] = {}
    compiled: bool = False
    predict: Cost
    write: Cost


class Finding(Value):
    """Something unusual about a run.

    Attributes:
        check: the check that found it, such as `min_rows`.
        action: `hold` for a person, or publish and `warn`.
        message: what was seen, and what was expected.
        ongoing: whether the last published run had it, too, so that people know.
    """

    check: str
    action: Literal["warn", "hold"]
    message: str
    ongoing: bool = False


class Verdict(Value):
    """What the gate's checks found in a run."""

    findings: tuple[Finding, ...]
    rows_scored: int

    @property
    def passed(self) -> bool:
        """Whether the run may be published without a person."""
        return not self.reasons

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why not."""
        return tuple(finding.message for finding in self.findings if finding.action == "hold")


class Publication(Value):
    """A published run, as downstream DAGs learn of it."""

    run_id: int
    job: str
    score_date: date
    model_name: str
    model_version: int
    rows_extracted: int
    rows_rejected: int
    rows_scored: int
    replaced_run_id: int | None


class Evaluation(Value):
    """What became of a published run's scores: figures of all entities, and in words what is worth saying.

    `alarms` are gaps between groups that are no chance; `notes` say what could not be measured, `quality` how the days
    so far compare with those of training.
    """

    run_id: int
    job: str
    score_date: date
    entities: int
    metrics: dict[str, float]
    alarms: tuple[str, ...]
    notes: tuple[str, ...]
    quality: str = ""


@dataclass(frozen=True)
class HeldRun:
    """A run on which a person decides, as the database has it, where it cannot change any more."""

    run_id: int
    job: str
    score_date: date
    rows_extracted: int
    rows_rejected: int
    rows_scored: int
    model_name: str
    model_version: int
    findings: tuple[Finding, ...]
