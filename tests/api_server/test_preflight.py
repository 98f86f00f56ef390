"""What `preflight` finds with a real API server: missing kinds and objects, refused pods, typing errors, missing rights."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from notification_contract.names import SOURCE_LABEL
from platform_infra import names
from platform_infra.cluster.api_client import ApiClient
from platform_infra.cluster.connection import Connection
from platform_infra.settings.reader import parse
from tests.kit.recording import record_settings
from tools.platform.preflight.examination import examine
from tools.platform.preflight.rights import PlannedObject

if TYPE_CHECKING:
    from tests.api_server.conftest import ApiServer
    from tools.platform.preflight.examination import Report

pytestmark = pytest.mark.xdist_group("api-server")
PULUMI = ("pulumi:", "pulumi-python:", "notification-platform:")


@pytest.fixture(scope="module")
def home(api_server: ApiServer) -> str:
    """A namespace of others with a default account, a limit, and Secrets that receivers may not use."""
    name = api_server.namespace()
    core = api_server.cluster.core
    core.create_namespaced_service_account(name, {"metadata": {"name": "default"}})
    core.create_namespaced_secret(name, {"metadata": {"name": "vault"}, "stringData": {"url": "x"}})
    registry = {
        "metadata": {"name": "registry", "labels": {names.SECRET_LABEL: "true"}},
        "type": "kubernetes.io/dockerconfigjson",
        "stringData": {".dockerconfigjson": "{}"},
    }
    core.create_namespaced_secret(name, registry)
    limit = {"type": "Container", "max": {"memory": "512Mi"}}
    core.create_namespaced_limit_range(name, {"metadata": {"name": "l"}, "spec": {"limits": [limit]}})
    return name


def planned(home: str, values: dict[str, Any]) -> list[PlannedObject]:
    """Return what the program registers for a guest with further settings."""
    guest = {
        "operatorImage": "registry.example/operator:1",
        "operatorNamespace": home,
        "namespaceManaged": False,
        "crdManaged": False,
        "watchNamespaces": [home],
        "monitoringMode": "none",
    }
    texts = {
        key: each if isinstance(each, str) else json.dumps(each) for key, each in {**guest, **values}.items()
    }
    connection = Connection(kubeconfig="", context="")
    registered = record_settings(parse(texts), connect=lambda _child: connection).registered
    return [
        PlannedObject(document=_with_integers(each.inputs))
        for each in registered
        if each.custom and not each.type.startswith(PULUMI)
    ]


def _with_integers(document: Any) -> Any:
    """Return an object without floating-point numbers, which the recording engine has for every number."""
    return json.loads(json.dumps(document), parse_float=lambda text: int(float(text)))


def with_receiver(secret: str, key: str) -> dict[str, Any]:
    """Return the setting of a receiver that refers to a Secret of others."""
    spec = {"type": "pagerduty", "pagerduty": {"routingKeySecretRef": {"name": secret, "key": key}}}
    return {"receivers": [{"name": "on-call", "spec": spec, "existingSecrets": [secret]}]}


def report(api_server: ApiServer, home: str, user: str = "", **values: Any) -> Report:
    """Examine the cluster as its administrator, or as a user."""
    client = api_server.cluster.api
    if not user:
        return examine(ApiClient(client), planned(home, values))
    client.set_default_header("Impersonate-User", user)
    try:
        return examine(ApiClient(client), planned(home, values))
    finally:
        client.default_headers.pop("Impersonate-User")


def test_cluster_that_permits_everything_passes_and_is_not_changed(api_server: ApiServer, home: str) -> None:
    result = report(
        api_server,
        home,
        channelsSlackEnabled=True,
        channelsSlackExistingSecret="vault",
        channelsSlackExistingSecretKey="url",
    )
    assert list(result.lines()) == []
    assert result.passed
    assert result.rights > 40
    listed: Any = api_server.cluster.core.list_namespaced_config_map(home)
    assert not listed.items


@pytest.mark.parametrize(
    ("values", "what", "hint"),
    [
        (
            {"monitoringMode": "crds"},
            "the cluster does not serve the kind PodMonitor of monitoring.coreos.com/v1",
            "set monitoringMode to annotations or none",
        ),
        (
            {"operatorMemoryLimit": "1Gi"},
            "does not accept the pods of Deployment",
            "maximum memory usage per Container is 512Mi",
        ),
        ({"placementPriorityClass": "gold"}, "no PriorityClass with name gold was found", "setting"),
        (
            {
                "operatorVolumes": [{"name": "v", "secret": {"secretNam": "vault"}}],
                "operatorVolumeMounts": [{"name": "v", "mountPath": "/v"}],
            },
            ".secretNam: field not declared in schema",
            "change the setting that the message names",
        ),
        (
            {"channelsSlackEnabled": True, "channelsSlackExistingSecret": "vault"},
            "vault has no key 'webhook-url'; its keys are: url",
            "add the key",
        ),
        (
            with_receiver("vault", "url"),
            "vault lacks the label kubernaut.ai/receivers=true",
            "label secret vault kubernaut.ai/receivers=true",
        ),
        (
            with_receiver("registry", ".dockerconfigjson"),
            "registry has a type that receivers may not use",
            "Opaque, kubernetes.io/basic-auth, kubernetes.io/tls",
        ),
        (with_receiver("absent", "url"), "absent does not exist", "no receiver is ready without it"),
        ({"operatorCaBundleConfigMap": "roots"}, "roots does not exist", "create it"),
        ({"watchNamespaces": ["not-there"]}, "the namespace not-there does not exist", "watchNamespaces"),
    ],
)
def test_problem_is_named_with_a_hint(
    api_server: ApiServer, home: str, values: dict[str, Any], what: str, hint: str
) -> None:
    findings = report(api_server, home, **values).findings
    assert any(what in str(each) and hint in str(each) for each in findings), findings


def test_user_without_rights_lacks_all_and_reads_what_a_setting_saves(
    api_server: ApiServer, home: str
) -> None:
    result = report(api_server, home, "nobody", crdManaged=True, namespaceManaged=True, watchNamespaces=[])
    text = "\n".join(result.lines())
    assert "missing rights in the whole cluster:" in text
    assert f"get, create, patch, delete namespaces {home}: to manage Namespace {home}" in text
    for hint in (
        "namespaceManaged to false",
        "crdManaged to false",
        "watchNamespaces",
        "operatorFlowSchemas",
    ):
        assert hint in text
    assert f"whether the namespace {home} exists" not in text
    assert not result.findings


@pytest.mark.parametrize(("secrets", "count"), [([], 1), (["chat-path"], 0)])
def test_url_of_an_earlier_version_is_reported_unless_the_gateway_reads_it(
    api_server: ApiServer, secrets: list[str], count: int
) -> None:
    home = api_server.namespace()
    stored = {"metadata": {"name": "chat-path", "labels": {SOURCE_LABEL: "chat"}}}
    api_server.cluster.core.create_namespaced_secret(home, stored)
    result = report(api_server, home, gatewayEnabled=True, gatewaySecrets=secrets)
    found = [each for each in result.findings if f"the URL in the Secret {home}/chat-path" in each]
    assert len(found) == count
