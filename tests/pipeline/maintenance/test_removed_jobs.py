"""pipeline/maintenance/removed_jobs.py: a job without a file is looked for where its runs are, and nowhere else."""

from pipeline.maintenance import removed_jobs
from pipeline.runs import store_identity
from tests.pipeline.shop import Shop


def test_a_job_whose_file_is_gone_has_its_runs_in_the_store_and_in_the_database(shop: Shop) -> None:
    address, store = shop.home.server.connections.__getitem__, shop.home.store
    shop.home.score(shop.job)
    assert removed_jobs.connections(address, store, [], [shop.job]) == {}
    assert removed_jobs.connections(address, store, [], []) == {shop.job: "predictions"}
    assert removed_jobs.connections(address, store, [shop.home.read(shop.job)], []) == {
        shop.job: "predictions"
    }


def test_a_job_of_which_the_database_has_no_run_is_not_there(shop: Shop) -> None:
    store_identity.admit(shop.home.store, shop.job, shop.home.workspace.predictions)
    address = shop.home.server.connections.__getitem__
    assert removed_jobs.connections(address, shop.home.store, [], []) == {}


def test_an_empty_store_asks_no_database(shop: Shop) -> None:
    nobody: dict[str, str] = {}
    assert removed_jobs.connections(nobody.__getitem__, shop.home.store, [], []) == {}
