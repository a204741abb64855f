"""Trial after trial, with readers all the while; what they did to the night, and the table of it."""

import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, SimpleQueue

from pipeline.embedded.server import Embedded
from tests.chaos import invariants
from tests.chaos.boundaries import Boundary
from tests.chaos.fault import Fault, Fired
from tests.chaos.invariants import Harm
from tests.chaos.lane import EDITIONS, Edition, Json, Lane, opened
from tests.chaos.night import Night
from tests.chaos.trials import Census, Trial
from tests.chaos.tries import Children, HarnessError
from tests.home import Home


@dataclass(frozen=True)
class Result:
    """What came of a trial.

    Attributes:
        trial: the trial.
        ended: how its nights ended.
        fired: the faults that happened.
        harms: what should not be.
        wrong: endings of tries that should not be.
        reads: how often readers looked.
        challenges: how often a challenger's try has ended.
        seconds: how long it took.
    """

    trial: Trial
    ended: tuple[str, ...]
    fired: tuple[Fired, ...]
    harms: tuple[Harm, ...]
    wrong: tuple[str, ...]
    reads: int
    challenges: int
    seconds: float

    @property
    def good(self) -> bool:
        """Whether the night is as if nothing had happened."""
        return not self.harms and not self.wrong

    def counted(self, kind: str) -> int:
        """How much harm of one kind was done."""
        return sum(harm.count for harm in self.harms if harm.kind == kind)

    def __str__(self) -> str:
        replay = f"make chaos N=1 SEED={self.trial.seed}"
        return "\n  ".join(
            [
                f"{self.trial.name}: {replay}; ended {', '.join(self.ended)}",
                *(f"{harm.kind} {harm.count}: {harm.text}" for harm in self.harms),
                *self.wrong,
                *(f"{one.stage}: {one.fault}" for one in self.fired),
            ]
        )


@dataclass
class Campaign:
    """Lanes side by side, and the census that the first of them took."""

    lanes: Sequence[Lane]
    census: Census = field(default_factory=dict)

    def prepare(self) -> None:
        """Take the census of undisturbed nights, and learn what both editions look like."""
        first = self.lanes[0]
        self.census = take_census(first)
        for lane in self.lanes[1:]:
            lane.editions, lane.usual = first.editions, first.usual

    def run(
        self, trials: Iterable[Trial], told: Callable[[Result], None] = lambda result: None
    ) -> list[Result]:
        """Run trials on all lanes; returns their results as they come."""
        waiting: SimpleQueue[Trial] = SimpleQueue()
        for one in trials:
            waiting.put(one)
        results: list[Result] = []

        def work(lane: Lane) -> None:
            while True:
                try:
                    one = waiting.get_nowait()
                except Empty:  # the other lane has taken the last
                    return
                results.append(run_trial(lane, one))
                told(results[-1])

        with ThreadPoolExecutor(len(self.lanes)) as threads:
            for lane in [threads.submit(work, lane) for lane in self.lanes]:
                lane.result()
        return results


@contextmanager
def campaign(
    server: Embedded, children: Children, lanes: int, writer: str = "pipeline"
) -> Iterator[Campaign]:
    """Lanes on a server, with everything that they need, and the census taken."""
    with ExitStack() as held:
        folder = Path(held.enter_context(tempfile.TemporaryDirectory(prefix="chaos-")))
        made = Campaign(
            [
                held.enter_context(opened(Home(folder / f"lane-{number}", server), children, writer))
                for number in range(lanes)
            ]
        )
        made.prepare()
        yield made


def take_census(lane: Lane) -> Census:
    """Run undisturbed nights of each edition; returns the boundaries of every stage."""
    census: dict[str, Sequence[Boundary]] = {}
    parts: tuple[Json, ...] = ()
    for edition in sorted(EDITIONS):
        lane.load(edition)
        night, ended = Night(lane, {}), []
        if lane.writer == "pipeline":  # in one process, where no challenger is
            ended.append(night.score())
            parts = invariants.parts(lane)
            lane.turn()
        ended.append(night.run())
        violations = invariants.seen(lane)
        if set(ended) != {"published"}:
            raise HarnessError(f"undisturbed nights of edition {edition} ended {ended}")
        for stage, _, outcome in night.finished:
            census[stage] = outcome.seen
            lane.usual[stage] = max(outcome.seconds, lane.usual.get(stage, 0))
        [run] = [outcome.value for stage, _, outcome in night.finished if stage == "extract"]
        scored = run["rows_extracted"] - run["rows_rejected"]
        digest = str(violations.digest)
        lane.editions[edition] = Edition(edition, run["rows_extracted"], scored, digest, parts)
        lane.turn()
    return census


def run_trial(lane: Lane, trial: Trial) -> Result:
    """Run one trial on a lane, and hold what is left, and what readers saw, against what must be."""
    began = time.monotonic()
    before = _prepared(lane, trial)
    wanted = lane.editions[lane.edition]
    lane.watch()
    nights = [Night(lane, trial.plan, trial.wakes) for _ in range(trial.triggers)]
    ended, wrong = _through(nights, trial)
    sights = lane.watch()
    harms = (
        *invariants.of_reads(sights, before, wanted),
        *invariants.of_night(lane, wanted, challenged=lane.challenged and not trial.whole),
        *(invariants.of_deployments(lane, nights) if lane.writer == "pipeline" else ()),
    )
    wrong += [text for night in nights for text in night.wrong]
    fired = [one for night in nights for one in night.fired]
    if trial.triggers > 1:
        fired += [Fired(Fault("triggers at once", tries=trial.triggers), "night")] * trial.triggers
    if "published" not in ended:
        wrong.append("no night ended published")
    lane.published = not harms and not wrong
    return Result(
        trial,
        ended,
        tuple(fired),
        harms,
        tuple(wrong),
        sum(sight.reads for sight in sights),
        sum(stage == "end_challenge" for night in nights for stage, _, _ in night.finished),
        time.monotonic() - began,
    )


def _through(nights: Sequence[Night], trial: Trial) -> tuple[tuple[str, ...], list[str]]:
    """Run the nights at once, and what is to come after them; returns how they ended, and what hangs."""
    try:
        with ThreadPoolExecutor(len(nights)) as threads:
            ended = tuple(threads.map(Night.score if trial.whole else Night.run, nights))
        for night in nights:
            night.wake()
            if trial.redelivered:
                night.redeliver()
    except HarnessError as hangs:
        for night in nights:
            night.forget()
        return ("hangs",), [str(hangs)]
    return ended, []


def _prepared(lane: Lane, trial: Trial) -> Edition | None:
    """Bring the lane to where the trial begins; returns what is published there."""
    fresh = trial.fresh or lane.writer != "pipeline"  # plain tables keep what was there
    if fresh or not lane.published:
        lane.turn()
        lane.load("a" if trial.seed % 2 else "b")
    if fresh:
        return None
    if not lane.published:
        (ended,) = {Night(lane, {}).score()}
        if ended != "published":
            raise HarnessError(f"an undisturbed night ended {ended}")
    before = lane.editions[lane.edition]
    lane.load("b" if lane.edition == "a" else "a")
    return before
