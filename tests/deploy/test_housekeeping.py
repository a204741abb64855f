"""What is old goes from Airflow's metadata and logs, what is not stays."""

import os
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest

from deploy.housekeeping import history_days, remove_logs
from pipeline.embedded.server import Embedded

ROOT = Path(__file__).resolve().parents[2]
DAY = 86_400
LIMIT = time.time() - 90 * DAY
OLD, NEW = LIMIT - DAY, LIMIT + DAY


def written(path: Path, when: float) -> Path:
    """A file that was last changed at a time, in folders that were too."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("log")
    for changed in (path, path.parent):
        os.utime(changed, (when, when))
    return path


class TestLogs:
    def test_old_files_go_and_the_folders_that_this_leaves_empty(self, tmp_path: Path) -> None:
        logs = tmp_path / "logs"
        written(logs / "dag_id=a/run_id=1/attempt=1.log", OLD)
        kept = written(logs / "dag_id=a/run_id=2/attempt=1.log", NEW)
        assert remove_logs(logs, LIMIT) == (1, [])
        assert [path for path in logs.rglob("*") if path.is_file()] == [kept]
        assert not (logs / "dag_id=a/run_id=1").exists()
        assert remove_logs(logs, LIMIT) == (0, [])

    def test_a_folder_in_use_stays_though_it_is_empty(self, tmp_path: Path) -> None:
        (tmp_path / "dag_id=a").mkdir()
        assert remove_logs(tmp_path, LIMIT) == (0, [])
        assert (tmp_path / "dag_id=a").is_dir()

    def test_no_link_is_followed(self, tmp_path: Path) -> None:
        store = written(tmp_path / "store" / "part.parquet", OLD)
        logs = tmp_path / "logs"
        logs.mkdir()
        (logs / "latest").symlink_to(store.parent, target_is_directory=True)
        (logs / "file").symlink_to(store)
        remove_logs(logs, time.time() + DAY)
        assert store.read_text() == "log"

    def test_a_folder_that_is_not_there_has_nothing(self, tmp_path: Path) -> None:
        assert remove_logs(tmp_path / "none", LIMIT) == (0, [])


@pytest.mark.parametrize("text", ["29", "0", "-90", "ninety", "", "1e3"])
def test_too_short_a_history_is_refused(text: str) -> None:
    with pytest.raises(
        ValueError, match=f"HISTORY_DAYS={text!r}: set it to a whole number of days, 30 or more"
    ):
        history_days(text)


def test_the_command_cleans_a_real_metadata_database(server: Embedded, tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    old = written(logs / "dag_id=a/run_id=1/attempt=1.log", OLD)
    database = server.uri("housekeeping").replace("postgresql://", "postgresql+psycopg2://", 1)
    environ = {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "AIRFLOW_HOME": str(tmp_path),
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(logs),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": database,
        "HISTORY_DAYS": "90",
    }

    def housekeeping(option: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "deploy.housekeeping", option]
        return subprocess.run(command, env=environ, capture_output=True, text=True, timeout=300, check=False)

    assert housekeeping("--check").returncode == 1
    # There is no such database yet: it cannot be cleaned, and nobody believes that it was.
    failed = housekeeping("--once")
    assert failed.returncode == 1
    assert "`airflow db clean` ended with" in failed.stderr
    assert housekeeping("--check").returncode == 1
    assert not old.exists()

    with psycopg.connect(server.uri("postgres"), autocommit=True) as session:
        session.execute("CREATE DATABASE housekeeping")
        # As `sql/docker/roles.sql` has it: a test of the catalogue asks for all databases of this server.
        session.execute("REVOKE ALL ON DATABASE housekeeping FROM PUBLIC")
    subprocess.run(["airflow", "db", "migrate"], env=environ, capture_output=True, timeout=300, check=True)
    with psycopg.connect(server.uri("housekeeping"), autocommit=True) as session:
        session.execute(
            "INSERT INTO log (dttm, event) SELECT now() - make_interval(days => age), 'seen' || age "
            "FROM unnest(ARRAY[89, 91, 400]) AS age"
        )
        done = housekeeping("--once")
        assert done.returncode == 0, done.stdout + done.stderr
        events = session.execute("SELECT event FROM log WHERE event LIKE 'seen%'").fetchall()
        assert events == [("seen89",)]
        left = session.execute(
            "SELECT relname FROM pg_class WHERE relname LIKE '\\_airflow\\_deleted%'"
        ).fetchall()
        assert left == []
    assert housekeeping("--check").returncode == 0
