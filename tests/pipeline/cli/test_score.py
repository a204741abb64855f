"""pipeline/cli/score.py: runs are scored, decided on and rolled back, in a person's name."""

import shlex

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, RegressorMixin

from pipeline.reports.next_steps import steps
from pipeline.reports.queries import record
from tests.home import NIGHT, SUPERUSER, Home, shop_model, shop_rows
from tests.pipeline.cli.command import Command
from tests.pipeline.extraction.loading import open_loading
from tests.pipeline.shop import Shop


def test_a_night_is_scored_and_published(shop: Shop, run: Command) -> None:
    code, output, _ = run("score", shop.job, NIGHT)
    [done] = shop.runs()
    assert code == 0
    assert output == (
        f"run {done['run_id']} published: {shop.job} 2024-03-01, 100 rows scored, 0 rejected, model shop version 1"
    )
    assert len(shop.predictions()) == 100


def test_the_command_line_scores_as_the_stages_do(shop: Shop, run: Command) -> None:
    shop.home.score(shop.job)
    before = shop.predictions()
    shop.configure("a test job", "the same job, told otherwise")
    assert run("score", shop.job, NIGHT)[0] == 0
    after = shop.predictions()
    columns = ["entity_id", "score", "label"]
    assert after[columns].equals(before[columns])
    assert set(after["run_id"]).isdisjoint(before["run_id"])


def test_nothing_to_do_is_done(shop: Shop, run: Command) -> None:
    run("score", shop.job, NIGHT)
    code, output, complained = run("score", shop.job, NIGHT)
    assert (code, output) == (0, "")
    assert "published the same input, model, code and configuration; it stays" in complained


def test_a_dry_run_is_done_and_publishes_nothing(shop: Shop, run: Command) -> None:
    code, _, complained = run("score", shop.job, NIGHT, "--dry-run")
    assert code == 0
    assert "a dry run, 100 rows scored and not published" in complained
    assert shop.predictions().empty


@pytest.mark.parametrize(("on_timeout", "code"), [("fail", 1), ("hold", 3), ("score", 0)])
def test_a_source_is_asked_once_and_what_it_says_is_shown(
    home: Home, run: Command, on_timeout: str, code: int
) -> None:
    loading = open_loading(home, on_timeout)
    job = loading.shop.job
    ended, _, complained = run("score", job, NIGHT)
    assert ended == code
    assert (
        f"{job} 2024-03-01: the source is not ready, as ready.sql says, so the day {FOLLOWS[on_timeout]} "
        in complained
    )
    assert len(loading.shop.predictions()) == (100 if on_timeout == "score" else 0)
    loading.done()
    loading.shop.change("visits = visits + 1", "visits < 5")  # what was not there yet
    ended, output, complained = run("score", job, NIGHT)
    assert (ended, complained) == (0, f"{job} 2024-03-01: {READY}")
    assert "100 rows scored" in output


def test_of_a_range_each_date_is_asked_for(home: Home, run: Command) -> None:
    loading = open_loading(home)
    loading.done()
    ended, _, complained = run("score", loading.shop.job, NIGHT, "2024-03-02")
    assert ended == 1
    assert f"2024-03-01: {READY}" in complained
    assert "2024-03-02: the source is not ready" in complained
    assert set(loading.shop.predictions()["score_date"]) == {NIGHT}


READY = "the source is ready, as ready.sql says"
FOLLOWS = {"fail": "is not scored", "hold": "is scored and held", "score": "is scored all the same"}


def test_another_version_than_the_alias_may_score(shop: Shop, run: Command) -> None:
    shop.home.model("shop", *shop_model(seed=2), alias="challenger")
    assert run("score", shop.job, NIGHT, "--model-version", 2)[0] == 0
    assert set(shop.predictions()["model_version"]) == {2}


