"""What deploy/kubernetes lays down, as plain values; and Airflow's chart as Helm renders it with our values."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import pytest
import yaml

from tests.compose_file import ROOT

FOLDER = ROOT / "deploy" / "kubernetes"
VARIANTS = {
    "kubernetes": ("values.yaml", "values-kubernetes.yaml"),
    "celery": ("values.yaml", "values-celery.yaml"),
    "git-sync": ("values.yaml", "values-kubernetes.yaml", "values-git-sync.yaml"),
    "remote-logs": ("values.yaml", "values-celery.yaml", "values-remote-logs.yaml"),
}
# Where the archive of the chart lies, such as `helm pull apache-airflow/airflow --version 1.22.0` leaves it.
CHART = "AIRFLOW_CHART"


@dataclass(frozen=True)
class Pod:
    """A pod that an object makes.

    Attributes:
        owner: kind and name of the object.
        labels: by which policies find it.
        spec: what Kubernetes is told of it.
    """

    owner: str
    labels: Mapping[str, str]
    spec: Mapping[str, Any]

    @property
    def containers(self) -> list[Mapping[str, Any]]:
        """Its containers, also those that run before the others."""
        return [*(self.spec.get("initContainers") or ()), *self.spec["containers"]]


@cache
def objects(pattern: str = "**/*.yaml") -> tuple[Mapping[str, Any], ...]:
    """The objects of our own manifests; Kustomize's and Helm's files are none."""
    files = [path for path in sorted(FOLDER.glob(pattern)) if path.parent.name != "airflow"]
    documents = [document for path in files for document in yaml.safe_load_all(path.read_text())]
    return tuple(document for document in documents if document["kind"] != "Kustomization")


def values(variant: str) -> dict[str, Any]:
    """The values of a variant, its files laid over one another as Helm does."""
    merged: dict[str, Any] = {}
    for file in VARIANTS[variant]:
        _lay_over(merged, yaml.safe_load((FOLDER / "airflow" / file).read_text()))
    return merged


@cache
def rendered(variant: str) -> tuple[Mapping[str, Any], ...]:
    """The objects of Airflow's chart; skips where the chart or Helm is not on this machine."""
    helm = pytest.importorskip("helm_python", reason="Helm is not installed: pip install helm-python-sdk")
    if not (archive := os.environ.get(CHART)):
        pytest.skip(f"{CHART} names no chart: helm pull apache-airflow/airflow --version 1.22.0")
    chart = helm.Chart.load(archive)
    assert chart.version == "1.22.0"
    chart.validate_schema(values(variant))
    texts = chart.render(values(variant), name="airflow", namespace="scoring")
    return tuple(
        document
        for path, text in texts.items()
        if path.endswith(".yaml")
        for document in yaml.safe_load_all(text)
        if document
    )


def pods(documents: Any) -> Iterator[Pod]:
    """The pods that objects make."""
    for document in documents:
        template = document.get("spec", {})
        if document["kind"] == "CronJob":
            template = template["jobTemplate"]["spec"]
        if "template" in template:
            template = template["template"]
            yield Pod(
                f"{document['kind']} {document['metadata']['name']}",
                template["metadata"]["labels"],
                template["spec"],
            )


def secret_keys(name: str) -> set[str]:
    """The keys of a secret, as the example has it."""
    [secret] = [each for each in objects("secrets.example.yaml") if each["metadata"]["name"] == name]
    return set(secret["stringData"])


def _lay_over(below: dict[str, Any], above: Mapping[str, Any]) -> None:
    for key, value in above.items():
        if isinstance(value, dict) and isinstance(below.get(key), dict):
            _lay_over(below[key], value)
        else:
            below[key] = value
