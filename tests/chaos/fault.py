"""What may befall a try of a task."""

from dataclasses import dataclass

from tests.chaos.boundaries import Boundary


@dataclass(frozen=True)
class Fault:
    """What befalls one try of one task.

    Attributes:
        kind: its name in the campaign's table.
        at: the boundary where the try is killed or stopped, or something else is deployed.
        fraction: when it is killed: this part of the time that an undisturbed try takes.
        tries: how many tries begin at once.
        ordinal: which commit's answer is lost.
    """

    kind: str
    at: Boundary | None = None
    fraction: float = 0.0
    tries: int = 1
    ordinal: int = 0

    def __str__(self) -> str:
        details = [
            str(self.at) if self.at else "",
            f"{self.fraction:.3f} of its time" if self.fraction else "",
            f"{self.tries} tries" if self.tries > 1 else "",
            f"commit {self.ordinal}" if self.ordinal else "",
        ]
        return f"{self.kind} ({', '.join(filter(None, details)) or 'once'})"


@dataclass(frozen=True)
class Fired:
    """A fault that has really happened to a stage."""

    fault: Fault
    stage: str


# Task (`predict 1` is a mapped one) -> what befalls its first try, its second, and so on.
Plan = dict[str, list[Fault]]
