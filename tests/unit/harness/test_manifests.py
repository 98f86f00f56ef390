"""The manifests of sink and fault proxy match their clients, and pass the restricted Pod Security Standard."""

from typing import Any

import yaml

from tests.harness.faultproxy import __main__ as proxy
from tests.harness.node_container import PROXY_PORT, SINK_PORT
from tests.harness.operators import PROXY_HOST, SINK
from tests.harness.operators import PROXY_PORT as API_PORT
from tests.harness.sink import __main__ as sink
from tests.harness.sinks_in_cluster import CERTIFICATE, MANIFESTS, NAMES, NAMESPACE

OBJECTS: list[dict[str, Any]] = list(yaml.safe_load_all(MANIFESTS.read_text("utf-8")))


def manifest(kind: str, name: str) -> dict[str, Any]:
    (one,) = (obj for obj in OBJECTS if (obj["kind"], obj["metadata"]["name"]) == (kind, name))
    return one


def container(name: str) -> dict[str, Any]:
    (one,) = manifest("Deployment", name)["spec"]["template"]["spec"]["containers"]
    assert isinstance(one, dict)
    return one


def port_of(service: str) -> dict[str, Any]:
    """Return a Service's port with `process`, the port of the process behind it."""
    spec = manifest("Service", service)["spec"]
    (port,) = spec["ports"]
    ports = {one["name"]: one["containerPort"] for one in container(spec["selector"]["app"])["ports"]}
    return {**port, "process": ports[port["targetPort"]]}


def test_services_are_where_tests_and_operators_expect_them() -> None:
    assert (port_of("sink")["nodePort"], port_of("proxy-control")["nodePort"]) == (SINK_PORT, PROXY_PORT)
    assert SINK.rpartition(":")[2] == str(port_of("sink")["port"])
    assert f"proxy.{NAMESPACE}.svc" == PROXY_HOST
    assert f"DNS:{PROXY_HOST}" in NAMES
    assert port_of("proxy")["port"] == API_PORT


def test_processes_listen_on_the_ports_of_their_services() -> None:
    assert port_of("sink")["process"] == sink.PORT
    assert port_of("proxy")["process"] == proxy.PLACE.api_port
    assert port_of("proxy-control")["process"] == proxy.PLACE.control_port
    for name in ("sink", "proxy"):
        assert container(name)["image"] == "IMAGE"


def test_proxy_certificate_is_mounted_where_it_is_read() -> None:
    (volume,) = manifest("Deployment", "proxy")["spec"]["template"]["spec"]["volumes"]
    (mount,) = container("proxy")["volumeMounts"]
    assert volume["secret"]["secretName"] == CERTIFICATE
    assert (mount["name"], mount["mountPath"]) == (volume["name"], str(proxy.FILES))


def test_pods_meet_the_restricted_standard_without_credentials() -> None:
    assert manifest("Namespace", NAMESPACE)["metadata"]["labels"] == {
        "pod-security.kubernetes.io/enforce": "restricted"
    }
    for name in ("sink", "proxy"):
        pod = manifest("Deployment", name)["spec"]["template"]["spec"]
        assert pod["automountServiceAccountToken"] is False
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        security = container(name)["securityContext"]
        assert security["allowPrivilegeEscalation"] is False
        assert security["readOnlyRootFilesystem"] is True
        assert security["capabilities"] == {"drop": ["ALL"]}
