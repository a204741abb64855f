"""orchestration/challenger/wiring.py: the challenger's tasks come after publishing, and nothing comes after them."""

import shutil
from datetime import timedelta

from orchestration.credentials import TASKS
from tests.dags.bag import ROOT, callable_of, load
from tests.home import Home


def test_they_stand_behind_publish_and_can_neither_delay_nor_fail_a_run(home: Home) -> None:
    shutil.copy(ROOT / "dags" / "scoring.py", home.path / "dags")
    job = home.job("SELECT 1", "shop")
    path = home.path / "dags" / f"{job}.toml"
    path.write_text(f"{path.read_text()}\n[challenger]\ntime_limit_minutes = 20\n")
    dag = load(home).dags[job]
    begin, challenge, end = (
        dag.task_dict[name] for name in ("begin_challenge", "challenge", "end_challenge")
    )
    assert begin.upstream_task_ids == {"extract", "publish"}
    assert challenge.upstream_task_ids == {"begin_challenge"}
    assert (end.upstream_task_ids, end.downstream_task_ids) == ({"challenge"}, set())
    # Beside `decide` and `note_failure` it is a last task, by which Airflow says whether the run is well.
    assert {task.task_id for task in dag.leaves} == {"decide", "note_failure", "end_challenge"}
    assert (begin.trigger_rule, end.trigger_rule) == ("none_failed_min_one_success", "all_done")
    assert (challenge.retries, challenge.execution_timeout) == (0, timedelta(minutes=25))
    others = [task for task in dag.tasks if task not in (begin, challenge, end)]
    assert {task.priority_weight for task in (begin, challenge, end)} == {0}
    assert all(task.priority_weight > 0 for task in others)
    assert not {"begin_challenge", "challenge", "end_challenge"} & {
        name for task in others for name in task.upstream_task_ids
    }
    assert (challenge.queue, TASKS["challenge"].connections) == ("model", ())
    assert begin.queue == end.queue == "default"
    assert all(callable_of(task).__doc__ for task in (begin, challenge, end))
    assert "after it begin_challenge → challenge → end_challenge" in str(dag.doc_md)