def test_a_held_run_ends_with_3_and_is_approved(shop: Shop, run: Command) -> None:
    shop.configure("min_rows = 1", "min_rows = 101")
    code, _, complained = run("score", shop.job, NIGHT)
    run_id = shop.home.last_run(shop.job)["run_id"]
    assert code == 3
    assert f"run {run_id} of {shop.job} 2024-03-01 is held: 100 rows were scored" in complained
    assert f"scoring approve {run_id} --by NAME" in complained
    code, output, _ = run("approve", run_id, "--by", "ada", "--reason", "a quiet day")
    assert (code, output) == (0, f"run {run_id} published, approved by ada")
    assert shop.home.last_run(shop.job)["decision_reason"] == "a quiet day"
    assert len(shop.predictions()) == 100


def test_a_held_run_is_rejected(shop: Shop, run: Command) -> None:
    shop.configure("min_rows = 1", "min_rows = 101")
    run("score", shop.job, NIGHT)
    run_id = shop.home.last_run(shop.job)["run_id"]
    code, output, _ = run("reject", run_id, "--by", "ada", "--reason", "wrong")
    assert (code, output) == (0, f"run {run_id} abandoned, rejected by ada")
    assert shop.predictions().empty
    code, _, complained = run("approve", run_id, "--by", "bob", "--reason", "but why")
    assert code == 2
    assert f"run {run_id} is not held" in complained


def test_a_held_run_that_was_overtaken_cannot_be_approved(shop: Shop, run: Command) -> None:
    shop.configure("min_rows = 1", "min_rows = 101")
    run("score", shop.job, NIGHT)
    held = shop.home.last_run(shop.job)["run_id"]
    shop.configure("min_rows = 101", "min_rows = 1")
    run("score", shop.job, NIGHT)
    code, output, complained = run("approve", held, "--by", "ada", "--reason", "late")
    assert (code, output) == (1, "")
    assert f"run {held} of {shop.job} 2024-03-01 is not published: run" in complained
    assert set(shop.predictions()["run_id"]).isdisjoint({held})


def test_a_night_is_rolled_back_in_a_persons_name(shop: Shop, run: Command) -> None:
    run("score", shop.job, NIGHT)
    shop.change("visits = 0")
    run("score", shop.job, NIGHT)
    first, second = (row["run_id"] for row in shop.runs())
    code, output, _ = run("rollback", shop.job, NIGHT, "--by", "[ada]", "--reason", "wrong prices")
    assert (code, output) == (
        0, f"{shop.job} 2024-03-01: run {first} is shown again, run {second} rolled back by [ada]"
    )  # fmt: skip
    assert set(shop.predictions()["run_id"]) == {first}
    code, _, complained = run("rollback", shop.job, NIGHT, "--by", "ada", "--reason", "worse")
    assert code == 2
    assert f"no run was published before run {first}" in complained
    code, _, complained = run("rollback", shop.job, NIGHT, "--to", second, "--by", "ada", "--reason", "...")
    assert code == 2
    assert "the reason '...' says nothing: it has no letter and no digit" in complained
    # What the pages and messages show to be typed is taken as it stands.
    [(_, shown), *_] = steps(record(shop.home.workspace.predictions, second).run)
    code, output, complained = run(*shlex.split(shown)[1:], "--by", "ada")
    assert (code, complained) == (0, "")


def test_the_job_file_says_who_may_decide(shop: Shop, run: Command) -> None:
    held = shop.hold()
    shop.configure("min_rows = 1", 'min_rows = 1\ndeciders = ["ada"]')
    for command in (("approve", held), ("reject", held), ("rollback", shop.job, NIGHT)):
        code, _, complained = run(*command, "--by", "eve", "--reason", "mine")
        assert code == 2
        assert f"eve may not decide on {shop.job}: gate.deciders in {shop.job}.toml names ada" in complained
    assert shop.status(held) == "held"
    assert run("approve", held, "--by", "ada", "--reason", "seen")[0] == 0


