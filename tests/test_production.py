"""docker-compose.production.yaml: what it adds to every service, and TLS to real servers by every driver."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import yaml

from local import certificates, dotenv
from tests.compose_file import BASE, PRODUCTION, ROOT, Service, secrets_of, services
from tests.compose_stack import Stack, tls_server
from tests.test_compose import REDIS, compose_config

FILES = (BASE, PRODUCTION)
TLS = pytest.mark.skipif(
    tls_server() is None, reason="no Postgres that speaks TLS: apt-get install postgresql"
)

# Who talks to whom; nobody else shares a network.
TO_POSTGRES = {
    "postgres-init", "airflow-init", "airflow-apiserver", "airflow-scheduler", "airflow-dag-processor",
    "airflow-triggerer", "airflow-housekeeping", "airflow-worker", "airflow-worker-approver", "airflow-worker-janitor",
    "watch", "sample", "analyst", "api",
}  # fmt: skip
WORKERS = {"airflow-worker", "airflow-worker-model", "airflow-worker-approver", "airflow-worker-janitor"}
TO_REDIS = {"airflow-scheduler"} | WORKERS
# A model's pickle runs code: where models run, nothing leads out. Those of the API, which is asked from outside, run in
# processes that reach no network.
OUTSIDE = {"airflow-apiserver", "airflow-worker", "airflow-worker-approver", "watch", "api"}

# Connects as the service's environment says, in every way that Airflow, its workers and the pipeline do.
CONNECT = """
import asyncio, os, sys
import adbc_driver_postgresql.dbapi, asyncpg, psycopg, psycopg2
address = sys.argv[1]
ASK = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"

def dbapi(connect):
    with connect(address) as session, session.cursor() as cursor:
        cursor.execute(ASK)
        return cursor.fetchone()[0]

async def asynchronous():
    return await (await asyncpg.connect(address)).fetchval(ASK)

WAYS = {
    "adbc": lambda: dbapi(adbc_driver_postgresql.dbapi.connect), "psycopg": lambda: dbapi(psycopg.connect),
    "psycopg2": lambda: dbapi(psycopg2.connect), "asyncpg": lambda: asyncio.run(asynchronous()),
}
for name, way in WAYS.items():
    try:
        print(name, way())
    except Exception as error:
        print(name, "refused", type(error).__name__, " ".join(str(error).split()))
"""

# A task's way into the queue and its result's way back, at each of the given addresses.
ENQUEUE = """
import sys
from celery import Celery
for name, address in zip(sys.argv[1::2], sys.argv[2::2]):
    app = Celery(broker=address, backend=address)
    for way, connect in {
        "broker": lambda: app.connection().ensure_connection(max_retries=1, interval_start=0),
        "results": app.backend.client.ping,
    }.items():
        try:
            connect()
            print(way + name, "True")
        except Exception as error:
            print(way + name, "refused", " ".join(str(error).split()))
