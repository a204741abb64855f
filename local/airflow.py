"""A real Airflow on this machine: api-server, scheduler and dag-processor, each a child process of ours."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime

from local import credentials, lock, port
from local.airflow_environment import Place, environment, of_component
from local.metadata_database import Tell, command, migrate
from local.processes import Child, LocalError, spawn, stop, tail
from local.rest import Rest, SilentError
from pipeline.embedded.server import Embedded

READY_SECONDS = 600

# Task logs are read from their files: nothing needs to serve them on ports of their own.
COMPONENTS = {
    "api-server": ("api-server",),
    "scheduler": ("scheduler", "--skip-serve-logs"),
    "dag-processor": ("dag-processor",),
}
TRIGGERER = {"triggerer": ("triggerer", "--skip-serve-logs")}


class Airflow:
    """An Airflow that was started, and is ready after `ready`.

    `started` is when its processes were.

    Args:
        place: where it lives.
        embedded: the server for its metadata.
        asked: a port that must be had; else 8080 or any free one.
        components: name of each component -> arguments of the `airflow` command.
        settings: environment that goes before the usual one.
        tell: takes a line for each step.
    """

    def __init__(
        self,
        place: Place,
        embedded: Embedded,
        asked: str | None,
        components: Mapping[str, tuple[str, ...]],
        settings: Mapping[str, str],
        tell: Tell,
    ) -> None:
        self.place = place
        self._embedded, self._asked, self._components = embedded, asked, components
        self._settings, self._tell = settings, tell
        self._start()

    @property
    def url(self) -> str:
        """Address of the web UI."""
        return f"http://{port.HOST}:{self._port}"

    @property
    def password(self) -> str:
        """The generated password of the user `admin`."""
        return credentials.password(self.place.airflow)

    def rest(self) -> Rest:
        """A REST client, logged in as the administrator."""
        return Rest(self.url, credentials.USER, self.password)

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
        self._port = port.choose(self._asked)
        environ = {**environment(self.place, self._embedded, self._port), **self._settings}
        self.started = datetime.now(UTC)
        # Its imports take longer than all else, and it asks the metadata nothing before its first request.
        self._children = [
            self._spawn("api-server", {**environ, "AIRFLOW__DATABASE__CHECK_MIGRATIONS": "False"})
        ]
        migrate(self.place, self._embedded, environ, self._tell)
        self._tell(f"starting Airflow on port {self._port}")
        self._children += [self._spawn(name, environ) for name in self._components if name != "api-server"]

    def _spawn(self, name: str, environ: Mapping[str, str]) -> Child:
        return spawn(
            name,
            command(*self._components[name]),
            of_component(name, environ),
            self.place.folder,
            self.place.logs / f"{name}.log",
        )

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

    def _missing(self, rest: Rest) -> list[str]:
        """Components without a heartbeat of this start; those of an earlier one do not count."""
        if not self._server.listens(self._port):
            # Whoever answers there is not ours.
            return ["api-server"]
        try:
            health = rest.health()
        except SilentError:  # it listens already, and is too busy with its own start to answer in time
            return ["api-server"]
        beats = {
            "scheduler": health["scheduler"]["latest_scheduler_heartbeat"],
            "dag-processor": health["dag_processor"]["latest_dag_processor_heartbeat"],
            "triggerer": health["triggerer"]["latest_triggerer_heartbeat"],
        }
        return [
            name
            for name, beat in beats.items()
            if name in self._components and (not beat or datetime.fromisoformat(beat) < self.started)
        ]

    def _lost_port(self) -> bool:
        return self._server.process.poll() is not None and not port.is_free(self._port)

    @property
    def _server(self) -> Child:
        return next(child for child in self._children if child.name == "api-server")


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
    with lock.hold(place.airflow):
        stop(place.folder)
        try:
            yield Airflow(
                place, embedded, port, COMPONENTS | (TRIGGERER if triggerer else {}), settings or {}, tell
            )
        finally:
            tell("stopping Airflow")
            # Tasks that are stopped tell the api-server how they ended; it has nothing to finish itself.
            stop(place.folder, spare="api-server")
            stop(place.folder, grace=1)
