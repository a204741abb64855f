"""pipeline/serving/models/walks.py: what is explained takes turns with what is scored, and harms nothing of it."""

import asyncio
from collections.abc import Callable
from threading import Event
from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from pipeline.attribution import explainer
from pipeline.isolation.forkers import WorkerError
from pipeline.model import registry
from pipeline.model.loaded_model import Model
from pipeline.model.manifest import Manifest
from pipeline.reasons.work import Settings
from pipeline.serving.models.gathering import Gatherer
from pipeline.serving.requests.limits import Limits, Refused
from tests.home import Home, shop_rows
from tests.pipeline.serving.models.brittle import COLUMNS, Brittle, batch, rows, terms

HOW = Settings(top=3, orders=4, groups={})


class Tripled:
    """A regressor that gives the visits three times, and raises what it is to raise."""

    def __init__(self) -> None:
        self.raises: BaseException | None = None
        self.asked: Callable[[int], None] = lambda number: None

    def predict(self, frame: pd.DataFrame) -> npt.NDArray[np.float64]:
        """Three times the visits."""
        self.asked(len(frame))
        if self.raises:
            raise self.raises
        return 3.0 * frame["visits"].to_numpy(dtype=np.float64)


class Explained:
    """A model that is asked for scores and for reasons."""

    def __init__(self, **limits: Any) -> None:
        self.estimator = Tripled()
        background = [{"visits": visits} for visits in (0, 2, 4, 6)]
        manifest = Manifest.model_construct(
            name="m", version=1, task="regression", classes=(), columns=COLUMNS, background=background
        )
        made = Model(manifest, self.estimator)
        self.pinned: Any = SimpleNamespace(manifest=manifest)
        self.gathering = Gatherer("job", made, lambda: made, Limits(**limits))

    async def reasons(self, *visits: int, factor: float = 3.0) -> Any:
        """The reasons of rows with as many visits; or the refusal."""
        scores = np.array([factor * each for each in visits])
        try:
            return await self.gathering.explain(batch(*visits), scores, self.pinned, HOW)
        except Refused as refusal:
            return refusal.status, refusal.code


def test_base_and_contributions_are_the_score() -> None:
    model = Explained()
    first, second = asyncio.run(model.reasons(7, 4))
    assert first["columns"] == [
        {
            "rank": 1,
            "column_name": "visits",
            "value": "7",
            "contribution": pytest.approx(9.0),
            "error": pytest.approx(6.0),
            "is_certain": True,
        }
    ]
    assert (first["base"], first["others"]) == (pytest.approx(12.0), pytest.approx(0.0))
    assert (second["base"], second["others"], second["columns"]) == (pytest.approx(12.0), 0.0, [])


def test_scores_are_answered_between_two_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(explainer, "_ROWS_OF_A_CALL", 4)
    model, order, queued = Explained(), list[str](), Event()

    async def ask() -> None:
        begun, loop = asyncio.Event(), asyncio.get_running_loop()

        def wait(number: int) -> None:
            if number == 4 and not begun.is_set():  # the first block of three
                loop.call_soon_threadsafe(begun.set)
                assert queued.wait(60)

        model.estimator.asked = wait

        async def explained() -> None:
            assert len(await model.reasons(*range(12))) == 12
            order.append("reasons")

        async def scored() -> None:
            await begun.wait()
            loop.call_soon(queued.set)
            await model.gathering.score(rows(3), terms(), lambda *_: None)
            order.append("score")

        await asyncio.gather(explained(), scored())

    asyncio.run(ask())
    assert order == ["score", "reasons"]


@pytest.mark.parametrize(
    ("raised", "answer"),
    [
        (WorkerError("gone"), (503, "model_ended")),
        (MemoryError(), (503, "model_ended")),
        (ValueError("a value of 7"), (500, "reasons")),
    ],
)
def test_a_model_that_fails_is_said_and_scores_go_on(raised: Exception, answer: tuple[int, str]) -> None:
    model = Explained()

    async def ask() -> Any:
        model.estimator.raises = raised
        failed = await model.reasons(7)
        model.estimator.raises = None
        [line] = await model.gathering.score(rows(3), terms(), lambda *_: None)
        return failed, line["score"], len(await model.reasons(7))

    assert asyncio.run(ask()) == (answer, 9.0, 1)


def test_a_process_that_reasons_have_ended_is_started_again_before_anybody_else_asks(home: Home) -> None:
    pinned = home.model("brittle", Brittle(), shop_rows()[["visits"]])

    async def ask() -> Any:
        gathering = Gatherer("job", registry.load(pinned), lambda: registry.load(pinned), Limits())
        with pytest.raises(Refused) as refused:
            await gathering.explain(batch(1300), np.array([1300 / 3]), pinned, HOW)
        [line] = await gathering.score(rows(9), terms(), lambda *_: None)
        return (
            refused.value.code,
            line["score"],
            len(await gathering.explain(batch(9), np.array([3.0]), pinned, HOW)),
        )

    assert asyncio.run(ask()) == ("model_ended", 3.0, 1)


def test_reasons_that_do_not_add_up_to_the_score_are_none() -> None:
    assert asyncio.run(Explained().reasons(7, factor=3.001)) == (500, "reasons")


def test_more_than_ten_times_the_walks_of_a_request_do_not_wait() -> None:
    model = Explained(walks=8)

    async def ask() -> Any:
        return await asyncio.gather(*(model.reasons(7, 8) for _ in range(12)))

    answers = asyncio.run(ask())
    assert [answer for answer in answers if answer == (429, "busy")] == [(429, "busy")] * 2
    assert model.gathering._walks == 0


def test_whoever_has_gone_costs_no_further_turn() -> None:
    model = Explained(seconds=0.0001)
    assert asyncio.run(model.reasons(7)) == (504, "slow_model")
