"""The pods of sink and fault proxy match their clients, and pass the restricted Pod Security Standard."""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml

from tests.harness import deploy
from tests.harness.authority import Authority
from tests.harness.counterparts import HOST, MAIL_PORTS
from tests.harness.faultproxy import __main__ as proxy
from tests.harness.node_container import PROXY_PORT, SINK_PORT
from tests.harness.operators import PROXY_HOST, SINK
from tests.harness.operators import PROXY_PORT as API_PORT
from tests.harness.sink import __main__ as sink
from tests.harness.sink.app import Sink
from tests.harness.sink.smtp import Encryption
from tests.harness.sinks_in_cluster import (
    CERTIFICATES,
    MANIFESTS,
    NAMESPACE,
    PROXY_CERTIFICATE,
    SINK_CERTIFICATE,
)

OBJECTS: list[dict[str, Any]] = list(yaml.safe_load_all(MANIFESTS.read_text("utf-8")))


def manifest(kind: str, name: str) -> dict[str, Any]:
    (one,) = (obj for obj in OBJECTS if (obj["kind"], obj["metadata"]["name"]) == (kind, name))
    return one


def container(name: str) -> dict[str, Any]:
    (one,) = manifest("Deployment", name)["spec"]["template"]["spec"]["containers"]
    assert isinstance(one, dict)
    return one


def ports_of(service: str) -> dict[int, dict[str, Any]]:
    """Return a Service's ports by number, each with `process`, the port of the process behind it."""
    spec = manifest("Service", service)["spec"]
    ports = {one["name"]: one["containerPort"] for one in container(spec["selector"]["app"])["ports"]}
    return {port["port"]: {**port, "process": ports[port["targetPort"]]} for port in spec["ports"]}


def port_of(service: str) -> dict[str, Any]:
    """Return the only port of a Service."""
    (port,) = ports_of(service).values()
    return port


def test_services_are_where_tests_and_operators_expect_them() -> None:
    assert (port_of("sink")["nodePort"], port_of("proxy-control")["nodePort"]) == (SINK_PORT, PROXY_PORT)
    assert SINK.rpartition(":")[2] == str(port_of("sink")["port"])
    assert f"proxy.{NAMESPACE}.svc" == PROXY_HOST
    assert f"DNS:{PROXY_HOST}" in CERTIFICATES[PROXY_CERTIFICATE]
    assert f"counterparts.{NAMESPACE}.svc" == HOST
    assert f"DNS:{HOST}" in CERTIFICATES[SINK_CERTIFICATE]
    assert port_of("proxy")["port"] == API_PORT


def test_processes_listen_on_the_ports_of_their_services() -> None:
    assert port_of("sink")["process"] == sink.PORT
    assert port_of("proxy")["process"] == proxy.PLACE.api_port
    assert port_of("proxy-control")["process"] == proxy.PLACE.control_port
    for name in ("sink", "proxy"):
        assert container(name)["image"] == "IMAGE"
    services = {port: entry["process"] for port, entry in ports_of("counterparts").items()}
    mail = {MAIL_PORTS[each]: sink.MAIL_PORTS[each] for each in Encryption}
    assert services == {443: sink.TLS_PORT, **mail}


@pytest.mark.parametrize(
    ("name", "secret", "files"),
    [("proxy", PROXY_CERTIFICATE, proxy.FILES), ("sink", SINK_CERTIFICATE, sink.FILES)],
)
def test_certificate_is_mounted_where_it_is_read(name: str, secret: str, files: Path) -> None:
    (volume,) = manifest("Deployment", name)["spec"]["template"]["spec"]["volumes"]
    (mount,) = container(name)["volumeMounts"]
    assert volume["secret"]["secretName"] == secret
    assert (mount["name"], mount["mountPath"]) == (volume["name"], str(files))


async def test_certificate_of_a_client_is_asked_for_and_named(tmp_path: Path) -> None:
    authority, server = Authority(tmp_path), Sink()
    issued = authority.issue("sink")
    for name, file in {"tls.crt": issued.certificate, "tls.key": issued.key}.items():
        shutil.copy(file, tmp_path / name)
    await server.start("127.0.0.1", 0)
    port = await server.start_on("127.0.0.1", 0, sink.identity(tmp_path))
    client = authority.issue("operator")
    named = authority.trust()
    named.load_cert_chain(client.certificate, client.key)
    async with aiohttp.ClientSession() as session:
        for context in (authority.trust(), named):
            async with session.post(
                f"https://127.0.0.1:{port}/at/a/webhook", data="x", ssl=context
            ) as answer:
                assert answer.status == 200
        async with session.get(f"https://127.0.0.1:{port}/hits/a", ssl=named) as answer:
            hits = await answer.json()
    assert [hit["client"] for hit in hits] == ["", "operator"]
    await server.stop()


def test_image_gets_the_mail_server_and_everything_of_the_sink(tmp_path: Path) -> None:
    deploy.stage(tmp_path)
    command = [sys.executable, "-c", "import aiosmtpd, public; print(aiosmtpd.__file__, public.__file__)"]
    environment = {"PYTHONPATH": str(tmp_path / "libraries")}
    output = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    assert output.count(str(tmp_path)) == 2
    for file in (Path(sink.__file__).parent).rglob("*.py"):
        assert (tmp_path / file.relative_to(Path(deploy.__file__).parent)).is_file()


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