def test_with_four_eyes_whoever_scored_does_not_decide(
    shop: Shop, run: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.configure("min_rows = 1", "min_rows = 101\nfour_eyes = true")
    monkeypatch.setenv("LOGNAME", "eve")
    assert run("score", shop.job, NIGHT)[0] == 3
    scored = shop.home.last_run(shop.job)
    assert (scored["triggered_by"], scored["triggered_as"]) == ("eve", "scoring_pipeline")
    code, _, complained = run("approve", scored["run_id"], "--reason", "mine")
    assert code == 2
    assert "eve triggered the run, and gate.four_eyes" in complained
    # A login that both scores and decides is one pair of eyes, whatever name it states.
    shop.home.sql("GRANT scoring_approver TO scoring_pipeline", SUPERUSER)
    try:
        monkeypatch.setenv("AIRFLOW_CONN_PREDICTIONS_APPROVER", shop.home.server.connections["predictions"])
        code, _, complained = run("approve", scored["run_id"], "--by", "ada", "--reason", "seen")
    finally:
        shop.home.sql("REVOKE scoring_approver FROM scoring_pipeline", SUPERUSER)
    assert code == 2
    assert "the login scoring_pipeline began the run, and gate.four_eyes" in complained
    monkeypatch.setenv("AIRFLOW_CONN_PREDICTIONS_APPROVER", shop.home.approver)
    assert run("approve", scored["run_id"], "--by", "ada", "--reason", "seen")[0] == 0
    approved = shop.home.last_run(shop.job)
    assert (approved["decided_by"], approved["decided_as"]) == ("ada", "approver")


def test_only_the_approver_decides(shop: Shop, run: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    held = shop.hold()
    monkeypatch.setenv("AIRFLOW_CONN_PREDICTIONS_APPROVER", shop.home.server.connections["predictions"])
    code, _, complained = run("reject", held, "--by", "ada", "--reason", "wrong")
    assert code == 2
    assert "permission denied for function reject. Make the connection's role a member" in complained
    monkeypatch.delenv("AIRFLOW_CONN_PREDICTIONS_APPROVER")
    code, _, complained = run("reject", held, "--by", "ada", "--reason", "wrong")
    assert code == 2
    assert (
        "Set AIRFLOW_CONN_PREDICTIONS_APPROVER, as a login that is a member of scoring_approver" in complained
    )
    assert shop.status(held) == "held"


def test_a_decision_needs_a_reason(shop: Shop, run: Command) -> None:
    code, _, complained = run("approve", 1, "--by", "ada")
    assert code == 2
    assert "Missing option '--reason'" in complained


def test_what_an_approval_changes_is_told_first(shop: Shop, run: Command) -> None:
    run("score", shop.job, NIGHT)
    shop.change("visits = visits + 3", "entity_id LIKE '%3'")
    shop.configure("min_rows = 1", "min_rows = 101")
    run("score", shop.job, NIGHT)
    published, held = (row["run_id"] for row in shop.runs())
    code, output, _ = run("approve", held, "--by", "ada", "--reason", "a quiet day")
    assert code == 0
    assert output.startswith(
        f"from run {published} of {shop.job} 2024-03-01, published to run {held} of {shop.job} 2024-03-01, held"
    )
    assert "scores: 10 of 100 changed" in output
    assert output.endswith(f"run {held} published, approved by ada")


class Vast(RegressorMixin, BaseEstimator):
    """A regressor whose scores are so large that two of them cannot be added."""

    def predict(self, frame: pd.DataFrame) -> npt.NDArray[np.float64]:
        """Far below nothing, and far above for many visits."""
        return np.where(frame["visits"] > 50, 1.7e308, -1.7e308)


def test_a_comparison_that_fails_is_no_reason_not_to_approve(home: Home, run: Command) -> None:
    rows = shop_rows(10)
    home.model("vast", Vast(), rows[["visits"]])
    shop = Shop(home, home.job(f"SELECT * FROM {(table := home.table(rows))}", "vast"), table)
    run("score", shop.job, NIGHT)
    shop.change("visits = 99", "entity_id LIKE '%3'")
    shop.configure("min_rows = 1", "min_rows = 101")
    run("score", shop.job, NIGHT)
    held = shop.home.last_run(shop.job)["run_id"]
    code, output, complained = run("approve", held, "--by", "ada", "--reason", "a quiet day")
    assert (code, output) == (0, f"run {held} published, approved by ada")
    assert "no comparison with what is published: " in complained
    assert "out of range" in complained
