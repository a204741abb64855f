"""What a campaign has shown: a table of faults, and one last line."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tests.chaos.campaign import Result

HARMS = ("lost", "doubled", "stale", "torn", "mixed")
UNACCOUNTED = "unaccounted"
KILLS = ("kill at boundary", "kill at random", "supervisor killed")
STALE_TRIES = (
    "zombie",
    "supervisor killed",
    "tries at once",
    "triggers at once",
    "redelivered",
    "answer lost",
)


@dataclass
class Report:
    """Everything that a campaign has counted.

    Attributes:
        results: of the trials.
        wrong_writers: name of each wrong writer -> the harm that it did, by kind.
    """

    results: Sequence[Result]
    wrong_writers: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    @property
    def bad(self) -> list[Result]:
        """The trials that failed."""
        return [result for result in self.results if not result.good]

    @property
    def caught(self) -> int:
        """How many wrong writers were caught."""
        return sum(1 for harm in self.wrong_writers.values() if any(harm.values()))

    @property
    def passed(self) -> bool:
        """Whether no harm was done, and every wrong writer was caught."""
        return not self.bad and self.caught == len(self.wrong_writers)

    def fired(self, *kinds: str) -> int:
        """How many faults of these kinds happened."""
        return sum(one.fault.kind in kinds for result in self.results for one in result.fired)

    def table(self) -> str:
        """One line for each fault and step. A harm counts for every fault of its night."""
        rows: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0] * 5)
        for result in self.results:
            for one in result.fired:
                row = rows[one.fault.kind, one.stage]
                row[0] += 1
                row[4] += result.good
            for key in {(one.fault.kind, one.stage) for one in result.fired}:
                for column, kind in enumerate(("lost", "doubled", "torn"), 1):
                    rows[key][column] += result.counted(kind)
        titles = ("fault", "step", "trials", "lost", "doubled", "torn reads", "recovered by retry")
        lines = [titles, *((*key, *map(str, row)) for key, row in sorted(rows.items()))]
        widths = [max(len(line[column]) for line in lines) for column in range(len(titles))]
        return "\n".join(
            "  ".join(
                text.ljust(width) if column < 2 else text.rjust(width)
                for column, (text, width) in enumerate(zip(line, widths, strict=True))
            )
            for line in lines
        )

    def counts(self) -> str:
        """How much was tried, and what the wrong writers did."""
        slips = [
            f"wrong writer {name}: "
            + (", ".join(f"{kind} {count}" for kind, count in harm.items() if count) or "not caught")
            for name, harm in self.wrong_writers.items()
        ]
        tried = f"kills {self.fired(*KILLS)}, concurrent, stale or repeated tries {self.fired(*STALE_TRIES)}"
        return "\n".join([tried, *slips])

    def last_line(self) -> str:
        """The figures that must be zero, and what they are held against."""
        harm = " ".join(f"{kind} {sum(result.counted(kind) for result in self.results)}" for kind in HARMS)
        reads = sum(result.reads for result in self.results)
        caught = f"{self.caught}/{len(self.wrong_writers)}"
        challenges = sum(result.challenges for result in self.results)
        unaccounted = sum(result.counted(UNACCOUNTED) for result in self.results)
        return (
            f"trials {len(self.results)} {harm} reads {reads} wrong_writers_caught {caught} "
            f"challenges {challenges} {UNACCOUNTED} {unaccounted}"
        )


def harm_by_kind(results: Sequence[Result]) -> dict[str, int]:
    """How much harm of each kind was done."""
    return {kind: sum(result.counted(kind) for result in results) for kind in HARMS}
