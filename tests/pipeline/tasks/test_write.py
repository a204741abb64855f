"""pipeline/tasks/write.py: a part's scores are loaded once, whatever is repeated, and into an open run only."""

from functools import partial

import pytest

from pipeline.model.registry import load, resolve
from pipeline.payloads import Written
from pipeline.runs import ledger
from pipeline.runs.ledger import Superseded
from pipeline.runs.publications import PublishError
from pipeline.runtime.clock import Clock
from pipeline.tasks.load_model import load_model
from pipeline.tasks.predict import predict, score_part
from pipeline.tasks.write import write
from tests.home import shop_model
from tests.pipeline.shop import Shop, at_once

PART_LOCK = "SELECT 1 FROM scoring.run_parts WHERE run_id = :run_id AND part = 0 FOR UPDATE"


def test_two_writes_of_one_part_at_once_load_it_once(shop: Shop) -> None:
    run = shop.extract()
    scored = shop.predict(run)
    twice = [partial(write, shop.home.workspace, shop.home.read(shop.job), scored[0])] * 2
    done = at_once(shop.home, PART_LOCK, twice, run_id=run.run_id)
    assert [type(result) for result in done] == [Written, Written]
    assert shop.rows(run.run_id) == scored[0].part.rows


def test_a_part_written_twice_is_a_no_op(shop: Shop) -> None:
    run = shop.extract()
    scored = shop.predict(run)
    for _ in range(2):
        written = [write(shop.home.workspace, shop.home.read(shop.job), part) for part in scored]
    assert shop.rows(run.run_id) == 100
    assert shop.publish(run, written).rows_scored == 100


def test_a_part_written_again_with_other_scores_is_refused(shop: Shop) -> None:
    run = shop.extract()
    workspace, job = shop.home.workspace, shop.home.read(shop.job)
    work = load_model(workspace, job, run)
    write(workspace, job, predict(workspace, job, work[0]))
    shop.home.model("other", *shop_model(seed=7))
    other = load(resolve(shop.home.path, "other", "champion"))
    with pytest.raises(PublishError, match=f"run {run.run_id} has written part 0 with other scores before"):
        write(
            workspace,
            job,
            score_part(workspace, work[0], resolve(shop.home.path, "shop", "champion"), other, Clock()),
        )
    assert shop.rows(run.run_id) == work[0].part.rows


def test_a_run_taken_over_can_neither_write_nor_publish(shop: Shop) -> None:
    old = shop.extract(trigger="one")
    scored = shop.predict(old)
    written = [write(shop.home.workspace, shop.home.read(shop.job), scored[0])]
    new = shop.extract(trigger="one")
    with pytest.raises(Superseded, match=f"run {old.run_id} is abandoned .taken over by run {new.run_id}"):
        write(shop.home.workspace, shop.home.read(shop.job), scored[1])
    with pytest.raises(Superseded, match="taken over"):
        shop.publish(old, written)
    assert shop.rows(old.run_id) == scored[0].part.rows
    assert shop.predictions().empty


def test_stages_that_resume_a_failed_run_at_once_do_not_block_each_other(shop: Shop) -> None:
    run = shop.extract()
    scored = shop.predict(run)
    ledger.close(shop.home.workspace.predictions, run.run_id, "failed", "the disk was full")
    tasks = [partial(write, shop.home.workspace, shop.home.read(shop.job), part) for part in scored]
    lock = "SELECT 1 FROM scoring.scoring_runs WHERE run_id = :run_id FOR UPDATE"
    done = at_once(shop.home, lock, tasks, run_id=run.run_id)
    assert {type(result) for result in done} == {Written}
    assert shop.rows(run.run_id) == 100
