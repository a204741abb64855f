"""pipeline/cli/ranges.py: `score JOB FROM TO` and `outcomes JOB FROM TO`."""

import os
import re
import signal
from datetime import timedelta
from typing import Any

import pytest

from pipeline.tasks import run as tasks_run
from tests.home import NIGHT, Home
from tests.pipeline.cli.command import Command
from tests.pipeline.shop import Shop

LAST = NIGHT + timedelta(days=2)
QUERY = "SELECT * FROM {table} WHERE CAST(:score_date AS date) <> DATE '2024-03-02' ORDER BY entity_id"


def states(output: str) -> dict[str, str]:
    """Score date -> what the table says became of it."""
    return dict(re.findall(r"(2024-\d\d-\d\d) (published|skipped|nothing|held|failed|measured)", output))


def test_each_date_is_scored_and_what_is_published_is_skipped(shop: Shop, run: Command) -> None:
    first = shop.home.score(shop.job).run_id
    code, output, complained = run("score", shop.job, NIGHT, LAST)
    assert code == 0, complained
    assert output.startswith("score date state run rows rejected seconds reason 2024-03-01 skipped")
    assert states(output) == {"2024-03-01": "skipped", "2024-03-02": "published", "2024-03-03": "published"}
    assert f"run {first} is published" in output
    runs = [row["run_id"] for row in shop.runs()]
    assert re.search(rf"2024-03-03 published {runs[2]} 100 0 \d", output)
    assert set(shop.predictions()["run_id"]) == set(runs)


def test_again_scores_what_is_published_too(shop: Shop, run: Command) -> None:
    shop.home.score(shop.job)
    shop.change("visits = visits + 1")
    code, output, _ = run("score", shop.job, NIGHT, NIGHT, "--again")
    assert (code, states(output)) == (0, {"2024-03-01": "published"})
    code, output, _ = run("score", shop.job, NIGHT, NIGHT, "--again")
    assert (code, states(output)) == (0, {"2024-03-01": "nothing"})
    assert "published the same input, model, code and configuration" in output
    assert len(shop.runs()) == 3


def test_an_empty_date_that_the_job_skips_is_said_to_be(shop: Shop, run: Command) -> None:
    shop.query(QUERY)
    shop.configure("min_rows = 1", 'min_rows = 1\non_empty = "skip"')
    code, output, _ = run("score", shop.job, NIGHT, LAST)
    assert code == 0
    assert states(output) == {"2024-03-01": "published", "2024-03-02": "nothing", "2024-03-03": "published"}
    assert "gave no rows; the job skips" in output


def test_a_date_that_fails_stops_none_of_the_others_and_is_the_exit_code(shop: Shop, run: Command) -> None:
    shop.query(QUERY)
    code, output, complained = run("score", shop.job, NIGHT, LAST)
    assert code == 1
    assert states(output) == {"2024-03-01": "published", "2024-03-02": "failed", "2024-03-03": "published"}
    assert "2024-03-02 failed:" in complained
    assert "Check that the warehouse was loaded" in complained


def test_a_held_date_ends_with_3(shop: Shop, run: Command) -> None:
    shop.configure("min_rows = 1", "min_rows = 101")
    code, output, complained = run("score", shop.job, NIGHT, NIGHT)
    assert (code, states(output)) == (3, {"2024-03-01": "held"})
    held = shop.home.last_run(shop.job)["run_id"]
    assert f"approve {held}" in complained
    assert f"2024-03-01 held {held} 100 0" in output


def test_a_range_that_ends_before_it_begins_is_refused(shop: Shop, run: Command) -> None:
    code, _, complained = run("score", shop.job, LAST, NIGHT)
    assert (code, complained) == (2, f"{NIGHT} is before {LAST}. Give the first score date first.")
    assert shop.runs() == []


def test_an_interruption_says_where_it_stopped(
    shop: Shop, run: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    score = tasks_run.score

    def interrupted(*arguments: Any, **options: Any) -> Any:
        if arguments[2] > NIGHT:
            os.kill(os.getpid(), signal.SIGINT)
        return score(*arguments, **options)

    monkeypatch.setattr(tasks_run, "score", interrupted)
    code, output, complained = run("score", shop.job, NIGHT, LAST)
    assert code == 130
    assert states(output) == {"2024-03-01": "published"}
    assert "stopped at 2024-03-02; 1 score dates after it were not begun" in complained
    assert "the command was ended by SIGINT" in complained


def test_outcomes_of_a_range_are_measured(home: Home, shop: Shop, run: Command) -> None:
    path = home.path / "sql" / f"{shop.job}-outcomes.sql"
    path.write_text(f"SELECT entity_id, visits > 9 AS bought FROM {shop.table}")
    job = home.path / "dags" / f"{shop.job}.toml"
    job.write_text(
        job.read_text() + f'\n[outcomes]\nquery = "{path.name}"\ncolumn = "bought"\ndelay_days = 1\n'
    )
    run("score", shop.job, NIGHT)
    run("score", shop.job, LAST)
    code, output, complained = run("outcomes", shop.job, NIGHT, LAST)
    assert code == 0, complained
    assert output.startswith("score date state run entities outcomes groups seconds reason")
    assert states(output) == {"2024-03-01": "measured", "2024-03-02": "nothing", "2024-03-03": "measured"}
    assert re.search(r"2024-03-01 measured \d+ 100 100", output)
    code, _, complained = run("outcomes", shop.job, NIGHT, LAST, "--json")
    assert (code, "--json is for one score date" in complained) == (2, True)
