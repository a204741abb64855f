"""pipeline/recovery/restore.py: a score date is made again whole, or not at all, and what came later stays."""

import signal
import subprocess
import sys

from pipeline.runs.decisions import roll_back
from tests.pipeline.recovery.rescue import NIGHTS, ROOT, Rescue, live
from tests.pipeline.shop import locked


def test_a_rebuild_that_was_killed_leaves_nights_whole_and_goes_on(rescue: Rescue) -> None:
    live(rescue)
    before = rescue.seen()
    rescue.begin_anew()
    for table in ("prediction_rows", "publications"):
        with locked(rescue.home, f"LOCK TABLE scoring.{table} IN SHARE MODE") as wait_for:
            child = subprocess.Popen(
                [sys.executable, "-m", "pipeline", "rebuild", rescue.job, "--adopt-store"],
                cwd=ROOT, start_new_session=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            )  # fmt: skip
            wait_for(1)
            child.send_signal(signal.SIGKILL)
            child.communicate()
        assert rescue.seen()["predictions"] == []
    rescue.rebuild(between=(NIGHTS[1], NIGHTS[2]))
    days = {str(NIGHTS[1]), str(NIGHTS[2])}
    assert rescue.seen()["predictions"] == [
        row
        for row in before["predictions"]
        if any(f'"score_date": "{day}"' in row["to_jsonb"] for day in days)
    ]
    rescue.rebuild()
    assert rescue.seen() == before


def test_what_the_database_published_later_stays(rescue: Rescue) -> None:
    rescue.home.score(rescue.job, NIGHTS[1])
    before = rescue.seen()
    rescue.begin_anew()
    rescue.rebuild(adopt=True, between=(NIGHTS[0], NIGHTS[0]))
    rescue.shop.change("visits = visits + 1")
    newer = rescue.home.score(rescue.job, NIGHTS[1]).run_id
    seen = rescue.shop.predictions()
    [item] = rescue.rebuild().runs
    assert (item.status, item.rows) == ("superseded", 98)
    assert rescue.shop.predictions().equals(seen)
    assert [row for row in rescue.seen()["publications"] if row in before["publications"]] == before[
        "publications"
    ]
    shown, replaced = roll_back(
        rescue.server.connections["predictions_approver"], rescue.job, NIGHTS[1], by="ada", reason="right"
    )
    assert (shown, replaced) == (item.run_id, newer)
    assert rescue.seen()["predictions"] == before["predictions"]
