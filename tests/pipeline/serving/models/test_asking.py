"""pipeline/serving/models/asking.py: requests on which the model fails, and those that come with them or after."""

import asyncio
from collections.abc import Sequence
from typing import Any

from pipeline.serving.models.gathering import Gatherer
from pipeline.serving.models.scoring import MOST_CALLS
from pipeline.serving.requests.checking import Checked, Terms
from pipeline.serving.requests.limits import Limits, Refused
from tests.pipeline.serving.models.brittle import Brittle, model, rows, terms


class Counted(Brittle):
    """Counts how often it is asked."""

    calls = 0

    def predict(self, frame: Any) -> Any:
        """Once more."""
        self.calls += 1
        return super().predict(frame)


class Client:
    """Asks a model, and has what became of the rows counted."""

    def __init__(self, terms: Terms, estimator: object | None = None) -> None:
        self.model = Counted()
        made = model(estimator or self.model)
        self._gathering = Gatherer("job", made, lambda: made, Limits())
        self._terms, self.accepted = terms, list[int]()

    async def score(self, *visits: int | None) -> Any:
        """The scores or reasons of rows, or the refusal."""

        def record(checked: Checked, _: Sequence[Any]) -> None:
            self.accepted.append(checked.accepted.num_rows)

        try:
            lines = await self._gathering.score(rows(*visits), self._terms, record)
        except Refused as refusal:
            return refusal.code
        return [line["score"] if "score" in line else line["rejected"][0]["rule"] for line in lines]


def test_requests_are_checked_together_and_each_gets_its_own() -> None:
    client = Client(terms())

    async def ask() -> Any:
        return await asyncio.gather(
            client.score(3, None, 6), client.score(None), client.score(9), client.score(12, 15)
        )

    assert asyncio.run(ask()) == [[1.0, "null", 2.0], ["null"], [3.0], [4.0, 5.0]]
    assert (client.model.calls, client.accepted) == (1, [5])


def test_a_request_that_has_an_entity_twice_is_checked_alone() -> None:
    client = Client(terms(unique="reject"))
    [row] = rows(3)

    async def ask() -> Any:
        twice = client._gathering.score([row, row], client._terms, lambda *_: None)
        return await asyncio.gather(client.score(3), twice, client.score(6))

    first, twice, last = asyncio.run(ask())
    assert (first, last) == ([1.0], [2.0])
    assert [line["rejected"][0]["rule"] for line in twice] == ["unique", "unique"]


def test_a_request_on_which_the_model_fails_harms_none_that_came_with_it() -> None:
    client = Client(terms())

    async def ask() -> Any:
        return await asyncio.gather(*(client.score(each) for each in (3, 99, 6, 55, 77, 9)))

    answers = asyncio.run(ask())
    assert answers == [[1.0], ["model_error"], [2.0], ["model_error"], [77 / 3], [3.0]]
    assert sum(client.accepted) == 6


def test_who_comes_later_does_not_wait_for_a_poisoned_request() -> None:
    client = Client(terms())

    async def ask() -> Any:
        poisoned = asyncio.create_task(client.score(*[99] * 1000))
        while client.model.calls < 3:
            await asyncio.sleep(0)
        before = client.model.calls
        assert await client.score(3) == [1.0]
        assert not poisoned.done()
        assert client.model.calls - before < 20
        return await poisoned

    assert set(asyncio.run(ask())) == {"model_error"}
    assert client.model.calls <= MOST_CALLS + 4


def test_more_failing_requests_than_can_be_tried_are_told_to_try_again() -> None:
    client = Client(terms())

    async def ask() -> Any:
        return await asyncio.gather(*(client.score(99, 3) for _ in range(400)))

    answers = asyncio.run(ask())
    assert "model_fails" in answers
    assert client.model.calls <= MOST_CALLS + 4
    assert all(
        answer in ("model_fails", ["model_error", "model_error"], ["model_error", 1.0]) for answer in answers
    )


def test_answers_that_no_run_could_use_are_refused() -> None:
    class Two(Brittle):
        def predict(self, frame: Any) -> Any:
            return [[1.0, 2.0]] * len(frame)

    assert asyncio.run(Client(terms(), Two()).score(1)) == "model"
