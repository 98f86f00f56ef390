"""The gateway of a stack on a real API server: it accepts the objects, and the account may do what the gateway does."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from kubernetes.aio.client import ApiClient, Configuration
from kubernetes.aio.config import load_kube_config

from notification_contract.settings.gateway import Gateway, GatewaySettings
from notification_contract.settings.telemetry import Server
from notification_contract.sources.path_token import path_token
from notification_gateway.app import App
from platform_infra import names
from tests.api_server.conftest import NAMESPACE, objects
from tests.api_server.gateway.conftest import SOURCES
from tests.api_server.gateway.place import KEY
from tests.api_server.gateway.test_service import HOST, send, source
from tests.api_server.test_drills import whole
from tests.harness.eventually import eventually
from tests.kit.kubeconfig import kubeconfig
from tests.kit.recording import record_bundle
from tests.unit.operator.kube_api import until

if TYPE_CHECKING:
    from pathlib import Path

    from tests.api_server.conftest import ApiServer

pytestmark = pytest.mark.xdist_group("api-server")
ON = {
    "gatewayEnabled": "true",
    "gatewaySecrets": '["hook"]',
    "gatewayHost": "hooks.example.com",
    "gatewayTlsSecret": "hooks-tls",
    "gatewayIngressAnnotations": '{"example.com/permitted": "192.0.2.0/24"}',
    "gatewayAllowedCidrs": '["192.0.2.0/24"]',
    "placementZoneSpread": "preferred",
}
PATHS = {
    "Deployment": "apis/apps/v1",
    "Ingress": "apis/networking.k8s.io/v1",
    "NetworkPolicy": "apis/networking.k8s.io/v1",
    "PodDisruptionBudget": "apis/policy/v1",
    "Service": "api/v1",
}
DRY_RUN = "dryRun=All&fieldValidation=Strict"


def plural(kind: str) -> str:
    return {"Ingress": "ingresses", "NetworkPolicy": "networkpolicies"}.get(kind, f"{kind.lower()}s")


def test_objects_and_pods_are_accepted_in_the_restricted_namespace(api_server: ApiServer) -> None:
    recording = record_bundle(None, monitoringMode="none", **ON)
    for kind, api in PATHS.items():
        (inputs,) = [e.inputs for e in recording.of(kind) if e.parent.endswith("::platform-gateway")]
        path = f"/{api}/namespaces/{NAMESPACE}/{plural(kind)}?{DRY_RUN}"
        answer = api_server.send("POST", path, whole(inputs))
        assert answer.code == 201, answer
        if kind == "Deployment":
            template = whole(inputs)["spec"]["template"]
    pod = {"apiVersion": "v1", "kind": "Pod", **template}
    pod["metadata"] = {**template["metadata"], "name": "gateway"}
    pod["spec"] = {**template["spec"], "serviceAccountName": "default"}
    accounts = f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts"
    assert api_server.send("POST", accounts, {"metadata": {"name": "default"}}).code in {201, 409}
    answer = api_server.send("POST", f"/api/v1/namespaces/{NAMESPACE}/pods?{DRY_RUN}", pod)
    assert answer.code == 201, answer


@pytest.fixture(scope="module")
def account(sources: ApiServer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The kubeconfig of the gateway's account, with the permissions of a stack."""
    for obj in objects(**ON):
        if obj["metadata"]["labels"].get("app.kubernetes.io/name") == names.GATEWAY:
            sources.apply(obj)
    request = f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts/{names.GATEWAY}/token"
    token = sources.send("POST", request, {"spec": {}}).document["status"]["token"]
    user = f"system:serviceaccount:{NAMESPACE}:{names.GATEWAY}"

    def lists_sources() -> bool:
        # A path that is not served yet has a plain page.
        with contextlib.suppress(json.JSONDecodeError):
            return sources.send("GET", SOURCES, user=user).code == 200
        return False

    eventually(lists_sources, bool, within=30)
    cluster = yaml.safe_load(sources.cluster.kubeconfig.read_text("utf-8"))["clusters"][0]["cluster"]
    file = tmp_path_factory.mktemp("gateway") / "kubeconfig"
    file.write_text(kubeconfig(cluster, {"token": token}, name="gateway", namespace=NAMESPACE), "utf-8")
    return file


@pytest.mark.usefixtures("hook")
async def test_gateway_works_with_the_permissions_of_a_stack(
    api_server: ApiServer, account: Path, tmp_path: Path
) -> None:
    (tmp_path / "key").write_text(KEY, "utf-8")
    assert api_server.send("POST", SOURCES, source("deployed")).code == 201
    assert api_server.send("POST", SOURCES, source("deployed-url", auth={"path": True})).code == 201
    namespace = api_server.namespace()
    accounts = f"/api/v1/namespaces/{namespace}/serviceaccounts"
    assert api_server.send("POST", accounts, {"metadata": {"name": "ci"}}).code == 201
    sender = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "notifications-sender"}
    subject = {"kind": "ServiceAccount", "name": "ci", "namespace": namespace}
    bindings = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}/rolebindings"
    binding = {"metadata": {"name": "ci"}, "roleRef": sender, "subjects": [subject]}
    assert api_server.send("POST", bindings, binding).code == 201
    made = api_server.send("POST", f"{accounts}/ci/token", {"spec": {"audiences": ["notifications"]}})
    token = str(made.document["status"]["token"])

    configuration = Configuration()
    await load_kube_config(str(account), client_configuration=configuration)
    configuration.retries = None
    configuration.connection_pool_maxsize = 0
    gateway = Gateway(host=HOST, port=0, status_interval_seconds=0.1, path_keys_directory=str(tmp_path))
    settings = GatewaySettings(gateway=gateway, server=Server(host=HOST, health_port=0, metrics_port=0))
    async with ApiClient(configuration) as client:
        async with App(settings, client=client, watching=client, home=NAMESPACE, replica="deployed-0") as app:
            await until(lambda: app.sources.known, "sources")
            assert (await send(app, "/hook/deployed", token="s3cret-of-a-sender", json={"a": 1}))[0] == 202
            uid = api_server.send("GET", f"{SOURCES}/deployed-url").document["metadata"]["uid"]
            url = f"/hook/deployed-url/{path_token(KEY.encode(), uid)}"
            assert (await send(app, url, token="none", json={"a": 1}))[0] == 202
            spec: dict[str, Any] = {"type": "simple", "subject": "a", "body": "b"}
            status, created = await send(
                app, f"/v1/namespaces/{namespace}/notifications", token=token, json=spec
            )
            assert status == 201, created
            assert (await send(app, created["href"], token=token, method="GET"))[0] == 200

            def received() -> int:
                document = api_server.send("GET", f"{SOURCES}/deployed").document
                return int(document.get("status", {}).get("received", 0))

            await until(lambda: received() == 1, "status")
            await until(lambda: "deployed-0" in app.presence.replicas, "Lease")
        leases = api_server.send(
            "GET", f"/apis/coordination.k8s.io/v1/namespaces/{NAMESPACE}/leases"
        ).document
        assert "deployed-0" not in [each["spec"].get("holderIdentity") for each in leases["items"]]
