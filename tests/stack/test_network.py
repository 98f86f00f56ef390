"""A node that enforces network policies and queues requests by priority: what reaches operator and gateway, and what they reach."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import urllib3
from prometheus_client.parser import text_string_to_metric_families

from notification_contract.names import API_VERSION, SOURCES_SECRET_LABEL
from platform_infra import names
from tests.harness.eventually import eventually, steadily
from tests.harness.gateway import SELECTOR as GATEWAY_PODS
from tests.harness.notifications import notification
from tests.harness.operator_deployment import HEALTH, METRICS, OperatorDeployment
from tests.harness.own_stack import OwnStack, own_stack

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [
    pytest.mark.long,
    pytest.mark.alone,
    pytest.mark.needs_pod,
    pytest.mark.timeout(400, func_only=True),
]

HOME = "notification-system"
ALLOWED, OTHER = "receivers", "elsewhere"
"""Namespaces with a pod each. The operator may reach the first one's, which may scrape operator and gateway. The other one's
may send to the gateway."""
LISTED, UNLISTED = 8443, 9000
"""A port of networkEgressPorts, and another. Every pod listens on both."""
DNS_NAME = "kubernetes.default.svc"
SERVICE_PORT = 80
TOKEN = "s3cret-of-a-sender"

LISTEN = """
import http.server, threading
for port in (8443, 9000):
    server = http.server.ThreadingHTTPServer(("", port), http.server.SimpleHTTPRequestHandler)
    threading.Thread(target=server.serve_forever).start()
"""
CONNECT = """
import socket, sys
try:
    socket.create_connection((sys.argv[1], int(sys.argv[2])), 2).close()
except OSError:
    print("denied")
else:
    print("reached")
"""
SEND = """
import sys, urllib.request
headers = {"Authorization": "Bearer " + sys.argv[2]}
print(urllib.request.urlopen(urllib.request.Request(sys.argv[1], b"{}", headers), timeout=20).status)
"""
RESOLVE = "import socket, sys; socket.getaddrinfo(sys.argv[1], 443); print('resolved')"


@dataclass(frozen=True, slots=True)
class PodAddress:
    """A pod of the test, of the operator or of the gateway; or a Service."""

    namespace: str
    name: str
    ip: str


class Network:
    """Operator and gateway, two other pods, and what one can reach from another."""

    def __init__(self, stack: OwnStack) -> None:
        self.stack = stack
        self.allowed, self.other = (self._listener(namespace) for namespace in (ALLOWED, OTHER))
        self.operator_workload = OperatorDeployment(cluster=stack.cluster, node=stack.node, namespace=HOME)

    @property
    def operator(self) -> PodAddress:
        pod = self.operator_workload.pod
        return self._address(pod.namespace, pod.name)

    @property
    def gateway(self) -> PodAddress:
        """A pod of the gateway."""
        pod = self.stack.cluster.pods(HOME, GATEWAY_PODS)[0]
        return self._address(pod.namespace, pod.name)

    @property
    def service(self) -> PodAddress:
        """The gateway's Service."""
        service = self.stack.cluster.core.read_namespaced_service(names.GATEWAY, HOME)
        return PodAddress(HOME, names.GATEWAY, service.spec.cluster_ip)

    @property
    def node_ip(self) -> str:
        (node,) = self.stack.cluster.core.list_node().items
        return next(entry.address for entry in node.status.addresses if entry.type == "InternalIP")

    def reaches(self, source: PodAddress, target: PodAddress, port: int) -> bool:
        """Return whether a pod can open a connection to a port of another."""
        result = self._run(source, CONNECT, target.ip, str(port))
        assert result in {"reached", "denied"}, result
        return result == "reached"

    def resolves(self, source: PodAddress) -> bool:
        """Return whether a pod resolves the name of the API server's Service."""
        return self._run(source, RESOLVE, DNS_NAME) == "resolved"

    def sends(self, source: PodAddress, path: str) -> str:
        """Send a message from a pod to the Service by its name, and return the status of the answer."""
        return self._run(source, SEND, f"http://{names.GATEWAY}.{HOME}.svc{path}", TOKEN)

    def _run(self, pod: PodAddress, program: str, *arguments: str) -> str:
        """Run a Python program in a pod, and return its output."""
        kubectl = ("kubectl", "--kubeconfig=/etc/kubernetes/admin.conf", f"--namespace={pod.namespace}")
        command = (*kubectl, "exec", pod.name, "--", "python3", "-c", program, *arguments)
        return self.stack.node.run(f"{shlex.join(command)} 2>&1 || true").strip()

    def _listener(self, namespace: str) -> PodAddress:
        self.stack.cluster.core.create_namespace({"metadata": {"name": namespace}})
        container = {
            "name": "listener",
            "image": self.stack.outputs["image"],
            "imagePullPolicy": "Never",
            "command": ["python3", "-c", LISTEN],
            "workingDir": "/tmp",
            "readinessProbe": {"tcpSocket": {"port": LISTED}, "periodSeconds": 1},
        }
        pod = {"metadata": {"name": "listener"}, "spec": {"containers": [container]}}
        self.stack.cluster.core.create_namespaced_pod(namespace, pod)
        eventually(lambda: self._address(namespace, "listener").ip, bool, within=30)
        return self._address(namespace, "listener")

    def _address(self, namespace: str, name: str) -> PodAddress:
        pod = self.stack.cluster.core.read_namespaced_pod(name, namespace)
        ready = any(entry.ready for entry in pod.status.container_statuses or ())
        return PodAddress(namespace, name, pod.status.pod_ip if ready else "")


