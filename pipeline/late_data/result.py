"""What came of reading a source again: counts, a sentence, and the finding that people are told of."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from pipeline.payloads import Finding


@dataclass(frozen=True)
class Recheck:
    """How the source differs from what a published run was scored on.

    Attributes:
        run_id: the run.
        job: its job.
        score_date: its score date.
        rows_then: rows that the run has in its parts.
        rows_now: rows that the query gives now.
        rows_rejected: of these, rows that break the contract, or share their entity with another.
        rows_new: rows that could be scored now, whose entity the run has not.
        rows_gone: rows of the run that could not be scored now.
        rows_changed: rows of the run in which a feature has another value.
        entities_doubled: entities that the query gives more than once.
        columns: for each feature with another value the rows.
        notes: what else may have made a difference.
    """

    run_id: int
    job: str
    score_date: date
    rows_then: int
    rows_now: int
    rows_rejected: int
    rows_new: int
    rows_gone: int
    rows_changed: int
    entities_doubled: int
    columns: Mapping[str, int]
    notes: tuple[str, ...]

    @property
    def differing(self) -> int:
        """Rows that are new, gone or changed."""
        return self.rows_new + self.rows_gone + self.rows_changed

    @property
    def share(self) -> float:
        """Their share of the run's rows."""
        return self.differing / max(self.rows_then, 1)

    @property
    def command(self) -> str:
        """The command that scores the date again."""
        return f"scoring score {self.job} {self.score_date}"

    def finding(self, late_fraction: float = 0.0) -> Finding | None:
        """What people are told; None where no more differs than is usual.

        Args:
            late_fraction: the share of the rows that may differ.
        """
        if not self.differing or self.share <= late_fraction:
            return None
        return Finding(check="late_data", action="warn", message=str(self))

    def __str__(self) -> str:
        text = (
            f"of the {self.rows_then} rows of then, {self.rows_changed} have changed and {self.rows_gone} are gone; "
            f"{self.rows_new} are new"
        )
        if self.columns:
            most = sorted(self.columns.items(), key=lambda item: (-item[1], item[0]))
            named = ", ".join(f"{name} in {rows}" for name, rows in most[:10])
            text += f"; changed columns: {named}{' and others' if len(most) > 10 else ''}"
        return text + (f"; {self.entities_doubled} entities come twice now" if self.entities_doubled else "")
