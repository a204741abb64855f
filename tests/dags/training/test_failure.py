"""orchestration/training/failure.py: tests/dags/training/test_steps.py has a training fail; here, one that did not."""

from types import SimpleNamespace

import pytest
from airflow.sdk.exceptions import AirflowSkipException

from orchestration.training import failure
from pipeline.candidates import handover
from tests.dags.test_publish import context
from tests.home import Home
from tests.pipeline.shop import Shop


def test_a_failure_that_was_told_is_not_told_again_and_its_rows_go(home: Home, shop: Shop) -> None:
    asked, rows = context(), home.path / "rows.parquet"
    rows.write_bytes(b"rows")
    handover.put(home.store, shop.job, asked["dag_run"].run_id, rows)
    ti = SimpleNamespace(get_task_states=lambda **_: {})
    with pytest.raises(AirflowSkipException, match="train has not failed"):
        failure.note(home.read(shop.job), {**asked, "ti": ti}, 3)
    with pytest.raises(FileNotFoundError):
        handover.fetch(home.store, shop.job, asked["dag_run"].run_id, rows)
