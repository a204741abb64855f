"""Airflow's executor for one machine, which has loaded what tasks share before the first of them comes."""

import multiprocessing
from multiprocessing import forkserver

from airflow.executors.local_executor import LocalExecutor


class ReadyLocalExecutor(LocalExecutor):
    """Starts Python's fork server with the scheduler, so that its 5 s of imports are beside the web server's start."""

    def start(self) -> None:
        """Start the executor, and the fork server where tasks are its forks."""
        super().start()
        if multiprocessing.get_start_method() == "forkserver":
            forkserver.ensure_running()
