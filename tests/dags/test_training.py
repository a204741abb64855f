"""dags/training.py: who has a DAG that trains, and what begins it."""

import shutil

from airflow.sdk import AssetOrTimeSchedule, CronTriggerTimetable

from orchestration.credentials import TASKS
from orchestration.training.alarm import alarm_of
from tests.dags.bag import ROOT, load
from tests.home import Home

TRAINING = """
[outcomes]
query = "outcomes.sql"
delay_days = 3

[training]
function = "training.py:train"
window_days = 30
"""


def test_only_jobs_that_say_when_have_a_dag_and_an_alarm_begins_it(home: Home) -> None:
    for file in ("training.py", "outcomes.py"):
        shutil.copy(ROOT / "dags" / file, home.path / "dags")
    jobs = {}
    for keys in ("", 'schedule = "0 5 * * 1"', "on_alarm = true", 'schedule = "0 5 * * 1"\non_alarm = true'):
        jobs[keys] = name = home.job("SELECT 1", "shop")
        path = home.path / "dags" / f"{name}.toml"
        path.write_text(path.read_text() + TRAINING + keys)
    bag = load(home)
    assert not bag.import_errors
    _, weekly, alarmed, both = jobs.values()
    assert {name for name in bag.dags if name.endswith("-training")} == {
        f"{name}-training" for name in (weekly, alarmed, both)
    }
    dags = {name: bag.dags[f"{name}-training"] for name in (weekly, alarmed, both)}
    timetable = dags[weekly].timetable
    assert isinstance(timetable, CronTriggerTimetable)
    assert (timetable.expression, str(timetable.timezone)) == ("0 5 * * 1", "America/New_York")
    assert isinstance(dags[both].timetable, AssetOrTimeSchedule)
    tasks = dags[weekly].task_dict
    assert [*tasks] == ["extract_training", "train", "register_candidate", "note_training"]
    assert {name: task.queue for name, task in tasks.items()} == {name: TASKS[name].queue for name in tasks}
    assert not TASKS["train"].connections
    # What is red stays red: the last task that has to succeed is no one's note.
    assert {task.task_id for task in dags[weekly].leaves} == {"register_candidate", "note_training"}
    assert [*bag.dags[f"{weekly}-outcomes"].task_dict] == ["measure"]
    begins = bag.dags[f"{alarmed}-outcomes"].task_dict["begin_training"]
    assert begins.outlets == [alarm_of(home.read(alarmed))]
    assert begins.upstream_task_ids == {"measure"}