@pytest.fixture(scope="module")
def network() -> Iterator[Network]:
    """A stack whose network policies permit one receiver, one namespace that scrapes, one that sends, and the API server."""
    with own_stack(
        clusterLocalNetworkPolicy=True,
        clusterLocalPriorityAndFairness=True,
        gatewayEnabled=True,
        networkEgressPorts=[443, 6443, LISTED],
        monitoringMode="none",
    ) as stack:
        created = Network(stack)
        assert created.reaches(created.operator, created.other, LISTED), "the default permits every address"
        assert not created.reaches(created.operator, created.other, UNLISTED), "the default limits ports"
        assert created.reaches(created.allowed, created.service, SERVICE_PORT), "the default admits everyone"
        settings = {
            "networkApiServerCidrs": ["10.96.0.1/32", f"{created.node_ip}/32"],
            "networkReceiverCidrs": [f"{created.allowed.ip}/32"],
            "networkDnsCidrs": [f"{created.node_ip}/32"],
            "networkScrapeNamespaceLabels": {"kubernetes.io/metadata.name": ALLOWED},
            "gatewayAllowedNamespaceLabels": {"kubernetes.io/metadata.name": OTHER},
        }
        assert stack.update(**settings)
        assert not stack.update(**settings), "a second update changes nothing"
        yield created


def test_egress_to_an_unlisted_address_is_denied(network: Network) -> None:
    def reached() -> tuple[bool, bool]:
        return (
            network.reaches(network.operator, network.allowed, LISTED),
            network.reaches(network.operator, network.other, LISTED),
        )

    eventually(reached, lambda result: result == (True, False), within=20)
    steadily(reached, lambda result: result == (True, False), during=3)
    assert network.reaches(network.other, network.allowed, LISTED), "other pods are not limited"


def test_egress_to_an_unlisted_port_is_denied(network: Network) -> None:
    assert network.reaches(network.operator, network.allowed, LISTED)
    assert not network.reaches(network.operator, network.allowed, UNLISTED)


def test_scrapes_are_denied_outside_of_the_selected_namespace(network: Network) -> None:
    eventually(
        lambda: network.reaches(network.other, network.operator, METRICS), lambda yes: not yes, within=20
    )
    assert network.reaches(network.allowed, network.operator, METRICS)
    assert network.reaches(network.other, network.operator, HEALTH), "probes are not limited"


def test_operator_delivers_within_its_network_policy(network: Network) -> None:
    assert network.resolves(network.operator)
    network.operator_workload.restart()
    obj = notification("default")
    network.stack.cluster.create(obj)
    network.stack.cluster.phase("default", obj["metadata"]["name"], "Sent", within=20)


