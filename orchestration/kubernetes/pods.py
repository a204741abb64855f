"""Under Airflow's KubernetesExecutor every task has a pod of its own: what its job file and its queue make of it.

Each task becomes a `pod_override`, which Airflow lays over the pod template. Under any other executor nothing is done,
and nothing is loaded: the client of Kubernetes takes longer to load than all DAG files.
"""

import importlib.util
import os
from pathlib import Path
from typing import Any

from airflow.sdk import DAG
from airflow.sdk.configuration import conf

from orchestration.credentials import TASKS
from pipeline.config import forecast_file
from pipeline.config.job import Job
from pipeline.config.resources_section import StageResources

# By this label NetworkPolicies tell the queues apart: deploy/kubernetes/network-policies.yaml.
QUEUE_LABEL = "scoring-queue"
# The store's own credentials; and what the tasks of a queue may know, of a queue that has connections.
STORE_SECRET, QUEUE_SECRET = "scoring-store", "scoring-{queue}"

# The container in which Airflow runs a task.
_CONTAINER = "base"


def place(dag: DAG, job: Job | None = None) -> None:
    """Give every task of a DAG the pod that it needs, where tasks have pods.

    Args:
        dag: the DAG, with all its tasks.
        job: whose DAG it is, where it is a job's.
    """
    if not wanted():
        return
    task: Any  # a mapped one has no common base with the others that says where its configuration is
    for task_id, task in dag.task_dict.items():
        config = {"pod_override": override(task_id, resources(task_id, job, Path(dag.fileloc).parent))}
        if task.is_mapped:
            task.partial_kwargs["executor_config"] = config
        else:
            task.executor_config = config


def wanted() -> bool:
    """Whether this process reads DAGs for a KubernetesExecutor: not within a pod, which runs one of their tasks."""
    return (
        "KubernetesExecutor" in conf.get("core", "executor", fallback="")
        and not os.environ.get("AIRFLOW_IS_K8S_EXECUTOR_POD")
        and importlib.util.find_spec("kubernetes") is not None
    )


def resources(task_id: str, job: Job | None, folder: Path) -> dict[str, dict[str, str]]:
    """What a task's container asks for, and what it may take, as Kubernetes writes it; empty where nobody says.

    What the job file names is both. A forecast may be wrong: so much is asked for, and no more is forbidden.

    Args:
        task_id: the task.
        job: whose task it is, where it is a job's.
        folder: where the job files lie.
    """
    if job is None:
        return {}
    limits = _quantities(job.resources.of(task_id))
    requests = dict(limits)
    if "memory" not in requests and task_id in forecast_file.TASKS:
        requests |= _quantities(
            StageResources.model_construct(memory_mb=forecast_file.peak_mb(folder, job.name))
        )
    return {kind: named for kind, named in (("requests", requests), ("limits", limits)) if named}


def override(task_id: str, resources: dict[str, dict[str, str]]) -> Any:
    """The pod of a task, as far as it differs from the pod template.

    A secret that is not there is passed over: the task then says itself which connection it lacks.

    Args:
        task_id: the task.
        resources: of its container; empty leaves what the pod template says.
    """
    from kubernetes.client import models as k8s

    need = TASKS[task_id]
    secrets = [STORE_SECRET, *([QUEUE_SECRET.format(queue=need.queue)] if need.connections else [])]
    return k8s.V1Pod(
        metadata=k8s.V1ObjectMeta(labels={QUEUE_LABEL: need.queue}),
        spec=k8s.V1PodSpec(
            containers=[
                k8s.V1Container(
                    name=_CONTAINER,
                    env_from=[
                        k8s.V1EnvFromSource(secret_ref=k8s.V1SecretEnvSource(name=name, optional=True))
                        for name in secrets
                    ],
                    resources=k8s.V1ResourceRequirements(**resources) if resources else None,
                )
            ]
        ),
    )


def _quantities(stage: StageResources) -> dict[str, str]:
    named = {
        "cpu": None if stage.cpu is None else f"{round(stage.cpu * 1000)}m",
        "memory": None if stage.memory_mb is None else f"{stage.memory_mb}M",
    }
    return {name: quantity for name, quantity in named.items() if quantity is not None}
