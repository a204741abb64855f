"""The trials: which faults befall a night. A seed is a trial, always the same, so that one that fails can be replayed.

The deck holds every durable boundary that the census found, and every other kind of fault; seeds that follow one
another go through it card by card. What a card leaves open, its seed decides.
"""

import random
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil

from tests.chaos.boundaries import Boundary
from tests.chaos.fault import Fault, Plan

STAGES = ("extract", "load_model", "predict", "write", "log_metrics", "publish")
# After a night is published, another version scores its rows.
CHALLENGE = ("begin_challenge", "challenge", "end_challenge")
MAPPED = ("predict", "write")
PARTS = 3
# How many tries of one task are killed, one after the other, until it may end.
IN_A_ROW = 8
_FLIPPED = (Boundary("flip", 1, "after"),)

# stage (or `score`) -> the boundaries that an undisturbed try comes by.
Census = Mapping[str, Sequence[Boundary]]


@dataclass(frozen=True)
class Trial:
    """A night and what befalls it.

    Attributes:
        seed: gives this very trial again.
        name: its card.
        plan: what befalls each task.
        whole: whether the night is scored in one process, and not task by task.
        triggers: how many DAG runs begin at the same time.
        redelivered: whether every finished task is delivered again in the end.
        fresh: whether nothing of the night was published before.
        wakes: the stage after which tries that stand still wake up.
    """

    seed: int
    name: str
    plan: Plan
    whole: bool = False
    triggers: int = 1
    redelivered: bool = False
    fresh: bool = False
    wakes: str = ""


# A name, and what makes a trial of it with the seed's chance.
Card = tuple[str, Callable[[random.Random], Trial]]


def trial(cards: Sequence[Card], seed: int) -> Trial:
    """The trial of a seed."""
    name, make = cards[seed % len(cards)]
    chance = random.Random(seed)
    made = make(chance)
    return replace(
        made, seed=seed, name=name, fresh=chance.random() < 0.3, wakes=chance.choice([*STAGES, "", ""])
    )


def deck(census: Census, kills: Census | None = None) -> list[Card]:
    """All cards.

    Args:
        census: where a stage can be killed, stopped, or lose an answer.
        kills: where to kill it, if not everywhere.
    """
    stages = {stage: census[stage] for stage in STAGES}
    whole = {stage: census[stage] for stage in (*STAGES, *CHALLENGE)}
    alone = {"score": census["score"]}
    kills = kills or census
    return [
        *_everywhere("kill at boundary", {stage: kills[stage] for stage in whole}),
        *_everywhere("kill at boundary", {"score": kills["score"]}),
        *_everywhere("zombie", whole),
        *_everywhere("answer lost", _commits(whole)),
        *_everywhere("answer lost", _commits(alone)),
        ("zombie, score", lambda chance: _some(chance, "zombie", census["score"])),
        *[("random kills", _at_random)] * 6,
        *[("random kills, score", _score_at_random)] * 4,
        *[("supervisor killed", _orphans)] * 2,
        *_deployments(stages),
        # One process compares where its stages begin: between two of its commits it makes no difference when.
        *_deployments({"score": [point for point in census["score"] if point.kind in ("commit", "flip")]}),
        *_at_once(2),
        *_at_once(5),
        *[("two triggers at once", lambda chance: Trial(0, "", {}, triggers=2))] * 2,
        ("five triggers at once", lambda chance: Trial(0, "", {}, triggers=5)),
        ("every task delivered again", lambda chance: Trial(0, "", {}, redelivered=True)),
    ]


def distinct(points: Sequence[Boundary]) -> list[Boundary]:
    """Of boundaries between which nothing durable happens, one: a kill at each leaves the same behind.

    Between the end of one call and the beginning of the next the stage changes nothing that outlives it. It is the last
    of them, but the end of the flip, which shows where a night is published.
    """
    groups: list[list[Boundary]] = [[]]
    for point in points:
        before = groups[-1][-1:]
        if before and (before[0].edge, point.edge, before[0].kind) == ("before", "after", point.kind):
            groups.append([])
        groups[-1].append(point)
    return [next((point for point in group if point in _FLIPPED), group[-1]) for group in groups if group]


def wrong_deck(census: Census) -> list[Card]:
    """The cards that the wrong writers are tried on: what befalls writing and publishing."""
    stages = {stage: census[stage] for stage in ("write", "publish") if census[stage]}
    return [*_everywhere("kill at boundary", stages), *_at_once(2)[:1]]


def one_each(boundaries: Mapping[str, Collection[Boundary]]) -> list[Card]:
    """For each boundary of a stage a night in which it is the only one that a kill befalls."""
    return [
        (
            f"kill at boundary, {stage} {point}",
            _of({_tasks(stage)[0]: [Fault("kill at boundary", at=point)]}, stage == "score"),
        )
        for stage, points in boundaries.items()
        for point in points
    ]


