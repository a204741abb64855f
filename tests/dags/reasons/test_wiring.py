"""orchestration/reasons/wiring.py: the tasks of reasons come after publishing, and nothing comes after them."""

import shutil
from datetime import timedelta

from tests.dags.bag import ROOT, load
from tests.home import Home


def test_they_stand_behind_publish_and_can_neither_delay_nor_fail_a_run(home: Home) -> None:
    shutil.copy(ROOT / "dags" / "scoring.py", home.path / "dags")
    job = home.job("SELECT 1", "shop")
    path = home.path / "dags" / f"{job}.toml"
    path.write_text(f"{path.read_text()}\n[reasons]\ntime_limit_minutes = 20\n")
    dag = load(home).dags[job]
    begin, explain, end = (dag.task_dict[name] for name in ("begin_reasons", "explain", "end_reasons"))
    assert begin.upstream_task_ids == {"extract", "publish"}
    assert explain.upstream_task_ids == {"begin_reasons"}
    assert explain.is_mapped
    assert (end.upstream_task_ids, end.downstream_task_ids) == ({"explain"}, set())
    # Beside `decide` and `note_failure` it is a last task, by which Airflow says whether the run is well.
    assert {task.task_id for task in dag.leaves} == {"decide", "note_failure", "end_reasons"}
    assert (begin.trigger_rule, end.trigger_rule) == ("none_failed_min_one_success", "all_done")
    assert (explain.retries, explain.execution_timeout) == (0, timedelta(minutes=25))
    assert explain.queue == "model"
    assert {task.priority_weight for task in (begin, explain, end)} == {0}
