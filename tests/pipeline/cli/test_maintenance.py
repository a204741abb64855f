"""pipeline/cli/maintenance.py: what is due is listed and goes, and an erasure prints its receipt."""

import json
import re

from tests.home import NIGHT
from tests.pipeline.cli.command import Command
from tests.pipeline.maintenance.aging import age
from tests.pipeline.shop import Shop


def test_what_is_due_is_listed_first_and_then_goes(shop: Shop, run: Command) -> None:
    done = shop.home.score(shop.job)
    code, output, complained = run("prune", shop.job)
    assert (code, output) == (0, "nothing is due")
    assert complained.startswith(f"{shop.job}: the database has no [retention] of it, so nothing of it goes.")
    assert run("migrate")[0] == 0
    assert run("prune", shop.job) == (0, "nothing is due", "")
    age(shop, 31)
    code, listed, _ = run("prune", shop.job, "--dry-run")
    assert (code, listed.startswith("job score date run what rows bytes")) == (0, True)
    assert f"{shop.job} 2024-03-01 {done.run_id} parts" in listed
    assert run("prune", shop.job)[1] == listed
    assert json.loads(run("prune", shop.job, "--json")[1]) == []


def test_what_a_removed_job_has_scored_is_erased_and_pruned_by_the_days_that_the_database_has(
    shop: Shop, run: Command
) -> None:
    done, other = shop.home.score(shop.job), shop.home.job("SELECT 1", "shop")
    assert run("migrate")[0] == 0
    path = shop.home.path / "dags" / f"{shop.job}.toml"
    text = path.read_text()
    erased = ("erase", "customer-00041", "--job", shop.job, "--by", "ada", "--reason", "ticket 2041")
    path.write_text("=")  # what a file that cannot be read has stays, save whom the law has erased
    assert "1 rows of predictions" in run(*erased)[1]
    path.unlink()
    assert "in 0 runs: nothing was found" in run(*erased)[1]
    assert run("erase", "customer-00042", *erased[2:])[0] == 0
    assert run("prune") == (0, "nothing is due", "")
    age(shop, 31)
    path.write_text("=")
    assert run("prune")[:2] == (2, "nothing is due")
    path.unlink()
    for jobs in ([], [shop.job]):
        assert f"{shop.job} 2024-03-01 {done.run_id} parts" in run("prune", *jobs, "--dry-run")[1]
    assert run("prune", other, "--dry-run") == (0, "nothing is due", "")
    assert f"{shop.job} 2024-03-01 {done.run_id} parts" in run("prune")[1]
    (shop.home.path / "dags" / f"{other}.toml").unlink()
    assert run("prune", shop.job) == (0, "nothing is due", "")
    path.write_text(text)
    assert run("prune", shop.job) == (0, "nothing is due", "")
    code, _, complained = run("prune", "nobody")
    assert (code, complained.startswith("no job 'nobody' in ")) == (2, True)


def test_a_prune_of_all_jobs_leaves_alone_what_it_cannot_read(shop: Shop, run: Command) -> None:
    (shop.home.path / "dags" / "broken.toml").write_text("=")
    code, _, complained = run("migrate")
    assert code == 0
    assert complained.endswith("Its [retention] stays as it was.")
    shop.home.score(shop.job)
    age(shop, 31)
    code, output, complained = run("prune")
    assert (code, output.count("parts")) == (2, 1)
    assert "broken.toml: not a TOML file" in complained
    assert complained.endswith("Nothing of that job was removed.")


def test_an_erasure_prints_its_receipt_and_what_it_cannot_do(shop: Shop, run: Command) -> None:
    shop.home.score(shop.job)
    asked = ("erase", "customer-00041", "--job", shop.job, "--by", "ada", "--reason", "ticket 2041")
    code, output, _ = run(*asked)
    assert code == 0
    assert re.fullmatch(
        rf"erasure \d+ in {shop.job}: 1 rows of predictions, 0 rejected rows, 1 parts, in 1 runs The next run "
        "scores this entity again unless the warehouse has forgotten it too.",
        output,
    )
    assert "in 0 runs: nothing was found" in run(*asked)[1]
    # A run that failed before it had read anything holds nobody.
    query = (shop.home.path / "sql" / f"{shop.job}.sql").read_text()
    shop.query("SELECT nothing FROM {table}")
    assert run("score", shop.job, NIGHT)[0] == 1
    assert run(*asked)[0] == 0
    shop.query(query)
    shop.change("visits = 0")
    open_run = shop.extract().run_id
    code, _, complained = run(*asked)
    assert (code, f"a try may be going on with run {open_run}" in complained) == (1, True)
