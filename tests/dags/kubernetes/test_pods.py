"""orchestration/kubernetes/pods.py: what becomes of a job's tasks under Airflow's KubernetesExecutor.

Airflow's own generator makes the pods here, of the pod template that deploy/kubernetes lays down.
"""

import json
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from airflow.serialization.serialized_objects import DagSerialization

from orchestration.credentials import TASKS
from tests.dags.bag import ROOT, load
from tests.home import Home

EXECUTOR = "AIRFLOW__CORE__EXECUTOR"
RESOURCES = """
[resources.extract]
cpu = 1.5
[resources.predict]
cpu = 4
memory_mb = 6000
"""


@pytest.fixture
def executor(monkeypatch: pytest.MonkeyPatch) -> None:
    """Airflow under its KubernetesExecutor."""
    pytest.importorskip(
        "airflow.providers.cncf.kubernetes.pod_generator",
        reason="apache-airflow-providers-cncf-kubernetes is not installed: requirements-dev.txt has it",
    )
    monkeypatch.setenv(EXECUTOR, "KubernetesExecutor")


@pytest.fixture
def tasks(executor: None, home: Home, job: str) -> Mapping[str, Any]:
    """The tasks of a job that says what two of them take."""
    path = home.path / "dags" / f"{job}.toml"
    path.write_text(path.read_text() + RESOURCES)
    bag = load(home)
    assert not bag.import_errors
    return bag.dags[job].task_dict


def pod_of(task: Any) -> dict[str, Any]:
    """The pod in which Airflow's KubernetesExecutor would run a task, as it would send it to Kubernetes."""
    from airflow.providers.cncf.kubernetes.pod_generator import PodGenerator
    from kubernetes.client import ApiClient
    from kubernetes.client import models as k8s

    template = k8s.V1Pod(
        metadata=k8s.V1ObjectMeta(labels={"component": "worker"}),
        spec=k8s.V1PodSpec(
            restart_policy="Never",
            containers=[
                k8s.V1Container(
                    name="base",
                    image="scoring",
                    env=[k8s.V1EnvVar(name="SCORING_TASKS", value="1")],
                    volume_mounts=[k8s.V1VolumeMount(name="tmp", mount_path="/tmp")],
                )
            ],
            volumes=[k8s.V1Volume(name="tmp", empty_dir=k8s.V1EmptyDirVolumeSource())],
        ),
    )
    pod = PodGenerator.construct_pod(
        dag_id="shop",
        task_id=task.task_id,
        pod_id=f"shop-{task.task_id}",
        try_number=1,
        kube_image="scoring",
        date=datetime(2013, 7, 1, tzinfo=UTC),
        args=["python", "-m", "airflow.sdk.execution_time.execute_workload"],
        pod_override_object=PodGenerator.from_obj(task.executor_config),
        base_worker_pod=template,
        namespace="scoring",
        scheduler_job_id="1",
    )
    return dict(ApiClient().sanitize_for_serialization(pod))


def test_a_pod_has_what_the_job_file_names_for_its_task(tasks: Mapping[str, Any]) -> None:
    asked = {name: pod_of(task)["spec"]["containers"][0].get("resources") for name, task in tasks.items()}
    assert asked == {
        **dict.fromkeys(tasks),
        "extract": {"requests": {"cpu": "1500m"}, "limits": {"cpu": "1500m"}},
        "predict": {
            "requests": {"cpu": "4000m", "memory": "6000M"},
            "limits": {"cpu": "4000m", "memory": "6000M"},
        },
    }


def test_a_pod_has_the_secrets_of_its_queue_and_no_others(tasks: Mapping[str, Any]) -> None:
    known = {}
    for name, task in tasks.items():
        pod = pod_of(task)
        queue = TASKS[name].queue
        assert pod["metadata"]["labels"]["scoring-queue"] == queue == task.queue
        secrets = [source["secretRef"]["name"] for source in pod["spec"]["containers"][0]["envFrom"]]
        known[queue] = secrets
    assert known == {
        "default": ["scoring-store", "scoring-default"],
        "model": ["scoring-store"],
        "approver": ["scoring-store", "scoring-approver"],
    }


