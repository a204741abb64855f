"""Once a day, take what is older than HISTORY_DAYS out of Airflow's metadata and of its logs.

    python -m deploy.housekeeping              every day, for ever
    python -m deploy.housekeeping --once
    python -m deploy.housekeeping --check      whether it has been done in the last 26 hours

Airflow keeps every task try, XCom and log for ever. A DAG cannot clean that up: its tasks do not reach the metadata.
Scores, runs and their metrics are in another database, and go by the jobs' `[retention]`.
"""

import argparse
import logging
import os
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

log = logging.getLogger("housekeeping")

DAYS = "HISTORY_DAYS"
DEFAULT_DAYS = 90
# A held run may wait for its person for weeks, and the web UI is where that person decides.
LEAST_DAYS = 30

PERIOD = timedelta(days=1)
RETRY = timedelta(minutes=10)
LATE = timedelta(hours=26)


def main() -> int:
    """Clean up, once or for ever; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m deploy.housekeeping", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--once", action="store_true", help="clean up once, and end")
    parser.add_argument(
        "--check", action="store_true", help="say by the exit code whether it was done lately"
    )
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    if options.check:
        return 0 if done_lately() else 1
    try:
        days = history_days(os.environ.get(DAYS) or str(DEFAULT_DAYS))
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    while True:
        done = clean(days)
        if options.once:
            return 0 if done else 1
        time.sleep((PERIOD if done else RETRY).total_seconds())


def history_days(text: str) -> int:
    """The days that history is kept.

    Raises:
        ValueError: it is no number of at least `LEAST_DAYS`.
    """
    if not text.isdecimal() or int(text) < LEAST_DAYS:
        raise ValueError(f"{DAYS}={text!r}: set it to a whole number of days, {LEAST_DAYS} or more.")
    return int(text)


def clean(days: int) -> bool:
    """Clean metadata and logs; returns whether both were done. What failed is in the log, and is tried again."""
    limit = datetime.now(UTC) - timedelta(days=days)
    log.info("removing what is older than %s", limit.isoformat(timespec="seconds"))
    command = [
        "airflow",
        "db",
        "clean",
        "--clean-before-timestamp",
        limit.isoformat(),
        "--skip-archive",
        "--yes",
    ]
    ended = subprocess.run([*command, "--error-on-cleanup-failure"], check=False)
    if ended.returncode:
        log.error("`airflow db clean` ended with %s; the next try is in 10 minutes", ended.returncode)
    removed, failed = remove_logs(Path(os.environ["AIRFLOW__LOGGING__BASE_LOG_FOLDER"]), limit.timestamp())
    log.info("removed %s files of logs", removed)
    for reason in failed:
        log.error("a log could not be removed: %s", reason)
    done = not ended.returncode and not failed
    if done:
        _mark().touch()
    return done


def remove_logs(folder: Path, limit: float) -> tuple[int, list[OSError]]:
    """Remove files that nobody has changed since a time, and folders that this leaves empty; no link is followed.

    Returns:
        The number of files removed, and what went wrong.
    """
    removed = 0
    failed: list[OSError] = []
    try:
        for entry in list(os.scandir(folder)):
            if entry.is_dir(follow_symlinks=False):
                untouched = entry.stat(follow_symlinks=False).st_mtime < limit
                files, reasons = remove_logs(Path(entry.path), limit)
                removed, failed = removed + files, failed + reasons
                if untouched and not any(os.scandir(entry)):
                    Path(entry).rmdir()
            elif entry.stat(follow_symlinks=False).st_mtime < limit:
                Path(entry).unlink()
                removed += 1
    except FileNotFoundError:
        pass  # Airflow has just replaced it
    except OSError as error:
        failed.append(error)
    return removed, failed


def done_lately() -> bool:
    """Whether both were cleaned in the last 26 hours."""
    try:
        return time.time() - _mark().stat().st_mtime < LATE.total_seconds()
    except FileNotFoundError:
        return False


def _mark() -> Path:
    return Path(os.environ["AIRFLOW_HOME"]) / "cleaned"


if __name__ == "__main__":
    sys.exit(main())
