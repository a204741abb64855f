"""What the tasks of a run's reasons hand to one another: what is to be explained, and what became of it."""

import json
from datetime import date
from typing import Any

from pipeline.attribution import players
from pipeline.attribution.players import Player
from pipeline.config.aside.reasons_section import ReasonsSection
from pipeline.errors import ScoringError
from pipeline.model.manifest import Manifest
from pipeline.payloads import Value


class ReasonsError(ScoringError):
    """Reasons that cannot be kept, or computed anew."""


class Since(Value):
    """A run before, beside which entities have changed.

    Attributes:
        run_id: the run whose scores were published.
        score_date: the day of these.
        then: the nine scores that cut them into tenths.
        now: the same of the run that is explained.
    """

    run_id: int
    score_date: date
    then: tuple[float, ...]
    now: tuple[float, ...]


class Settings(Value):
    """How scores are explained, as the database keeps it: with this they are explained again.

    Attributes:
        top: reasons of an entity.
        orders: in which a row's columns are walked.
        groups: columns that move together.
        least: the least score that gets reasons; None where that does not matter.
        since: the run beside which an entity must have changed to get reasons; None where that does not matter.
        keep_values: whether the columns' values are kept.
    """

    top: int
    orders: int
    groups: dict[str, tuple[str, ...]]
    least: float | None = None
    since: Since | None = None
    keep_values: bool = True

    @classmethod
    def of(
        cls,
        section: ReasonsSection,
        *,
        keep_values: bool,
        least: float | None = None,
        since: Since | None = None,
    ) -> "Settings":
        """What a job file says, with the least score, or the run before, that it comes to."""
        return cls(
            top=section.top,
            orders=section.orders,
            groups=section.groups,
            least=least,
            since=since,
            keep_values=keep_values,
        )

    @property
    def text(self) -> str:
        """All of it as one text of JSON."""
        return json.dumps(self.json_value(), sort_keys=True)

    def players(self, manifest: Manifest) -> tuple[Player, ...]:
        """The columns of a version, as they move.

        Raises:
            GroupError: a group names a column that the version does not take.
        """
        return players.of_model([column.name for column in manifest.columns], self.groups, manifest.label)


class PartWork(Value):
    """A part that is to be explained.

    Attributes:
        number: the part's.
        input_sha256: digest of the rows that the model got.
        scored_sha256: digest of the scores that it gave.
        chosen_sha256: digest of the file that names the entities that get reasons; empty where no file does.
        settings: how it is explained.
        slices: features by whose values contributions are summed.
        until: when the time of all parts is up, in seconds since 1970.
    """

    run_id: int
    job: str
    score_date: date
    model_name: str
    model_version: int
    model_sha256: str
    number: int
    input_sha256: str
    scored_sha256: str
    chosen_sha256: str = ""
    settings: Settings
    slices: tuple[str, ...] = ()
    until: float


class Outcome(Value):
    """What became of a part.

    Attributes:
        number: the part's.
        wanted: rows that were to be explained.
        explained: rows that were.
        gap: the most by which base and contributions miss a score.
        background: digest of the rows with which walks begin.
        reasons: digest of the file with the reasons; empty where there is none.
        contributions: digest of the file with the sums of contributions.
        failure: why not all of them were explained; empty where they were.
    """

    number: int
    wanted: int = 0
    explained: int = 0
    gap: float = 0.0
    background: str | None = None
    reasons: str = ""
    contributions: str = ""
    failure: str = ""


def read(cls: type[Any], values: list[Any]) -> list[Any]:
    """Values of a list from their JSON forms; what is missing stays None."""
    return [None if value is None else cls.read(value) for value in values]