def test_gateway_is_reached_from_the_selected_namespaces_alone(network: Network) -> None:
    def reached() -> tuple[bool, bool]:
        return (
            network.reaches(network.other, network.service, SERVICE_PORT),
            network.reaches(network.allowed, network.service, SERVICE_PORT),
        )

    eventually(reached, lambda result: result == (True, False), within=20)
    steadily(reached, lambda result: result == (True, False), during=3)
    pod = network.gateway
    assert network.reaches(network.allowed, pod, METRICS)
    assert not network.reaches(network.other, pod, METRICS), "who sends does not scrape"
    assert network.reaches(network.other, pod, HEALTH), "probes are not limited"
    assert not network.reaches(pod, network.allowed, LISTED), "it reaches the API server, and no receiver"


def test_gateway_stores_messages_within_its_network_policy(network: Network) -> None:
    cluster = network.stack.cluster
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "ci", "namespace": HOME, "labels": {SOURCES_SECRET_LABEL: "true"}},
        "stringData": {"token": TOKEN},
    }
    cluster.apply(secret)
    source = {
        "apiVersion": API_VERSION,
        "kind": "NotificationSource",
        "metadata": {"name": "ci", "namespace": HOME},
        "spec": {"type": "generic", "auth": {"bearerSecretRef": {"name": "ci"}}},
    }
    cluster.apply(source)
    eventually(lambda: network.sends(network.other, "/hook/ci"), lambda status: status == "202", within=20)
    (stored,) = cluster.all(HOME)
    cluster.phase(HOME, stored["metadata"]["name"], "Sent", within=20)


@pytest.mark.parametrize(
    ("part", "verb", "path"),
    [
        ("leases", "GET", f"/apis/coordination.k8s.io/v1/namespaces/{HOME}/leases"),
        ("status", "PUT", f"/apis/{names.GROUP}/v1alpha1/namespaces/default/{names.PLURAL}/none/status"),
    ],
    ids=["leases", "status"],
)
def test_request_of_the_operator_matches_its_flow_schema(
    network: Network, part: str, verb: str, path: str
) -> None:
    cluster, name = network.stack.cluster, f"{names.cluster_scoped(HOME)}.{part}"
    schema = cluster.request("GET", f"/apis/flowcontrol.apiserver.k8s.io/v1/flowschemas/{name}")
    level = cluster.request(
        "GET",
        "/apis/flowcontrol.apiserver.k8s.io/v1/prioritylevelconfigurations/"
        + schema["spec"]["priorityLevelConfiguration"]["name"],
    )
    response = _as_operator(network, verb, path)
    assert response.headers["X-Kubernetes-PF-FlowSchema-UID"] == schema["metadata"]["uid"]
    assert response.headers["X-Kubernetes-PF-PriorityLevel-UID"] == level["metadata"]["uid"]
    other = _as_operator(network, "GET", "/api/v1/namespaces/default/pods")
    assert other.headers["X-Kubernetes-PF-FlowSchema-UID"] != schema["metadata"]["uid"]
    assert _dispatched(network, name) > 0, "the operator's own requests match it as well"


def _as_operator(network: Network, verb: str, path: str) -> Any:
    """Send a request with a token of the operator's service account."""
    cluster = network.stack.cluster
    account = f"/api/v1/namespaces/{HOME}/serviceaccounts/{names.OPERATOR}/token"
    body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"audiences": []}}
    token = cluster.request("POST", account, body)["status"]["token"]
    configuration = cluster.api.configuration
    # Without the client certificate of the cluster's administrator, which would count before the token.
    with urllib3.PoolManager(ca_certs=configuration.ssl_ca_cert, retries=False) as pool:
        return pool.request(
            verb,
            configuration.host + path,
            body=b"{}" if verb == "PUT" else None,
            headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
        )


def _dispatched(network: Network, schema: str) -> float:
    """Return how many requests of a FlowSchema the API server has executed."""
    page = network.stack.cluster.text("GET", "/metrics")
    return sum(
        sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
        if sample.name == "apiserver_flowcontrol_dispatched_requests_total"
        and sample.labels["flow_schema"] == schema
    )
