"""pipeline/serving/published/lookups.py: 10,000 look-ups while the pointer moves. Routes: test_app.py."""

import asyncio
from threading import Event, Thread

from pipeline.runs.decisions import roll_back
from pipeline.serving.published import lookups
from pipeline.serving.published.connections import Connections
from pipeline.serving.requests.limits import Limits
from tests.home import NIGHT, Home
from tests.pipeline.shop import Shop

KEYS, REQUESTS = 20, 500


def test_ten_thousand_look_ups_see_one_run_each_while_the_pointer_moves(home: Home, shop: Shop) -> None:
    before = home.score(shop.job)
    then = shop.predictions().set_index("entity_id")["score"]
    shop.change("visits = visits + 1")
    after = home.score(shop.job)
    now = shop.predictions().set_index("entity_id")["score"]
    scores = {before.run_id: then.to_dict(), after.run_id: now.to_dict()}
    keys, over, moves = sorted(then.index)[:KEYS], Event(), list[int]()

    def move() -> None:
        while not over.is_set():
            to = (before, after)[len(moves) % 2].run_id
            roll_back(home.approver, shop.job, NIGHT, to=to, by="ada", reason="a test of look-ups")
            moves.append(1)

    async def ask() -> list[int]:
        connections, runs = Connections(home.server.connections["predictions_api"], Limits()), []

        async def one_by_one(number: int) -> None:
            for _ in range(number):
                answer = await lookups.many(connections, shop.job, keys, None)
                [run] = {row["run_id"] for row in answer["predictions"]}
                runs.append(run)
                assert answer["missing"] == []
                assert {row["entity_id"]: row["score"] for row in answer["predictions"]} == {
                    key: scores[run][key] for key in keys
                }
                single = await lookups.single(connections, shop.job, keys[0], None)
                assert single["score"] == scores[single["run_id"]][keys[0]]

        await asyncio.gather(*(one_by_one(REQUESTS // 4) for _ in range(4)))
        await connections.close()
        return runs

    mover = Thread(target=move)
    mover.start()
    try:
        runs = asyncio.run(ask())
    finally:
        over.set()
        mover.join()
    assert len(runs) * KEYS == 10_000
    assert set(runs) == scores.keys(), "the pointer has moved meanwhile"
    assert len(moves) > 2
