"""pipeline/tasks/run.py: a night in one process is the very night that the stages make one by one."""

from threading import Barrier

import pytest

from pipeline.config.job import Job
from pipeline.config.workspace import Workspace
from pipeline.payloads import RunRequest, Scored, Written
from pipeline.runs.publications import PublishError
from pipeline.runtime import resources
from pipeline.tasks import run
from pipeline.tasks.run import score
from pipeline.tasks.write import write
from tests.home import NIGHT, shop_model, shop_rows
from tests.pipeline.shop import Shop


def test_it_scores_as_the_stages_do_one_by_one(shop: Shop) -> None:
    together = shop.home.score(shop.job)
    scored = shop.predictions().drop(columns=["run_id", "scored_at"])
    shop.configure("a test job", "the same job, told otherwise")
    run = shop.extract()
    apart = shop.publish(run, shop.write(run))
    assert shop.predictions().drop(columns=["run_id", "scored_at"]).equals(scored)
    changed = {"run_id": apart.run_id, "replaced_run_id": together.run_id}
    assert together.model_copy(update=changed) == apart


def test_progress_is_told_stage_by_stage_and_part_by_part(shop: Shop) -> None:
    progress: list[tuple[str, int, int]] = []
    score(
        shop.home.workspace,
        shop.home.read(shop.job),
        NIGHT,
        RunRequest(trigger=shop.home.name("trigger")),
        progress=lambda stage, done, total: progress.append((stage, done, total)),
    )
    assert progress == [
        *(("extract and predict", part, 0) for part in range(3)),
        *(("predict and write", part, 3) for part in range(3)),
        ("log_metrics", 0, 1),
        ("publish", 0, 1),
    ]


def test_a_part_that_cannot_be_written_ends_the_night_unpublished(shop: Shop) -> None:
    other = """
    UPDATE scoring.run_parts SET rows_scored = rows_extracted, scored_sha256 = 'other'
    WHERE run_id = :run_id AND part = 1
    """

    def enter_other_scores(stage: str, done: int, _: int) -> None:
        if (stage, done) == ("predict and write", 1):
            shop.home.sql(other, "predictions_owner", run_id=shop.runs()[-1]["run_id"])

    with pytest.raises(PublishError, match="has written part 1 with other scores before"):
        score(
            shop.home.workspace,
            shop.home.read(shop.job),
            NIGHT,
            RunRequest(trigger=shop.home.name("trigger")),
            progress=enter_other_scores,
        )
    assert shop.runs()[-1]["status"] == "failed"
    assert "part 1 with other scores" in shop.runs()[-1]["status_reason"]
    assert shop.predictions().empty


def test_a_chosen_version_scores_whatever_the_alias_says(shop: Shop) -> None:
    shop.home.model("shop", *shop_model(seed=3), alias="challenger")
    assert shop.home.score(shop.job).model_version == 1
    assert shop.home.score(shop.job, model_version=2).model_version == 2
    assert [run["model_named"] for run in shop.runs()] == [False, True]


def test_parts_are_written_side_by_side_where_there_are_processors(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = Barrier(2)

    def with_another(workspace: Workspace, job: Job, scored: Scored) -> Written:
        if scored.part.number < 2:
            both.wait(60)
        return write(workspace, job, scored)

    monkeypatch.setattr(run, "write", with_another)
    monkeypatch.setattr(resources, "share", lambda: 2)
    shop.home.score(shop.job)
    assert len(shop.predictions()) == len(shop_rows())
