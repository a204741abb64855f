"""The kill campaign, short: a kill in every durable state, every other fault, and seeded random kills.

`make chaos N=200 SEED=1` is the long one: it kills on both sides of every boundary, and plays every card.
"""

from collections.abc import Iterator

import pytest

from pipeline.embedded.server import Embedded
from tests.chaos import wrong_writers
from tests.chaos.boundaries import EDGES, Boundary
from tests.chaos.campaign import Campaign, Result, campaign
from tests.chaos.report import Report, harm_by_kind
from tests.chaos.trials import CHALLENGE, STAGES, Census, Trial, deck, distinct, one_each, trial, wrong_deck
from tests.chaos.tries import Children

SHORT = (
    "zombie, stages",
    "zombie, score",
    "answer lost, stages",
    "answer lost, score",
    "random kills",
    "random kills, score",
    "supervisor killed",
    "5 tries of every task at once",
    "2 scores at once",
    "deploy, stages",
    "deploy, score",
    "two triggers at once",
    "every task delivered again",
)
FAULTS = {
    "answer lost",
    "deploy",
    "kill at boundary",
    "kill at random",
    "redelivered",
    "supervisor killed",
    "tries at once",
    "triggers at once",
    "zombie",
}


@pytest.fixture(scope="module")
def children() -> Iterator[Children]:
    with Children() as made:
        yield made


@pytest.fixture(scope="module")
def lanes(server: Embedded, children: Children) -> Iterator[Campaign]:
    with campaign(server, children, lanes=2) as made:
        yield made


FILES = ("rename", "fsync")


@pytest.fixture(scope="module")
def results(lanes: Campaign) -> list[Result]:
    every = lanes.run(short(lanes))
    # A try that goes on where one was killed before it has less to do, and may not come by a boundary.
    cards = one_each(missed(lanes, every))
    return every + lanes.run([trial(cards, number) for number in range(len(cards))])


def states(lanes: Campaign) -> Census:
    """Boundaries of every stage at which a kill leaves different things behind."""
    return {stage: distinct(points) for stage, points in lanes.census.items()}


def missed(lanes: Campaign, results: list[Result]) -> dict[str, set[Boundary]]:
    """The durable states of each stage in which it was not killed."""
    killed: dict[str, set[Boundary | None]] = {stage: set() for stage in lanes.census}
    for result in results:
        for one in result.fired:
            if one.fault.kind == "kill at boundary":
                killed[one.stage].add(one.fault.at)
    left = {stage: set(points) - killed[stage] for stage, points in states(lanes).items()}
    # The last file of a night is the receipt of its publication, which whoever publishes next writes, too: a night that
    # was tried again may find it written.
    for stage in ("publish", "score"):
        last = {
            kind: max(point.ordinal for point in lanes.census[stage] if point.kind == kind) for kind in FILES
        }
        left[stage] -= {point for point in left[stage] if last.get(point.kind) == point.ordinal}
    return left


def short(lanes: Campaign) -> list[Trial]:
    """A kill in every durable state, and one card of every other kind of fault."""
    cards = deck(lanes.census, states(lanes))
    names = [name for name, _ in cards]
    numbers = [number for number, name in enumerate(names) if name.startswith("kill at boundary")]
    others = [next(number for number, name in enumerate(names) if name.startswith(kind)) for kind in SHORT]
    return [trial(cards, seed) for seed in (*numbers, *others)]


def test_whatever_befalls_a_night_it_is_as_if_nothing_had(results: list[Result]) -> None:
    assert Report(results).bad == [], "\n".join(map(str, Report(results).bad))
    assert sum(result.reads for result in results) > 500


def test_the_census_lists_every_kind_of_boundary_with_both_edges(lanes: Campaign) -> None:
    points = {(point.kind, point.edge) for stage in lanes.census.values() for point in stage}
    assert points == {
        (kind, edge) for kind in ("rename", "fsync", "copy", "commit", "flip") for edge in EDGES
    }
    assert lanes.census.keys() == {*STAGES, *CHALLENGE, "score"}


def test_a_stage_was_killed_in_every_durable_state_that_it_has(
    lanes: Campaign, results: list[Result]
) -> None:
    assert missed(lanes, results) == {stage: set() for stage in lanes.census}


def test_every_kind_of_fault_has_happened(results: list[Result]) -> None:
    assert {one.fault.kind for result in results for one in result.fired} == FAULTS


def test_tasks_that_do_not_compare_what_is_deployed_are_caught(server: Embedded, children: Children) -> None:
    with campaign(server, children, lanes=1) as lanes:
        lanes.lanes[0].compares = False
        cards = [card for card in deck(lanes.census) if card[0].startswith("deploy, stages")]
        [result] = lanes.run([trial(cards, 0)])
    assert result.counted("mixed"), result


@pytest.mark.parametrize("writer", wrong_writers.WRITERS)
def test_a_wrong_writer_is_caught(server: Embedded, children: Children, writer: str) -> None:
    with campaign(server, children, lanes=1, writer=writer) as lanes:
        cards = wrong_deck(lanes.census)
        harm = harm_by_kind(lanes.run([trial(cards, seed) for seed in range(len(cards))]))
    assert harm["torn"], harm
    assert harm["doubled"] or writer != "append", harm


def test_every_state_between_two_durable_calls_has_a_kill() -> None:
    before, after = EDGES
    calls = [("fsync", 1), ("rename", 1), ("copy", 1), ("commit", 1), ("fsync", 2)]
    points = [Boundary(kind, ordinal, edge) for kind, ordinal in calls for edge in (before, after)]
    assert distinct(points) == [point for point in points if point.edge == before] + points[-1:]
    # A commit inside of the flip: after it the night is published.
    flip = [
        Boundary("flip", 1, before), Boundary("commit", 1, before),
        Boundary("commit", 1, after), Boundary("flip", 1, after), Boundary("fsync", 1, before),
    ]  # fmt: skip
    assert distinct(flip) == [flip[1], flip[3]]


def test_a_seed_is_always_the_same_trial_and_another_seed_another(lanes: Campaign) -> None:
    cards = deck(lanes.census)
    seeds = range(2 * len(cards))
    assert [trial(cards, seed) for seed in seeds] == [trial(cards, seed) for seed in seeds]
    first = next(number for number, (name, _) in enumerate(cards) if name == "random kills")
    assert trial(cards, first).plan != trial(cards, first + len(cards)).plan
