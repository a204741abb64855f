"""deploy/kubernetes/airflow: our values as Airflow's Helm chart takes them, rendered by Helm itself.

Skipped where Helm or the chart's archive is not on this machine: neither comes from a registry of Python packages that
our lock could pin. AIRFLOW_CHART names the archive.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import pytest
import yaml

from orchestration.credentials import TASKS
from orchestration.kubernetes import pods as overrides
from tests.compose_file import Service
from tests.deploy.kubernetes.manifests import VARIANTS, Pod, pods, rendered
from tests.deploy.kubernetes.test_manifests import composed

METADATA = {"scoring-airflow/connection", "scoring-airflow/fernet-key"}
# Who holds which key of which secret, as in docker-compose.yaml: this and nothing more.
HOLDERS = {
    "api-server": METADATA
    | {"scoring-airflow/api-secret-key", "scoring-airflow/jwt-secret", "scoring-pages/SCORING_PAGES"},
    "scheduler": METADATA | {"scoring-airflow/jwt-secret"},
    "dag-processor": METADATA,
    "triggerer": METADATA,
    "run-airflow-migrations": METADATA,
    "create-user": METADATA | {"scoring-admin/ADMIN_PASSWORD"},
}
BROKER = {"scoring-broker/connection", "scoring-results/connection"}
STORE = {"scoring-store/AWS_ACCESS_KEY_ID", "scoring-store/AWS_SECRET_ACCESS_KEY"}
# Component of the chart -> service of docker-compose.yaml.
SERVICES = {
    "api-server": "airflow-apiserver",
    "scheduler": "airflow-scheduler",
    "dag-processor": "airflow-dag-processor",
    "triggerer": "airflow-triggerer",
}


def templates(documents: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The pod template, which lies in Airflow's ConfigMap; there is none where workers stay."""
    [config] = [each for each in documents if each["metadata"]["name"] == "airflow-config"]
    text = config["data"].get("pod_template_file.yaml")
    return [dict(yaml.safe_load(text))] if text else []


def all_pods(variant: str) -> list[Pod]:
    documents = rendered(variant)
    return [
        *pods(documents),
        *(Pod("Pod of a task", made["metadata"]["labels"], made["spec"]) for made in templates(documents)),
    ]


def component(pod: Pod) -> str:
    return pod.owner.partition(" airflow-")[2]


def held(pod: Pod) -> set[str]:
    """The keys of secrets that a pod's environment has."""
    references = [
        each["valueFrom"]["secretKeyRef"]
        for container in pod.containers
        for each in container.get("env") or ()
        if "valueFrom" in each
    ]
    return {f"{each['name']}/{each['key']}" for each in references}


@pytest.mark.parametrize("variant", VARIANTS)
def test_nobody_is_root_or_gains_rights_or_changes_the_image(variant: str) -> None:
    for pod in all_pods(variant):
        assert pod.spec["securityContext"]["runAsNonRoot"], pod.owner
        for container in pod.containers:
            context = container["securityContext"]
            assert context["readOnlyRootFilesystem"], (pod.owner, container["name"])
            assert not context["allowPrivilegeEscalation"]
            assert context["capabilities"] == {"drop": ["ALL"]}
            if pod.owner != "Pod of a task":
                assert container["resources"]["limits"], (pod.owner, container["name"])


@pytest.mark.parametrize("variant", VARIANTS)
def test_kubernetes_takes_every_object(variant: str) -> None:
    validate = pytest.importorskip("kubernetes_validate", reason="it carries Kubernetes' schemas")
    documents = rendered(variant)
    for document in [*documents, *templates(documents)]:
        validate.validate(document, validate.utils.major_minor(validate.latest_version()), strict=True)


def test_each_component_holds_its_own_secrets_only() -> None:
    pods_held = {component(pod): held(pod) for pod in all_pods("kubernetes")}
    assert pods_held.pop("") == set()  # a task, whose DAG adds its queue's
    assert pods_held == HOLDERS


def test_workers_that_stay_hold_what_their_queue_may_know() -> None:
    pods_held = {pod.labels.get("scoring-queue") or component(pod): held(pod) for pod in all_pods("celery")}
    for queue in {need.queue for need in TASKS.values()}:
        keys = pods_held.pop(queue) - BROKER - STORE
        assert all(key.startswith(f"scoring-{queue}/AIRFLOW_CONN_") for key in keys)
        assert bool(keys) == (queue != "model")
    assert pods_held == {**HOLDERS, "scheduler": HOLDERS["scheduler"] | BROKER}


def test_components_run_the_commands_of_docker_compose() -> None:
    services: dict[str, Service] = composed()
    for pod in all_pods("kubernetes"):
        if service := SERVICES.get(component(pod)):
            container = pod.spec["containers"][0]
            assert "command" not in container
            assert tuple(container["args"]) == services[service].command
            health = services[service].health
            if service in ("airflow-scheduler", "airflow-dag-processor", "airflow-triggerer"):
                assert tuple(container["livenessProbe"]["exec"]["command"]) == health


def test_a_task_of_airflows_generator_is_a_pod_that_kubernetes_takes() -> None:
    validate = pytest.importorskip("kubernetes_validate", reason="it carries Kubernetes' schemas")
    generator = pytest.importorskip("airflow.providers.cncf.kubernetes.pod_generator").PodGenerator
    client = pytest.importorskip("kubernetes.client")
    base = generator.deserialize_model_dict(templates(rendered("kubernetes"))[0])
    asked = {"requests": {"memory": "700M"}}
    pod = generator.reconcile_pods(base, overrides.override("predict", asked))
    document = {"apiVersion": "v1", "kind": "Pod", **client.ApiClient().sanitize_for_serialization(pod)}
    validate.validate(document, validate.utils.major_minor(validate.latest_version()), strict=True)
    [container] = document["spec"]["containers"]
    assert container["resources"] == asked
    assert document["metadata"]["labels"] == {
        "tier": "airflow",
        "component": "worker",
        "release": "airflow",
        "scoring-queue": "model",
    }
    assert [each["secretRef"]["name"] for each in container["envFrom"]] == ["scoring-store"]
    assert not [each for each in container["env"] if "valueFrom" in each]


def test_a_teams_repository_takes_the_place_of_the_images_files() -> None:
    [processor] = [pod for pod in all_pods("git-sync") if component(pod) == "dag-processor"]
    assert [each["name"] for each in processor.containers if "git-sync" in each["name"]] == [
        "git-sync-init",
        "git-sync",
    ]
    [container] = [each for each in processor.spec["containers"] if each["name"] == "dag-processor"]
    assert {"name": "SCORING_HOME", "value": "/opt/team/repo"} in container["env"]
    assert "/opt/team" in [mount["mountPath"] for mount in container["volumeMounts"]]


def test_logs_may_lie_in_a_bucket() -> None:
    [config] = [each for each in rendered("remote-logs") if each["metadata"]["name"] == "airflow-config"]
    assert "remote_base_log_folder = s3://" in config["data"]["airflow.cfg"]
    assert "remote_logging = True" in config["data"]["airflow.cfg"]
