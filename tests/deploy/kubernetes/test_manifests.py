"""deploy/kubernetes: what Kubernetes takes, who knows and reaches what, and the commands as real processes.

No cluster is asked: Kubernetes' own schemas, and the commands on this machine.
"""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from orchestration.credentials import TASKS
from tests.compose_file import ROOT, Service, services
from tests.deploy.kubernetes.manifests import FOLDER, Pod, objects, pods, secret_keys, values
from tests.home import Home

PODS = list(pods(objects()))
QUEUES = sorted({need.queue for need in TASKS.values()})


def composed() -> dict[str, Service]:
    text = (ROOT / "docker-compose.yaml").read_text()
    return services(dict.fromkeys(re.findall(r"\$\{(\w+):\?", text), "secret"))


def pod_of(name: str) -> Pod:
    """The pod of one of our own objects."""
    [pod] = [pod for pod in PODS if pod.owner.endswith(f" {name}")]
    return pod


def command_of(name: str) -> tuple[str, ...]:
    return tuple(pod_of(name).spec["containers"][0]["command"])


def connections(names: Any) -> set[str]:
    return {name for name in names if name.startswith("AIRFLOW_CONN_")}


class TestSchemas:
    @pytest.mark.parametrize("place", [0, -1])
    def test_kubernetes_takes_every_object(self, place: int) -> None:
        validate = pytest.importorskip(
            "kubernetes_validate", reason="kubernetes-validate is not installed: requirements-dev.txt has it"
        )
        version = [each for each in validate.utils.all_versions() if each.endswith(".0")][-4:][place]
        for document in objects():
            validate.validate(document, validate.utils.major_minor(version), strict=True)

    def test_our_list_names_every_file(self) -> None:
        listed = yaml.safe_load((FOLDER / "kustomization.yaml").read_text())["resources"]
        lying = {path.name for path in FOLDER.glob("*.yaml")} - {"kustomization.yaml"}
        others = {"secrets.example.yaml", "network-policies-celery.yaml", "network-policies-git-sync.yaml"}
        assert {*listed} == lying - others


@pytest.mark.parametrize("pod", PODS, ids=lambda pod: pod.owner)
class TestPods:
    def test_nobody_is_root_or_gains_rights_or_changes_the_image(self, pod: Pod) -> None:
        assert pod.spec["securityContext"]["runAsNonRoot"]
        assert pod.spec["securityContext"]["runAsUser"] == 50000
        assert pod.spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod.spec["automountServiceAccountToken"] is False
        for container in pod.containers:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }

    def test_what_is_written_has_a_volume(self, pod: Pod) -> None:
        written = {
            mount["mountPath"]
            for container in pod.containers
            for mount in container["volumeMounts"]
            if not mount.get("readOnly")
        }
        assert {"/tmp", "/var/lib/scoring/airflow"} <= written
        volumes = {volume["name"] for volume in pod.spec["volumes"]}
        assert {mount["name"] for each in pod.containers for mount in each["volumeMounts"]} == volumes

    def test_it_says_what_it_takes_and_is_looked_after(self, pod: Pod) -> None:
        for container in pod.containers:
            assert container["resources"]["requests"].keys() == {"cpu", "memory"}
            assert container["resources"]["limits"].keys() == {"cpu", "memory"}
            if pod.owner.startswith("Deployment"):
                assert {"startupProbe", "readinessProbe", "livenessProbe"} <= container.keys()

    def test_it_takes_the_image_that_the_list_names(self, pod: Pod) -> None:
        assert {container["image"] for container in pod.containers} == {
            service.image
            for service in composed().values()
            if service.ours and not service.image.endswith("-sample")
        }


def test_what_lasts_has_a_disruption_budget() -> None:
    lasting = {each["metadata"]["name"] for each in objects() if each["kind"] == "Deployment"}
    budgets = {each["metadata"]["name"] for each in objects() if each["kind"] == "PodDisruptionBudget"}
    assert lasting == budgets == {"watch", "api"}