"""


@pytest.fixture(scope="module")
def env_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("dotenv") / ".env"
    dotenv.write(path)
    with path.open("a") as file:
        file.write("UI_HOST=scoring.example.org\n")
    return path


@pytest.fixture(scope="module")
def secrets(env_file: Path) -> dict[str, str]:
    return secrets_of(env_file)


@pytest.fixture(scope="module")
def composed(secrets: dict[str, str]) -> dict[str, Service]:
    return services(secrets, files=FILES)


def networks(service: Service) -> set[str]:
    return set(service.said["networks"])


class TestFile:
    def test_compose_reads_it_as_we_do(self, composed: dict[str, Service], env_file: Path) -> None:
        read = compose_config(env_file, FILES)["services"]
        assert read.keys() == composed.keys()
        for name, service in composed.items():
            assert read[name].get("environment", {}) == service.environment, name
            command = tuple(word.replace("$$", "$") for word in read[name].get("command", ()))
            assert service.command[len(service.command) - len(command) :] == command, name
            assert read[name]["networks"].keys() == networks(service), name
            targets = {volume.split(":")[1] for volume in service.said.get("volumes", ())}
            assert {volume.split(":")[1] for volume in read[name].get("volumes", ())} == targets, name

    def test_it_is_refused_without_the_name_that_browsers_use(self, secrets: dict[str, str]) -> None:
        with pytest.raises(KeyError, match=r"UI_HOST: set it in \.env"):
            services({**secrets, "UI_HOST": ""}, files=FILES)

    def test_every_service_has_limits_and_files_that_nobody_changes(
        self, composed: dict[str, Service]
    ) -> None:
        for name, service in composed.items():
            assert service.said["mem_limit"], name
            assert service.said["pids_limit"] > 0, name
            assert service.said["read_only"], name

    def test_a_network_has_those_only_who_need_it(self, composed: dict[str, Service]) -> None:
        def of(network: str) -> set[str]:
            return {name for name, service in composed.items() if network in networks(service)}

        assert of("data") == TO_POSTGRES | {"postgres"}
        assert of("queue") == TO_REDIS | {"redis"}
        assert of("tasks") == WORKERS | {"airflow-apiserver"}
        assert of("web") == OUTSIDE

    def test_one_network_leads_out(self) -> None:
        declared = yaml.safe_load((ROOT / PRODUCTION).read_text())["networks"]
        assert declared == {
            "data": {"internal": True},
            "queue": {"internal": True},
            "tasks": {"internal": True},
            "web": None,
        }

    def test_every_server_in_an_address_can_be_reached(self, composed: dict[str, Service]) -> None:
        servers = {"postgres": 5432, "redis": 6379, "airflow-apiserver": 8080}
        for name, service in composed.items():
            text = " ".join([*service.environment.values(), *service.command])
            for server, port in servers.items():
                if f"@{server}:{port}" in text or f"//{server}:{port}" in text:
                    assert networks(service) & networks(composed[server]), f"{name} does not reach {server}"

    def test_no_address_is_plain(self, composed: dict[str, Service]) -> None:
        for name, service in composed.items():
            text = "\0".join(service.environment.values())
            assert "redis://" not in text, name
            assert "http://" not in text, name
            if name in TO_POSTGRES:
                assert service.environment["PGSSLMODE"] == "verify-full", name
                assert "sslmode" not in text, name

    def test_users_are_fabs_wherever_metadata_are(self, composed: dict[str, Service]) -> None:
        for name, service in composed.items():
            if "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN" in service.environment:
                assert service.environment["AIRFLOW__CORE__AUTH_MANAGER"].endswith(".FabAuthManager"), name

    def test_each_key_is_seen_by_its_server_only(self, composed: dict[str, Service]) -> None:
        keys = {
            volume.split(":")[1]: name
            for name, service in composed.items()
            for volume in service.said.get("volumes", ())
            if ".key" in volume
        }
        assert keys == {
            "/run/tls/postgres.key": "postgres", "/run/tls/redis.key": "redis", "/run/tls/web.key": "airflow-apiserver",
        }  # fmt: skip


@TLS
@REDIS
class TestEncryption:
    @pytest.fixture(scope="class")
    @classmethod
    def stack(cls, secrets: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
        """The two servers, and nothing else."""
        binaries = tls_server()
        assert binaries is not None
        running = Stack(tmp_path_factory.mktemp("stack"), secrets, binaries, files=FILES)
        try:
            running.up(only=("postgres", "redis"))
            yield running
        finally:
            running.down()

    @pytest.fixture(scope="class")
    @classmethod
    def foreign(cls, tmp_path_factory: pytest.TempPathFactory) -> Path:
        """The certificate of an authority that signed nothing here."""
        folder = tmp_path_factory.mktemp("foreign") / "tls"
        certificates.make(folder)
        return folder / "ca.crt"

    def test_every_driver_encrypts_and_believes_one_authority_only(
        self, stack: Stack, secrets: dict[str, str], foreign: Path
    ) -> None:
        worker = stack.services["airflow-worker"].environment
        address = (
            f"postgresql://postgres:{secrets['POSTGRES_PASSWORD']}@127.0.0.1:{stack.ports['5432']}/postgres"
        )
        drivers = ("adbc", "psycopg", "psycopg2", "asyncpg")
        assert answers(CONNECT, worker, address) == dict.fromkeys(drivers, "True")
        for refused in (
            answers(CONNECT, {**worker, "PGSSLROOTCERT": str(foreign)}, address),
            # The certificate is for the name by which services reach it.
            answers(CONNECT, worker, address.replace("127.0.0.1", "127.0.0.2")),
            answers(CONNECT, {**worker, "PGSSLMODE": "disable"}, address),
        ):
            assert {name for name, answer in refused.items() if answer.startswith("refused")} == set(drivers)

    def test_the_queue_is_encrypted_and_believes_one_authority_only(
        self, stack: Stack, foreign: Path
    ) -> None:
        environment = stack.services["airflow-worker"].environment
        for setting in ("BROKER_URL", "RESULT_BACKEND"):
            own = environment[f"AIRFLOW__CELERY__{setting}"]
            seen = answers(
                ENQUEUE, {},
                "Own", own,
                "Foreign", own.replace(f"{stack.certificates}/ca.crt", str(foreign)),
                "Misnamed", own.replace("@127.0.0.1:", "@127.0.0.2:"),
                "Plain", own.replace("rediss://", "redis://").partition("?")[0],
            )  # fmt: skip
            accepted = {name for name, answer in seen.items() if answer == "True"}
            assert len(seen) == 8
            assert accepted == {"brokerOwn", "resultsOwn"}, seen
            assert "certificate verify failed" in seen["brokerForeign"]

    def test_psql_does_too(self, stack: Stack, foreign: Path) -> None:
        prepared = stack.run("postgres-init")
        assert prepared.returncode == 0, prepared.stdout
        analyst = stack.services["analyst"]
        asked = [*analyst.command, "--tuples-only", "--command=SELECT 1"]

        def psql(settings: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
            environ = {"PATH": f"{tls_server()}:{os.environ['PATH']}", **analyst.environment, **settings}
            return subprocess.run(asked, env=environ, capture_output=True, text=True, check=False)

        assert psql({}).stdout.strip() == "1"
        assert "certificate verify failed" in psql({"PGSSLROOTCERT": str(foreign)}).stderr
        assert "no pg_hba.conf entry" in psql({"PGSSLMODE": "disable"}).stderr


def answers(program: str, environment: Mapping[str, str], *arguments: str) -> dict[str, str]:
    """What a program printed: a name and an answer a line."""
    command = [sys.executable, "-c", program, *arguments]
    environ = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **environment}
    ended = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=300, check=False)
    assert ended.returncode == 0, ended.stderr
    return dict(line.split(" ", 1) for line in ended.stdout.splitlines() if line.split(" ")[0].isalnum())
