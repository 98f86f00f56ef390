"""A real Prometheus in the cluster, which scrapes one operator and evaluates the product's rules."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import yaml

from platform_infra.cluster.local.images import load_image
from platform_infra.docker_client import connected, has_image
from platform_infra.monitoring.rules import groups
from tests.harness.eventually import eventually
from tests.harness.operator_deployment import SELECTOR
from tests.harness.sinks_in_cluster import is_rolled_out
from tools.localcluster.image.base import base_tag
from tools.localcluster.toolchain import ensure
from tools.localcluster.toolchain.sources.pins import version_of
from tools.platform.pulumi.environment import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from platform_infra.monitoring.rules import Limits
    from tests.harness.cluster import Cluster

FOLDER = Path(__file__).parent / "prometheus"
PAGE = ROOT / "docs" / "monitoring.md"
"""Contains the scrape configuration that this one is derived from."""
SCRAPE_SECONDS = 1
RUNBOOKS = "https://runbooks.example.com"


@dataclass(frozen=True, slots=True, kw_only=True)
class Prometheus:
    """A Prometheus that is ready. Times are seconds since 1970."""

    cluster: Cluster
    namespace: str

    def firing(self) -> set[tuple[str, str]]:
        """Return the firing alerts as name and channel; the channel is empty for alerts without one."""
        alerts = self._ask("alerts")["alerts"]
        return {
            (alert["labels"]["alertname"], alert["labels"].get("channel", ""))
            for alert in alerts
            if alert["state"] == "firing"
        }

    def alerts(self, name: str) -> list[dict[str, Any]]:
        """Return the pending and firing alerts of a name, with labels and annotations."""
        return [alert for alert in self._ask("alerts")["alerts"] if alert["labels"]["alertname"] == name]

    def rules(self) -> list[dict[str, Any]]:
        """Return the loaded rules, each with its `health`."""
        return [rule for group in self._ask("rules")["groups"] for rule in group["rules"]]

    def value(self, expression: str) -> float | None:
        """Return the current value of an expression, if it has one."""
        result = self._ask("query", query=expression)["result"]
        return float(result[0]["value"][1]) if result else None

    def over(self, expression: str, start: float, end: float) -> list[dict[str, Any]]:
        """Return an expression over time: series with `metric` (labels) and `values`."""
        options = {"query": expression, "start": start, "end": end, "step": SCRAPE_SECONDS}
        series: list[dict[str, Any]] = self._ask("query_range", **options)["result"]
        return series

    def _ask(self, what: str, **query: object) -> Any:
        base = f"/api/v1/namespaces/{self.namespace}/services/prometheus:9090/proxy/api/v1"
        path = f"{base}/{what}?{urlencode(query)}"
        # Its Service has no endpoint while it misses a probe, as on a machine without a free processor.
        answer = eventually(
            lambda: self.cluster.send("GET", path),
            lambda answer: answer.status != HTTPStatus.SERVICE_UNAVAILABLE,
            every=0.5,
        )
        document = json.loads(answer.data)
        assert document["status"] == "success", document
        return document["data"]


@contextmanager
def prometheus(cluster: Cluster, container: str, operator: str, limits: Limits) -> Iterator[Prometheus]:
    """Start one for the operator in that namespace, with the alert rules for these limits."""
    load_image(container, _image())
    home = cluster.create_namespace({})
    filled = (FOLDER / "manifests.yaml").read_text("utf-8").replace("IMAGE", _tag())
    documents = list(yaml.safe_load_all(filled.replace("HOME", home)))
    try:
        for document in (_configuration(cluster, home, operator, limits), *documents):
            cluster.apply(document)
        eventually(lambda: cluster.deployment(home, "prometheus"), is_rolled_out, within=60, every=0.2)
        yield Prometheus(cluster=cluster, namespace=home)
    finally:
        cluster.core.delete_namespace(home)


def _tag() -> str:
    return f"notification-platform/prometheus:{version_of('prometheus')}-{base_tag().rpartition(':')[2]}"


def _image() -> str:
    """Build the image if it is missing, and return its name."""
    with connected() as client:
        if has_image(client, _tag()):
            return _tag()
    program = ensure(["prometheus"]).program("prometheus")
    with tempfile.TemporaryDirectory(prefix="prometheus-") as context:
        shutil.copy(FOLDER / "Dockerfile", context)
        shutil.copy(program, Path(context) / "prometheus")
        build = ["docker", "build", "--quiet", "--tag", _tag(), "--build-arg", f"BASE={base_tag()}", context]
        done = subprocess.run(build, check=False, capture_output=True, text=True)
    assert done.returncode == 0, f"{' '.join(build)}: {done.stdout}{done.stderr}"
    return _tag()


def _pods(cluster: Cluster, operator: str) -> list[Any]:
    return list(cluster.core.list_namespaced_pod(operator, label_selector=SELECTOR).items)


def _discovered(pod: Any) -> dict[str, Any]:
    """Return a pod as the Kubernetes service discovery presents it, with its annotations in the cluster."""
    prefix = "__meta_kubernetes"
    labels = {
        f"{prefix}_namespace": pod.metadata.namespace,
        f"{prefix}_pod_name": pod.metadata.name,
        f"{prefix}_pod_ip": pod.status.pod_ip,
    }
    for name, value in (pod.metadata.annotations or {}).items():
        labels[f"{prefix}_pod_annotation_{re.sub(r'[^a-zA-Z0-9_]', '_', name)}"] = value
    return {"targets": [pod.status.pod_ip], "labels": labels}


def _configuration(cluster: Cluster, home: str, operator: str, limits: Limits) -> dict[str, Any]:
    """Return the ConfigMap: the documented scrape configuration for one namespace, and the rules."""
    pace = f"{SCRAPE_SECONDS}s"
    content: dict[str, Any] = {
        "global": {"scrape_interval": pace, "scrape_timeout": pace, "evaluation_interval": pace},
        "rule_files": ["/etc/prometheus/rules.yml"],
        **documented(),
    }
    (job,) = content["scrape_configs"]
    # Debian builds Prometheus without the Kubernetes service discovery; its result is configured instead.
    assert job.pop("kubernetes_sd_configs") == [{"role": "pod"}]
    job["static_configs"] = [_discovered(pod) for pod in _pods(cluster, operator)]
    rules = {"groups": groups(operator, limits, RUNBOOKS)}
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "prometheus", "namespace": home},
        "data": {"prometheus.yml": yaml.safe_dump(content), "rules.yml": yaml.safe_dump(rules)},
    }


def documented() -> dict[str, Any]:
    """Return the scrape configuration in the documentation."""
    blocks = re.findall(r"^```yaml\n(.*?)^```", PAGE.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    (configuration,) = [block for block in map(yaml.safe_load, blocks) if "scrape_configs" in block]
    return dict(configuration)