class TestSameAsUnderDocker:
    """The same commands with the same connections."""

    def test_watch(self) -> None:
        service = composed()["watch"]
        assert command_of("watch") == service.command
        assert connections(secret_keys("scoring-watch")) == connections(service.environment)
        probe = pod_of("watch").spec["containers"][0]["livenessProbe"]["exec"]["command"]
        assert probe[-1] == service.health[-1]

    def test_migrations(self) -> None:
        service = composed()["airflow-init"]
        assert " ".join(command_of("migrate")) in service.command[-1]
        assert secret_keys("scoring-owner") == connections(service.environment)

    def test_housekeeping(self) -> None:
        assert command_of("housekeeping") == (*composed()["airflow-housekeeping"].command, "--once")

    def test_api(self) -> None:
        service = composed().get("api")
        if service is None:
            pytest.skip("this checkout has no `scoring serve`")
        assert command_of("api") == service.command
        assert secret_keys("scoring-api") == connections(service.environment)
        assert "/v2/health/ready" in service.health[-1]

    @pytest.mark.parametrize("queue", QUEUES)
    def test_each_queue_knows_the_connections_of_its_tasks(self, queue: str) -> None:
        [worker] = [
            service
            for service in composed().values()
            if service.command and f"--queues {queue} " in service.command[-1]
        ]
        named = connections(worker.environment)
        # Under KubernetesExecutor all keys of a secret, under CeleryExecutor by name.
        assert named == (set() if queue == "model" else connections(secret_keys(f"scoring-{queue}")))
        [workers] = [each for each in values("celery")["workers"]["celery"]["sets"] if each["queue"] == queue]
        environment = {each["name"]: each for each in workers["env"]}
        assert connections(environment) == named
        assert {environment[name]["valueFrom"]["secretKeyRef"]["name"] for name in named} <= {
            f"scoring-{queue}"
        }
        assert tuple(workers["args"]) == worker.command
        assert workers["labels"] == {"scoring-queue": queue}
        # But for where Airflow is: the chart's file of settings says that.
        missing = worker.environment.keys() - environment.keys() - {"SCORING_ARTEFACTS"}
        assert all(name.startswith("AIRFLOW__") and "CELERY" not in name for name in missing), missing

    def test_no_example_is_a_secret(self) -> None:
        for secret in objects("secrets.example.yaml"):
            for value in secret["stringData"].values():
                assert re.search("PASSWORD|^KEY$|^SECRET$|^PEM$", value)


