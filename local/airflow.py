"""A real Airflow on this machine: api-server, scheduler and dag-processor, each a child process of ours."""

import importlib.metadata
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime

import httpx
import psycopg
from psycopg import sql

from local import lease
from local.environment import HOST, USER, Place, choose_port, environment, is_free, password
from local.processes import LocalError, spawn, stop, tail
from local.rest import Rest
from pipeline.embedded import Embedded

READY_SECONDS = 180

# Task logs are read from their files: nothing needs to serve them on ports of their own.
COMPONENTS = {
    "api-server": ("api-server",),
    "scheduler": ("scheduler", "--skip-serve-logs"),
    "dag-processor": ("dag-processor",),
}
TRIGGERER = {"triggerer": ("triggerer", "--skip-serve-logs")}

Tell = Callable[[str], None]


class Airflow:
    """An Airflow that was started, and is ready after `ready`.

    `started` is when its processes were.

    Args:
        place: where it lives.
        embedded: the server for its metadata.
        port: a port that must be had; else 8080 or any free one.
        components: name of each component -> arguments of the `airflow` command.
        settings: environment that goes before the usual one.
        tell: takes a line for each step.
    """

    def __init__(
        self,
        place: Place,
        embedded: Embedded,
        port: str | None,
        components: Mapping[str, tuple[str, ...]],
        settings: Mapping[str, str],
        tell: Tell,
    ) -> None:
        self.place = place
        self._embedded, self._asked, self._components = embedded, port, components
        self._settings, self._tell = settings, tell
        self._start()

    @property
    def url(self) -> str:
        """Address of the web UI."""
        return f"http://{HOST}:{self._port}"

    @property
    def password(self) -> str:
        """The generated password of the user `admin`."""
        return password(self.place)

    def rest(self) -> Rest:
        """A REST client, logged in as the administrator."""
        return Rest(self.url, USER, self.password)

    def check(self) -> None:
        """Raise when a component has died.

        Raises:
            LocalError: one has; the message names it and holds the end of its log.
        """
        for child in self._children:
            child.check()

    def ready(self) -> None:
        """Wait until every component is up and tasks can be run.

        Raises:
            LocalError: one died, or is not up in time; the message holds the end of its log.
        """
        while True:
            try:
                return self._wait()
            except LocalError:
                # Somebody took the port between our look at it and the server's start: look again.
                if self._asked or not self._lost_port():
                    raise
                stop(self.place.folder)
                self._start()

    def _start(self) -> None:
        self._port = choose_port(self._asked)
        environ = {**environment(self.place, self._embedded, self._port), **self._settings}
        _migrate(self.place, self._embedded, environ, self._tell)
        self._tell(f"starting Airflow on port {self._port}")
        self.started = datetime.now(UTC)
        self._children = [
            spawn(name, _command(*arguments), environ, self.place.folder, self.place.logs / f"{name}.log")
            for name, arguments in self._components.items()
        ]

    def _wait(self) -> None:
        deadline = time.monotonic() + READY_SECONDS
        with self.rest() as rest:
            while missing := self._missing(rest):
                self.check()
                if time.monotonic() > deadline:
                    log = self.place.logs / f"{missing[0]}.log"
                    raise LocalError(
                        f"{', '.join(missing)} not up after {READY_SECONDS} s. The end of {log}:\n{tail(log)}"
                    )
                time.sleep(0.1)
            self.check()
            # The execution API builds itself at its first request, which takes longer than a task would wait.
            rest.warm_up()

    def _missing(self, rest: Rest) -> list[str]:
        """Components without a heartbeat of this start; those of an earlier one do not count."""
        try:
            health = rest.health()
        except httpx.TransportError:
            return ["api-server"]
        beats = {
            "scheduler": health["scheduler"]["latest_scheduler_heartbeat"],
            "dag-processor": health["dag_processor"]["latest_dag_processor_heartbeat"],
        }
        return [
            name
            for name, beat in beats.items()
            if name in self._components and (not beat or datetime.fromisoformat(beat) < self.started)
        ]

    def _lost_port(self) -> bool:
        server = next(child for child in self._children if child.name == "api-server")
        return server.process.poll() is not None and not is_free(self._port)


@contextmanager
def started(
    place: Place,
    embedded: Embedded,
    *,
    port: str | None = None,
    triggerer: bool = False,
    settings: Mapping[str, str] | None = None,
    tell: Tell = lambda _: None,
) -> Iterator[Airflow]:
    """Start Airflow, and stop it whatever happens. It takes about 20 s until `Airflow.ready` returns.

    Args:
        place: where it lives.
        embedded: the server for its metadata.
        port: a port that must be had; else 8080 or any free one.
        triggerer: whether to start the triggerer too, for deferrable tasks.
        settings: environment that goes before the usual one.
        tell: takes a line for each step.

    Raises:
        LocalError: the port is taken, or another process runs the Airflow of this folder already.
    """
    with lease.hold(place.airflow):
        stop(place.folder)
        try:
            yield Airflow(
                place, embedded, port, COMPONENTS | (TRIGGERER if triggerer else {}), settings or {}, tell
            )
        finally:
            # Tasks that are stopped tell the api-server how they ended; it has nothing to finish itself.
            stop(place.folder, spare="api-server")
            stop(place.folder, grace=1)


def _migrate(place: Place, embedded: Embedded, environ: Mapping[str, str], tell: Tell) -> None:
    version = f"migrated by apache-airflow-core {importlib.metadata.version('apache-airflow-core')}"
    with psycopg.connect(embedded.uri("airflow", "airflow"), autocommit=True) as session:
        # The note is kept by the database itself, so that it cannot outlive it.
        query = (
            "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = current_database()"
        )
        if session.execute(query).fetchone() == (version,):
            return
        tell("preparing Airflow's metadata (once)")
        log = place.logs / "db-migrate.log"
        child = spawn("airflow db migrate", _command("db", "migrate"), environ, place.folder, log)
        try:
            code = child.process.wait(READY_SECONDS)
        except subprocess.TimeoutExpired:
            code = None
        if code != 0:
            raise LocalError(
                f"`airflow db migrate` failed (exit code {code}). The end of {log}:\n{tail(log)}"
            )
        session.execute(sql.SQL("COMMENT ON DATABASE airflow IS {}").format(sql.Literal(version)))


def _command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "airflow", *arguments]