def test_a_pod_keeps_what_the_template_says(tasks: Mapping[str, Any]) -> None:
    pod = pod_of(tasks["predict"])
    [container] = pod["spec"]["containers"]
    assert (container["name"], container["image"]) == ("base", "scoring")
    assert {"name": "SCORING_TASKS", "value": "1"} in container["env"]
    assert [mount["mountPath"] for mount in container["volumeMounts"]] == ["/tmp"]
    assert pod["metadata"]["labels"]["component"] == "worker"


def test_pods_are_what_kubernetes_takes(tasks: Mapping[str, Any]) -> None:
    kubernetes_validate = pytest.importorskip("kubernetes_validate", reason="it carries Kubernetes' schemas")
    for task in tasks.values():
        kubernetes_validate.validate(
            {"apiVersion": "v1", "kind": "Pod", **pod_of(task)},
            kubernetes_validate.latest_version(),
            strict=True,
        )


def test_memory_is_what_was_forecast_where_the_job_file_names_none(
    executor: None, home: Home, job: str
) -> None:
    (home.path / "dags" / f"{job}.forecast.json").write_text(json.dumps({"rows": 9, "peak_mb": 700}))
    tasks = load(home).dags[job].task_dict
    asked = {name: pod_of(task)["spec"]["containers"][0].get("resources") for name, task in tasks.items()}
    # A forecast kills nothing.
    forecast = {"requests": {"memory": "700M"}}
    assert asked == {**dict.fromkeys(tasks), "extract": forecast, "predict": forecast, "write": forecast}


def test_a_dag_is_stored_and_read_with_its_pods_and_is_the_same_version_again(
    executor: None, home: Home, job: str
) -> None:
    first, again = (DagSerialization.to_dict(load(home).dags[job]) for _ in range(2))
    assert json.dumps(first, sort_keys=True) == json.dumps(again, sort_keys=True)
    stored = DagSerialization.from_dict(json.loads(json.dumps(first))).get_task("predict")
    config = getattr(stored, "executor_config", None) or stored.partial_kwargs["executor_config"]
    assert config["pod_override"].metadata.labels == {"scoring-queue": "model"}


def test_the_dags_that_are_no_jobs_have_their_queues_too(executor: None, home: Home, job: str) -> None:
    for name in ("retention", "inspection"):
        (home.path / "dags" / f"{name}.py").write_bytes((ROOT / "dags" / f"{name}.py").read_bytes())
    bag = load(home)
    assert not bag.import_errors
    secrets = {
        dag_id: pod_of(task)["spec"]["containers"][0]["envFrom"][-1]["secretRef"]["name"]
        for dag_id in ("scoring-retention", "scoring-inspection")
        for task in bag.dags[dag_id].tasks
    }
    assert secrets == {"scoring-retention": "scoring-janitor", "scoring-inspection": "scoring-default"}


@pytest.mark.parametrize(
    "environment",
    [
        {EXECUTOR: "LocalExecutor"},
        {EXECUTOR: "CeleryExecutor"},
        # Within a pod, which reads its own DAG.
        {EXECUTOR: "KubernetesExecutor", "AIRFLOW_IS_K8S_EXECUTOR_POD": "True"},
    ],
)
def test_elsewhere_nothing_is_done(
    environment: dict[str, str], home: Home, job: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    path = home.path / "dags" / f"{job}.toml"
    path.write_text(path.read_text() + RESOURCES)
    tasks = load(home).dags[job].tasks
    assert [getattr(task, "executor_config", None) or {} for task in tasks] == [{}] * len(tasks)


@pytest.mark.parametrize("executor_name", ["LocalExecutor", "KubernetesExecutor"])
def test_dags_are_read_without_the_client_and_load_none(executor_name: str) -> None:
    """As where it is not installed; and where it is, no other executor waits for it to load."""
    program = f"""
import os, sys
os.environ[{EXECUTOR!r}] = {executor_name!r}
if {executor_name!r} == "KubernetesExecutor":
    sys.modules["kubernetes"] = None
    import importlib.util
    find = importlib.util.find_spec
    importlib.util.find_spec = lambda name, package=None: None if name == "kubernetes" else find(name, package)
import runpy
ran = runpy.run_path({str(ROOT / "dags" / "scoring.py")!r})
assert "flight_delay" in {{getattr(value, "dag_id", None) for value in ran.values()}}
assert not sys.modules.get("kubernetes")
"""
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True)