class TestPolicies:
    """Whom pods of a set of labels reach, by all policies that hold for them."""

    DATABASE, STORE = "192.0.2.0/25", "198.51.100.0/25"

    @staticmethod
    def selected(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
        exact = all(labels.get(name) == value for name, value in selector.get("matchLabels", {}).items())
        return exact and all(
            rule["operator"] == "In" and labels.get(rule["key"]) in rule["values"]
            for rule in selector.get("matchExpressions", ())
        )

    def reached(self, labels: Mapping[str, str], files: str = "network-policies.yaml") -> set[str]:
        """The addresses that pods of these labels reach, and the ports there."""
        places = set()
        for policy in objects(files):
            if self.selected(policy["spec"]["podSelector"], labels):
                for rule in policy["spec"].get("egress", ()):
                    ports = ",".join(str(each["port"]) for each in rule["ports"])
                    places |= {f"{self._place(peer)}:{ports}" for peer in rule["to"]}
        return places

    @staticmethod
    def _place(peer: Mapping[str, Any]) -> str:
        if "ipBlock" in peer:
            return str(peer["ipBlock"]["cidr"])
        return "+".join(
            value for selector in peer.values() for value in selector.get("matchLabels", {}).values()
        )

    def test_nothing_is_reached_that_is_not_named(self) -> None:
        [policy] = [
            each for each in objects("network-policies.yaml") if each["metadata"]["name"] == "nothing"
        ]
        assert policy["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}

    def test_a_models_task_reaches_the_store_and_no_database(self) -> None:
        dns, server = "kube-system+kube-dns:53,53", "api-server:8080"
        model = self.reached({"component": "worker", "scoring-queue": "model"})
        assert model == {dns, server, f"{self.STORE}:443"}

    def test_tasks_that_hold_a_connection_reach_databases(self) -> None:
        for queue in set(QUEUES) - {"model"}:
            reached = self.reached({"component": "worker", "scoring-queue": queue})
            assert f"{self.DATABASE}:5432" in reached
        janitor = self.reached({"component": "worker", "scoring-queue": "janitor"})
        assert not [place for place in janitor if place.startswith("0.0.0.0")]

    @pytest.mark.parametrize("pod", PODS, ids=lambda pod: pod.owner)
    def test_what_runs_beside_airflow_reaches_its_database(self, pod: Pod) -> None:
        assert f"{self.DATABASE}:5432" in self.reached(pod.labels)

    def test_no_pod_of_ours_reaches_the_api_of_kubernetes(self) -> None:
        for labels in [pod.labels for pod in PODS] + [
            {"component": "worker", "scoring-queue": queue} for queue in QUEUES
        ]:
            assert not [place for place in self.reached(labels) if place.startswith("203.0.113.")]

    def test_redis_is_reached_with_celery_alone(self) -> None:
        worker = {"component": "worker", "scoring-queue": "model"}
        assert self.reached(worker, "network-policies-celery.yaml") == {"192.0.2.128/25:6379"}
        assert not self.reached({"component": "api-server"}, "network-policies-celery.yaml")


class TestImage:
    def test_it_has_what_the_executor_needs_at_the_locks_hashes(self, tmp_path: Path) -> None:
        text = (ROOT / "Dockerfile").read_text()
        stage = text.split("FROM scoring AS kubernetes")[1].split("\nFROM ")[0]
        [(loop, names)] = re.findall(
            r"RUN (for name in ([\w -]+); do.*?done > /opt/kubernetes.txt)", stage, re.S
        )
        loop = loop.replace("\\\n", "").replace("/opt/kubernetes.txt", f"{tmp_path}/made.txt")
        subprocess.run(["sh", "-ec", loop.replace("/opt/", f"{ROOT}/")], check=True)
        made = re.findall(r"^([\w.-]+)==", (tmp_path / "made.txt").read_text(), re.MULTILINE)
        assert made == names.split()
        # Whatever the lock has because of the provider, and production's has not.
        production = set(re.findall(r"^([\w.-]+)==", (ROOT / "requirements.txt").read_text(), re.MULTILINE))
        needed = {"apache-airflow-providers-cncf-kubernetes"}
        blocks = re.split(r"^(?=[\w.-]+==)", (ROOT / "requirements-dev.txt").read_text(), flags=re.MULTILINE)[
            1:
        ]
        because = {
            block.partition("==")[0]: set(re.findall(r"^    #(?: via|  ) +([\w.-]+)", block, re.MULTILINE))
            for block in blocks
        }
        while more := {
            name for name, whose in because.items() if whose & needed and name not in needed | production
        }:
            needed |= more
        assert needed == set(names.split())


class TestProcesses:
    """The commands of the manifests, with nothing in their environment but what the manifests give them."""

    @staticmethod
    def environment(name: str, addresses: Mapping[str, str], folder: Path) -> dict[str, str]:
        pod = pod_of(name)
        container = pod.spec["containers"][0]
        variables = {each["name"]: each["value"] for each in container["env"] if "value" in each}
        # This machine's Postgres speaks no TLS.
        variables |= {"PGSSLMODE": "disable"}
        for source in container.get("envFrom", ()):
            variables |= {key: addresses[key] for key in secret_keys(source["secretRef"]["name"])}
        image = {"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", "PYTHONPATH": str(ROOT)}
        return variables | image | {"SCORING_HOME": str(ROOT), "AIRFLOW_HOME": str(folder)}

    def test_migrations_end_well_and_again(self, home: Home, tmp_path: Path) -> None:
        owner = os.environ["AIRFLOW_CONN_PREDICTIONS_OWNER"]
        environment = self.environment("migrate", {"AIRFLOW_CONN_PREDICTIONS_OWNER": owner}, tmp_path)
        ended = subprocess.run(
            command_of("migrate"), env=environment, cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert ended.returncode == 0, ended.stderr

    def test_watch_looks_and_its_probe_says_so(self, home: Home, tmp_path: Path) -> None:
        watcher = os.environ["AIRFLOW_CONN_PREDICTIONS_OWNER"]
        environment = self.environment("watch", {"AIRFLOW_CONN_PREDICTIONS_WATCHER": watcher}, tmp_path)
        here = [word.replace("/var/lib/scoring/airflow", str(tmp_path)) for word in command_of("watch")]
        container = pod_of("watch").spec["containers"][0]
        probe = [
            word.replace("/var/lib/scoring/airflow", str(tmp_path))
            for word in container["livenessProbe"]["exec"]["command"]
        ]
        log = tmp_path / "log"
        with log.open("w") as out:
            process = subprocess.Popen(here, env=environment, cwd=ROOT, stdout=out, stderr=out)
        try:
            deadline = time.monotonic() + 120
            while subprocess.run(probe, check=False, capture_output=True).returncode:
                assert process.poll() is None, log.read_text()
                assert time.monotonic() < deadline, log.read_text()
                time.sleep(0.2)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)
        (tmp_path / "watch.beat").unlink()
        assert subprocess.run(probe, check=False, capture_output=True).returncode

    @pytest.mark.parametrize("name", ["housekeeping", "api"])
    def test_the_other_commands_are_there(self, name: str) -> None:
        words = command_of(name)
        module = words[: words.index("serve") + 1] if "serve" in words else words[:3]
        command = [sys.executable, *module[1:], "--help"]  # `python` is the image's own
        ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert ended.returncode == 0, ended.stderr
