"""A run's reasons are found by its own model, kept under the pointer, and go with its scores."""

import numpy as np
import pytest

from pipeline.attribution.players import GroupError
from pipeline.config.aside.reasons_section import ReasonsSection
from pipeline.errors import NothingToDo
from pipeline.maintenance import erasure
from pipeline.reasons import anew, explaining, tries
from pipeline.reasons.work import Outcome
from pipeline.runs import folders
from tests.home import Home
from tests.pipeline.reasons.explained import explained
from tests.pipeline.shop import open_shop


def test_base_contributions_and_others_are_the_score_in_plain_sql(home: Home) -> None:
    shop, run = explained(home)
    rows = home.sql(
        "SELECT entity_id, score, base + sum(contribution) + others AS total, count(*) AS reasons"
        " FROM scoring.predictions JOIN scoring.prediction_reasons USING (job, score_date, entity_id)"
        " WHERE job = :job GROUP BY entity_id, score, base, others",
        "analyst",
        job=shop.job,
    )
    assert len(rows) == 100
    np.testing.assert_allclose(
        [row["total"] for row in rows], [np.log(row["score"] / (1 - row["score"])) for row in rows], atol=1e-9
    )
    assert max(row["reasons"] for row in rows) == 3
    [done] = home.sql("SELECT * FROM scoring.explanations WHERE run_id = :run", run=run)
    assert (done["status"], done["wanted"], done["explained"]) == ("explained", 100, 100)
    assert done["largest_gap"] < 1e-9
    columns = home.sql(
        "SELECT * FROM scoring.column_contributions WHERE run_id = :run AND slice = ''", "analyst", run=run
    )
    sizes = {row["column_name"]: (row["mean_size"], row["training_size"]) for row in columns}
    assert sizes["amount"] == (0, 0)  # which the model ignores
    assert all(0.5 < size / training < 2 for name, (size, training) in sizes.items() if name != "amount")


def test_an_entity_s_reasons_are_computed_anew_bit_for_bit(home: Home) -> None:
    _, run = explained(home)
    for number in (0, 57, 99):
        computed = anew.of_entity(home.workspace, run, f"customer-{number:05d}")
        assert computed.kept
        assert computed.equal is True
        assert not computed.rounded


def test_only_the_highest_scores_are_explained_where_a_job_says_so(home: Home) -> None:
    shop, run = explained(home, "orders = 8\nrows = 0.1")
    explained_ids = {
        row["entity_id"]
        for row in home.sql("SELECT entity_id FROM scoring.reasons WHERE run_id = :run", run=run)
    }
    highest = shop.predictions().nlargest(10, "score")["entity_id"]
    assert explained_ids >= set(highest)
    assert len(explained_ids) < 15
    with pytest.raises(Exception, match="none of the entities that get reasons"):
        anew.of_entity(home.workspace, run, shop.predictions().nsmallest(1, "score")["entity_id"].iloc[0])


def test_what_is_erased_has_no_reasons_and_the_others_keep_theirs(home: Home) -> None:
    shop, run = explained(home)
    janitor = home.uri("predictions_janitor")
    erasure.erase(janitor, home.workspace.store, shop.job, "customer-00003", by="Ann", reason="asked for")
    left = home.sql("SELECT DISTINCT entity_id FROM scoring.reasons WHERE run_id = :run", run=run)
    assert len(left) == 99
    assert "customer-00003" not in {row["entity_id"] for row in left}
    computed = anew.of_entity(home.workspace, run, "customer-00050")
    assert computed.equal is True


def test_no_file_of_them_is_left_in_the_store(home: Home) -> None:
    shop, _ = explained(home)
    files = [path for folder in folders.folders(home.workspace.store, shop.job) for path in folder.files]
    assert not [path for path in files if "reasons-" in path or "contributions-" in path]


def test_a_run_is_explained_once_and_only_where_a_model_scored_it(home: Home) -> None:
    shop, run = explained(home)
    job = home.read(shop.job)
    with pytest.raises(NothingToDo, match=f"nothing of run {run} to explain: it has its reasons"):
        tries.begin(home.workspace, job, run)
    other = job.model_copy(update={"reasons": ReasonsSection(top=1)})
    assert [part.number for part in tries.begin(home.workspace, other, run)] == [0, 1, 2]
    with pytest.raises(NothingToDo, match=r"has no section \[reasons\]"):
        tries.begin(home.workspace, job.model_copy(update={"reasons": None}), run)


def test_a_task_that_left_nothing_is_noted_and_the_run_stays(home: Home) -> None:
    shop = open_shop(home)
    run = home.score(shop.job).run_id
    job = home.read(shop.job).model_copy(update={"reasons": ReasonsSection(top=1)})
    work = tries.begin(home.workspace, job, run)
    assert tries.end(home.workspace, work, [None] * len(work)) == tries.KILLED
    [failed] = home.sql("SELECT status, reason FROM scoring.explanations WHERE run_id = :run", run=run)
    assert failed == {"status": "failed", "reason": tries.KILLED}
    assert home.sql("SELECT FROM scoring.reasons WHERE run_id = :run", run=run) == []
    assert shop.status(run) == "published"


def test_a_time_that_is_up_is_noted(home: Home) -> None:
    shop, run = explained(home)
    job = home.read(shop.job).model_copy(update={"reasons": ReasonsSection(top=1)})
    work, *_ = tries.begin(home.workspace, job, run)
    outcome = explaining.attempt(home.workspace, work.model_copy(update={"until": 0.0}))
    assert outcome == Outcome(number=0, wanted=outcome.wanted, failure=outcome.failure)
    assert outcome.wanted > 0
    assert "reasons.time_limit_minutes" in outcome.failure


def test_a_group_that_a_version_does_not_take_is_noted(home: Home) -> None:
    shop = open_shop(home)
    run = home.score(shop.job).run_id
    section = ReasonsSection(groups={"sizes": ("visits", "weight")})
    job = home.read(shop.job).model_copy(update={"reasons": section})
    with pytest.raises(GroupError, match="'weight', which model shop version 1 does not take"):
        tries.begin(home.workspace, job, run)
    [noted] = home.sql("SELECT status, reason FROM scoring.explanations WHERE run_id = :run", run=run)
    assert noted["status"] == "failed"
    assert "GroupError: reasons.groups: sizes names column 'weight'" in noted["reason"]


def test_what_the_database_refuses_ends_the_try(home: Home) -> None:
    shop = open_shop(home)
    run = home.score(shop.job).run_id
    job = home.read(shop.job).model_copy(update={"reasons": ReasonsSection(top=1, orders=4)})
    work = tries.begin(home.workspace, job, run)
    outcomes = [explaining.attempt(home.workspace, part) for part in work]
    beyond = [outcome.model_copy(update={"gap": -1.0}) for outcome in outcomes]
    assert "violates check constraint" in tries.end(home.workspace, work, beyond)
    [noted] = home.sql("SELECT status, reason FROM scoring.explanations WHERE run_id = :run", run=run)
    assert noted["status"] == "failed"
    assert "violates check constraint" in noted["reason"]
    assert "DETAIL" not in noted["reason"]  # which shows values
