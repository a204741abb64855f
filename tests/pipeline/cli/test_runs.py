"""pipeline/cli/runs.py: runs are listed and shown, and a report is written where it is asked for."""

import json
import re
import signal
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.home import NIGHT, Home
from tests.pipeline.cli.command import Command
from tests.pipeline.shop import Shop, open_shop


def test_a_report_is_written_where_it_is_asked_for(shop: Shop, run: Command, tmp_path: Path) -> None:
    number = str(shop.home.score(shop.job).run_id)
    for path in (tmp_path / "r.html", tmp_path / "r.html"):  # again over the first
        assert run("report", number, "--out", str(path))[:2] == (0, f"wrote {path}")
        assert f"{shop.job}, 2024-03-01" in path.read_text()


def test_what_is_wrong_with_a_report_is_named(shop: Shop, run: Command, tmp_path: Path) -> None:
    number = str(shop.home.score(shop.job).run_id)
    file = tmp_path / "file"
    file.write_text("")
    for path, why in (
        (tmp_path / "nowhere" / "r.html", "No such file or directory"),
        (tmp_path, "Is a directory"),
        (file / "r.html", "Not a directory"),
    ):
        code, output, complained = run("report", number, "--out", str(path))
        assert (code, output) == (2, "")
        assert complained == f"{path} cannot be written: {why}. Name another file: --out FILE."
    unwritten = tmp_path / "unwritten.html"
    code, _, complained = run("report", "99999999", "--out", str(unwritten))
    assert code == 2
    assert complained == "no run 99999999. `scoring runs` lists them."
    assert not unwritten.exists()
    assert run("report", "one")[0] == 2


def test_runs_are_listed(shop: Shop, run: Command) -> None:
    run("score", shop.job, NIGHT)
    code, output, _ = run("runs", shop.job, "--json")
    [found] = json.loads(output)
    assert code == 0
    assert (found["status"], found["score_date"], found["rows_scored"]) == ("published", "2024-03-01", 100)
    assert json.loads(run("runs", "no_such_job", "--json")[1]) == []
    assert run("runs", "no_such_job")[1] == "none yet"


def test_a_run_is_shown(shop: Shop, run: Command) -> None:
    shop.change("channel = NULL", "entity_id = 'customer-00001'")
    run("score", shop.job, NIGHT)
    run_id = shop.home.last_run(shop.job)["run_id"]
    code, output, _ = run("show", run_id, "--json")
    document: dict[str, Any] = json.loads(output)
    assert code == 0
    assert (document["run_id"], document["model_name"], len(document["ledger"])) == (run_id, "shop", 3)
    assert document["rejected"] == [{"column_name": "channel", "rule": "null", "rows": 1}]
    code, output, _ = run("show", run_id)
    assert code == 0
    for word in ("model_sha256", document["model_sha256"], "ledger", "metrics", "features", "rejected"):
        assert word in output


def test_watch_looks_once_and_ends_with_1_where_something_is_late(
    home: Home, run: Command, tmp_path: Path
) -> None:
    shop, beat = open_shop(home), tmp_path / "beat"
    assert run("watch", "--once", "--beat", beat)[:2] == (0, "every promise is kept")
    assert beat.exists()
    file = home.path / "dags" / f"{shop.job}.toml"
    start = f"{datetime.now(UTC).date() - timedelta(days=2)}"
    text = re.sub(r"start_date = \S+", f"start_date = {start}\ncatchup = true", file.read_text())
    file.write_text(f"{text}\n[promise]\nwithin_hours = 0.01\n".replace('"0 2 * * *"', '"0 0 * * *"'))
    code, output, _ = run("watch", "--once")
    assert code == 1
    assert f"{shop.job} {start} missing" in output
    # People cannot be told: the monitor that misses the heartbeat tells them.
    beat.unlink()
    (home.path / "dags" / f"{shop.job}.toml").write_text(
        f'{file.read_text()}\n[alerts]\nto = "{home.name("nobody")}"\n'
    )
    home.sql("DELETE FROM scoring.due_dates WHERE job = :job", job=shop.job)
    assert run("watch", "--once", "--beat", beat)[0] == 1
    assert not beat.exists()


def test_watch_ends_with_0_when_it_is_asked_to(
    home: Home, run: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "sleep", lambda _: signal.raise_signal(signal.SIGTERM))
    code, output, complained = run("watch", "--every", "5")
    assert (code, complained) == (0, "")
    assert f"watching {home.path}/dags, every 5 s" in output


def test_watch_refuses_a_heartbeat_that_is_no_address(
    home: Home, run: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCORING_HEARTBEAT", "my-secret")
    code, _, complained = run("watch", "--once")
    assert code == 2
    assert "SCORING_HEARTBEAT is no web address" in complained
    assert "my-secret" not in complained
