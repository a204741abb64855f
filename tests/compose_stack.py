"""The services of docker-compose.yaml as plain processes of this machine.

Each gets the very command and the very environment that the file gives it, and nothing of ours: only names of hosts
become the loopback, ports become free ones, and the containers' folders become folders of the test. What the two
official images do by themselves is done here in their place.
"""

import os
import re
import shutil
import signal
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from graphlib import TopologicalSorter
from pathlib import Path

import psutil

from local import certificates
from local.rest import Rest
from tests.compose_file import BASE, PRODUCTION, ROOT, Service, image_environment, image_files, services
from tests.ports import free_ports

HOST = "127.0.0.1"
PORTS = ("5432", "6379", "8080", "8090", "8974")
UP_SECONDS = 900


class StackError(Exception):
    """A service did not come up."""


@dataclass(frozen=True)
class Container:
    """One process that stands for a container.

    Attributes:
        name: its host name.
        service: the service it belongs to.
        environ: its whole environment.
        process: what stands for its first process.
        log: the file that takes what it prints.
    """

    name: str
    service: Service
    environ: Mapping[str, str]
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def begun(self) -> bool:
        """Whether its health check has a chance: Celery's costs seconds, and a worker's log says when it answers."""
        asks_celery = any("celery inspect" in word for word in self.service.health)
        return not asks_celery or " ready." in self.log.read_text(errors="replace")

    def healthy(self) -> bool:
        """Whether the service's health check says so."""
        return self.check().returncode == 0

    def check(self) -> subprocess.CompletedProcess[str]:
        """Run the service's health check once."""
        return _run(self.service.health, self.environ, self.log.parent)

    def processes(self) -> list[psutil.Process]:
        """Its first process, and all that carry its home in their environment, however they were orphaned."""
        processes = []
        for process in psutil.process_iter():
            with suppress(psutil.Error, OSError):
                if process.pid == self.process.pid or process.environ().get("HOME") == self.environ["HOME"]:
                    processes.append(process)
        return processes

    def environments(self) -> list[dict[str, str]]:
        """The environments of its processes. Those of a worker come and go while they are looked at."""
        environments = []
        for process in self.processes():
            with suppress(psutil.NoSuchProcess):
                environments.append(process.environ())
        return environments

    def kill(self) -> None:
        """End it at once, with all its children."""
        _signal(self.processes(), signal.SIGKILL)
        self.process.wait()

    def end(self) -> str:
        """The last lines that it printed."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-40:])


class Stack:
    """All services of the compose file, in a folder of their own.

    Args:
        folder: for everything that they write.
        secrets: what .env holds.
        binaries: the folder of Postgres' programs.
        checkout: where the files come from that the image holds.
        settings: further environment of the services that run our image.
        files: the compose files.
    """

    def __init__(
        self,
        folder: Path,
        secrets: Mapping[str, str],
        binaries: Path,
        checkout: Path = ROOT,
        settings: Mapping[str, str] | None = None,
        files: Sequence[str] = (BASE,),
    ) -> None:
        self._settings, self._files = settings or {}, files
        self.folder, self._binaries, self._checkout = folder, binaries, checkout
        # The server's own user must get there, and the folders of a test are closed to others.
        self._database = Path(tempfile.mkdtemp(prefix="scoring-postgres-"))
        self.certificates = self._database / "tls"
        self.ports = dict(zip(PORTS, map(str, free_ports(len(PORTS))), strict=True))
        self.services = services({**secrets, "UI_HOST": HOST}, self._place, files)
        self.containers: dict[str, Container] = {}
        self._build()

    @property
    def encrypted(self) -> bool:
        """Whether its servers speak TLS."""
        return PRODUCTION in self._files

    @property
    def url(self) -> str:
        """Address of the web UI."""
        return f"{'https' if self.encrypted else 'http'}://{HOST}:{self.ports['8080']}"

    def uri(self, role: str, password: str, database: str) -> str:
        """Address of a database."""
        verified = f"?sslmode=verify-full&sslrootcert={self.certificates}/ca.crt" if self.encrypted else ""
        return f"postgresql://{role}:{password}@{HOST}:{self.ports['5432']}/{database}{verified}"

    def rest(self, user: str, password: str) -> Rest:
        """A REST client, which believes the authority of these certificates only."""
        ca = self.certificates / "ca.crt"
        return Rest(
            self.url, user, password, ssl.create_default_context(cafile=ca) if self.encrypted else True
        )

    def up(self, *profiles: str, scale: Mapping[str, int] | None = None, only: Sequence[str] = ()) -> None:
        """Start every service in its turn, and wait until all are healthy or have done their work.

        Args:
            profiles: those whose services start too.
            scale: service -> how many of it, where not one.
            only: the services to start, where not all; they wait for no others.

        Raises:
            StackError: one did not; the message holds the end of its log.
        """
        wanted = {
            name: service
            for name, service in self.services.items()
            if (name in only if only else set(service.said.get("profiles", [])) <= set(profiles))
        }
        for name in TopologicalSorter(
            {key: service.depends_on for key, service in wanted.items()}
        ).static_order():
            for other, condition in wanted[name].depends_on.items():
                self._wait(other, condition)
            for number in range((scale or {}).get(name, 1)):
                self._start(wanted[name], f"{name}-{number + 1}")
        for name, service in wanted.items():
            self._wait(name, "service_completed_successfully" if service.one_shot else "service_healthy")

    def run(self, name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a one-shot service with further arguments, as `docker compose run` does."""
        service = self.services[name]
        return _run((*service.command, *arguments), self._environ(service, f"{name}-run"), self.folder)

    def restart(self, *names: str) -> None:
        """Start containers that have died, as Docker does, and wait until they are healthy.

        Raises:
            StackError: one is not; the message holds the end of its log.
        """
        for name in names:
            self._start(self.containers[name].service, name)
        for name in names:
            _became_healthy(self.containers[name], time.monotonic() + UP_SECONDS)

    def down(self) -> None:
        """Stop everything, the database last, and forget it."""
        others = [container for name, container in self.containers.items() if name != "postgres-1"]
        _stop([process for container in others for process in container.processes()], signal.SIGTERM)
        if "postgres-1" in self.containers:
            server = self.containers["postgres-1"]
            _stop(
                [process for process in server.processes() if process.pid == server.process.pid],
                signal.SIGINT,
            )
        for container in self.containers.values():
            container.process.wait()
        shutil.rmtree(self._database, ignore_errors=True)

    def _place(self, text: str) -> str:
        """The same text with this machine's hosts, ports and folders."""
        hosts = r"\b(?:postgres|redis|airflow-apiserver):(?=(?:" + "|".join(PORTS) + r")\b)"
        text = re.sub(hosts, f"{HOST}:", text).replace("0.0.0.0", HOST)
        text = re.sub(r"\b(" + "|".join(PORTS) + r")\b", lambda port: self.ports[port[1]], text)
        text = re.sub(r"(?<![\w.])(/opt/scoring|/var/lib/scoring)(?![\w.])", rf"{self.folder}\1", text)
        text = text.replace("/run/tls/", f"{self.certificates}/")
        text = text.replace("/etc/postgresql/", f"{self._database}/")
        return re.sub(r"(?<![\w./])/sql/", f"{ROOT}/sql/docker/", text)

    def _build(self) -> None:
        """What building the image and making the volumes do."""
        for source, target in image_files().items():
            if (self._checkout / source).is_dir():
                copy = Path(f"{self.folder}{target}")
                shutil.copytree(self._checkout / source, copy, ignore=shutil.ignore_patterns("__pycache__"))
        if self.encrypted:
            certificates.make(self.certificates)
            shutil.copy(ROOT / "sql/docker/pg_hba.conf", self._database)
        for volume in ("airflow", "auth", "logs", "store"):  # as the image has them
            (self.folder / "var/lib/scoring" / volume).mkdir(mode=0o700, parents=True)

    def _environ(self, service: Service, name: str) -> dict[str, str]:
        home = self.folder / "containers" / name
        home.mkdir(parents=True, exist_ok=True)
        path = os.pathsep.join([str(Path(sys.executable).parent), str(self._binaries), "/usr/bin", "/bin"])
        ours = {key: self._place(value) for key, value in image_environment().items()} if service.ours else {}
        return {
            "PATH": path,
            "HOME": str(home),
            "HOSTNAME": name,
            **ours,
            **({"AIRFLOW_HOME": str(home), **self._settings} if service.ours else {}),
            **service.environment,
            # Without it Airflow's process titles overwrite the environment that the test looks at.
            "SPT_NOENV": "1",
        }

    def _start(self, service: Service, name: str) -> None:
        environ, home = self._environ(service, name), self.folder / "containers" / name
        command = self._postgres(service) if service.name == "postgres" else service.command
        workdir = self.folder / "opt/scoring" if service.ours else home
        with (home / "log").open("ab") as log:
            process = subprocess.Popen(
                command, env=environ, cwd=workdir, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip
        self.containers[name] = Container(name, service, environ, process, home / "log")

    def _postgres(self, service: Service) -> Sequence[str]:
        """What the official image does at its first start; as root the server runs as a user of its own."""
        user = ["setpriv", "--reuid=nobody", "--regid=65534", "--clear-groups"] if os.geteuid() == 0 else []
        password, data = self._database / "password", self._database / "data"
        password.write_text(service.environment["POSTGRES_PASSWORD"])
        if user:
            for path in (self._database, password, *self._database.glob("tls/postgres.key")):
                shutil.chown(path, "nobody")
        arguments = service.environment["POSTGRES_INITDB_ARGS"]
        # Debian's, which speaks TLS as the embedded one does not, is older than the builtin locales.
        version = _run([str(self._binaries / "postgres"), "--version"], {}, self._database).stdout.split()[2]
        if int(version.partition(".")[0]) < 17:
            arguments = arguments.replace("--locale-provider=builtin --builtin-locale=", "--locale=")
        made = _run(
            [*user, str(self._binaries / "initdb"), f"--pgdata={data}", "--username=postgres",
             f"--pwfile={password}", "--no-sync", *arguments.split()],
            {"PATH": "/usr/bin:/bin:/usr/sbin:/sbin"},
            self._database,
        )  # fmt: skip
        if made.returncode != 0:
            raise StackError(f"initdb failed: {made.stdout}")
        # The image's own rule, where the command names no file of others.
        with (data / "pg_hba.conf").open("a") as rules:
            rules.write("host all all all scram-sha-256\n")
        settings = {
            "listen_addresses": HOST, "port": self.ports["5432"], "unix_socket_directories": "", "fsync": "off",
        }  # fmt: skip
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        return [*user, str(self._binaries / "postgres"), "-D", str(data), *service.command[1:], *options]

    def _wait(self, name: str, condition: str) -> None:
        deadline = time.monotonic() + UP_SECONDS
        for container in [running for running in self.containers.values() if running.service.name == name]:
            if condition == "service_completed_successfully":
                _completed(container, deadline)
            else:
                _became_healthy(container, deadline)


def tls_server() -> Path | None:
    """Programs of Debian's newest Postgres, which speaks TLS as the embedded one does not; None where there is none."""
    programs = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    return max((path.parent for path in programs), key=lambda path: int(path.parent.name), default=None)


def _completed(container: Container, deadline: float) -> None:
    try:
        code = container.process.wait(max(0, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        code = None
    if code != 0:
        raise StackError(f"{container.name} ended with {code}:\n{container.end()}")


def _became_healthy(container: Container, deadline: float) -> None:
    checked: subprocess.CompletedProcess[str] | None = None
    while not container.begun or (checked := container.check()).returncode != 0:
        if time.monotonic() > deadline or container.process.poll() is not None:
            answer = checked.stdout if checked else "it has not begun"
            raise StackError(f"{container.name} is not healthy: {answer}\n{container.end()}")
        # A look starts a process, which keeps the container from starting: Python ones take some ten seconds.
        time.sleep(5 if container.service.ours else 1)


def _run(
    command: Sequence[str], environ: Mapping[str, str], folder: Path
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, env=dict(environ), cwd=folder, text=True, stdin=subprocess.DEVNULL, check=False,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=UP_SECONDS,
    )  # fmt: skip


def _stop(processes: Sequence[psutil.Process], number: int) -> None:
    _signal(processes, number)
    _, left = psutil.wait_procs(processes, timeout=2)
    _signal(left, signal.SIGKILL)


def _signal(processes: Sequence[psutil.Process], number: int) -> None:
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.send_signal(number)