def _everywhere(kind: str, census: Census) -> Iterator[Card]:
    """As many nights as it takes for the fault to befall every stage at each of its boundaries once."""
    nights = max(
        max(len(_last(points)), ceil(len(points) / (len(_tasks(stage)) * IN_A_ROW)))
        for stage, points in census.items()
    )
    for night in range(nights):
        plan: Plan = {}
        for stage, points in census.items():
            last = _last(points)
            others = [point for point in points if point not in last]
            tasks = _tasks(stage)
            size = ceil(len(others) / (nights * len(tasks)))
            for number, task in enumerate(tasks):
                first = (night * len(tasks) + number) * size
                ordinary = [others[one % len(others)] for one in range(first, first + size)]
                plan[task] = [_fault(kind, at) for at in (*ordinary, *last[night : night + 1])]
        where = "score" if "score" in census else "stages"
        yield f"{kind}, {where} {night + 1}/{nights}", _of(plan, where == "score")


def _deployments(census: Census) -> Iterator[Card]:
    """Nights in which something else is deployed during every task once, until each boundary has had its turn."""
    points = {stage: distinct(points) for stage, points in census.items() if points}
    nights = max(ceil(len(points[stage]) / len(_tasks(stage))) for stage in points)
    where = "score" if "score" in census else "stages"
    for night in range(nights):
        plan: Plan = {}
        for stage, boundaries in points.items():
            tasks = _tasks(stage)
            for number, task in enumerate(tasks):
                at = boundaries[(night * len(tasks) + number) % len(boundaries)]
                plan[task] = [Fault("deploy", at=at)]
        yield f"deploy, {where} {night + 1}/{nights}", _of(plan, where == "score")


def _last(points: Sequence[Boundary]) -> list[Boundary]:
    """Boundaries that are come by once a night only, as the night is published there: one a night, and last."""
    flipped = next((place for place, point in enumerate(points) if point in _FLIPPED), None)
    if flipped is None:
        return []
    before = points[flipped - 1]
    inside = (before.kind, before.edge) == ("commit", "after")  # the flip's own commit
    return list(points[flipped - inside :])


def _of(plan: Plan, whole: bool) -> Callable[[random.Random], Trial]:
    return lambda chance: Trial(0, "", {task: list(faults) for task, faults in plan.items()}, whole)


def _fault(kind: str, at: Boundary) -> Fault:
    return Fault(kind, ordinal=at.ordinal) if kind == "answer lost" else Fault(kind, at=at)


def _some(chance: random.Random, kind: str, points: Sequence[Boundary]) -> Trial:
    return Trial(0, "", {"score": [Fault(kind, at=at) for at in chance.sample(points, 3)]}, whole=True)


def _at_random(chance: random.Random) -> Trial:
    plan = {
        task: [Fault("kill at random", fraction=chance.uniform(0, 1.1)) for _ in range(chance.randint(0, 3))]
        for stage in (*STAGES, *CHALLENGE)
        for task in _tasks(stage)
    }
    return Trial(0, "", plan)


def _score_at_random(chance: random.Random) -> Trial:
    kills = [Fault("kill at random", fraction=chance.uniform(0, 1.1)) for _ in range(IN_A_ROW)]
    return Trial(0, "", {"score": kills}, whole=True)


def _orphans(chance: random.Random) -> Trial:
    tasks = [task for stage in (*STAGES, *CHALLENGE) for task in _tasks(stage)]
    # On a machine that is quicker now than when the census was taken a try may end before; not one that has just begun.
    at_once = chance.choice(tasks)
    plan = {
        task: [Fault("supervisor killed", fraction=0.0 if task == at_once else chance.uniform(0, 0.9))]
        for task in tasks
    }
    return Trial(0, "", plan)


def _at_once(tries: int) -> list[Card]:
    fault = Fault("tries at once", tries=tries)
    stages: Plan = {task: [fault] for stage in (*STAGES, *CHALLENGE) for task in _tasks(stage)}
    return [
        (f"{tries} tries of every task at once", _of(stages, False)),
        (f"{tries} scores at once", _of({"score": [fault]}, True)),
    ]


def _commits(census: Census) -> Census:
    """Where an answer can be lost; the flip, which is a commit too, marks the stage that publishes."""
    return {
        stage: [point for point in points if point.kind == "commit" and point.edge == "after"]
        for stage, points in census.items()
    }


def _tasks(stage: str) -> list[str]:
    return [f"{stage} {number}" for number in range(PARTS)] if stage in MAPPED else [stage]
