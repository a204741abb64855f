"""pipeline/serving/models/gathering.py: rows that come together, too many of them, too slow a model, and its end."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from pipeline.model import registry
from pipeline.serving.models.gathering import Gatherer
from pipeline.serving.requests.limits import Limits, Refused
from tests.home import Home, shop_rows
from tests.pipeline.serving.models.brittle import Brittle, Waiting, model, rows, terms


def gatherer(estimator: object, **limits: float) -> Gatherer:
    made = model(estimator)
    return Gatherer("job", made, lambda: made, Limits(**limits))  # type: ignore[arg-type]


TERMS = terms()


def score(gathering: Gatherer, *visits: int | None) -> "Coroutine[Any, Any, list[dict[str, Any]]]":
    return gathering.score(rows(*visits), TERMS, lambda *_: None)


def test_rows_that_come_while_the_model_is_busy_are_scored_in_one_call() -> None:
    estimator = Waiting()

    async def ask() -> list[list[dict[str, float]]]:
        gathering = gatherer(estimator)
        first = asyncio.create_task(score(gathering, 1))
        while not estimator.asked:
            await asyncio.sleep(0)
        others = [asyncio.create_task(score(gathering, each, each)) for each in range(2, 12)]
        await asyncio.sleep(0)
        estimator.may.set()
        return [await first, *[await each for each in others]]

    answers = asyncio.run(ask())
    assert estimator.asked == [1, 20]
    assert [[line["score"] for line in lines] for lines in answers] == [
        [1],
        *[[each, each] for each in range(2, 12)],
    ]


def test_what_does_not_fit_into_the_queue_is_refused_at_once_and_a_slow_model_after_a_while() -> None:
    estimator = Waiting()

    async def ask() -> None:
        gathering = gatherer(estimator, waiting_rows=3, seconds=0.2)
        first = asyncio.create_task(score(gathering, 1))
        while not estimator.asked:
            await asyncio.sleep(0)
        waiting = asyncio.create_task(score(gathering, 2, 3, 4))
        await asyncio.sleep(0)
        with pytest.raises(Refused, match="3 rows of job wait for the model already") as busy:
            await score(gathering, 5)
        assert (busy.value.status, busy.value.headers) == (429, {"Retry-After": "1"})
        for slow in (first, waiting):
            with pytest.raises(Refused, match=r"has not answered after 0\.2 s") as late:
                await slow
            assert late.value.status == 504
        estimator.may.set()
        gathering._limits = Limits()  # a busy machine may need longer for the answer
        assert await score(gathering, 6) == [
            {"entity_id": "0", "score": 6.0, "label": None, "class_scores": None}
        ]

    asyncio.run(ask())
    assert estimator.asked == [1, 1], "nobody waits any more for what was refused"


def test_a_row_that_ends_the_models_process_harms_its_own_request_alone(home: Home) -> None:
    pinned = home.model("brittle", Brittle(), shop_rows()[["visits"]])

    async def ask() -> list[object]:
        gathering = Gatherer("job", registry.load(pinned), lambda: registry.load(pinned), Limits())
        asked = [score(gathering, visits) for visits in (3, 1300, 99, 6)]
        answers = await asyncio.gather(*asked, return_exceptions=True)
        # As the system kills what takes too much memory: that one is told, and whoever comes next gets a score.
        killed = score(gathering, 1400)
        answers += await asyncio.gather(killed, return_exceptions=True)
        return [*answers, await score(gathering, 9)]

    good, poisoned, raising, other, killed, after = asyncio.run(ask())
    assert isinstance(good, list)
    assert isinstance(other, list)
    assert isinstance(raising, list)
    assert (good[0]["score"], other[0]["score"]) == (1.0, 2.0)
    assert raising[0]["rejected"][0]["value"].startswith("IndexError")
    assert isinstance(poisoned, Refused)
    assert (poisoned.status, poisoned.code) == (503, "model_ended")
    assert isinstance(killed, Refused)
    assert (killed.status, killed.code) == (503, "memory")
    assert after == [{"entity_id": "0", "score": 3.0, "label": None, "class_scores": None}]
