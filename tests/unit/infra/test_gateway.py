"""The gateway of a stack: what is deployed, under which account, who reaches it, and settings that would be useless."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pulumi
import pytest
from pulumi.runtime import rpc

from notification_contract import names
from notification_contract.crds import notification_source
from notification_contract.settings import declared_settings, value_at
from notification_contract.settings.gateway import GatewaySettings
from notification_contract.sources.path_token import LEAST_BYTES
from notification_gateway import config as gateway_config
from platform_infra import NotificationPlatform
from platform_infra.settings.reader import SettingsError, parse
from platform_infra.workload.rbac import READ
from tests.kit.recording import record_program, record_settings
from tests.unit.infra.test_guest import CLUSTER_SCOPED, GUEST
from tests.unit.infra.test_rbac import EVENTS, NAMESPACES, OWN, RECEIVERS, RETENTION, SERVED, grants, warned

if TYPE_CHECKING:
    from pathlib import Path

    from platform_infra.bundle import Bundle
    from tests.kit.recording import Recording, Registration
    from tests.unit.infra.conftest import Record

ON = {"gatewayEnabled": "true"}
HOST = ON | {"gatewayHost": "hooks.example.com", "gatewayAllowedCidrs": '["192.0.2.0/24"]'}
PREVIEW = {"previewNumber": "7", "operatorNamespace": "pr-7", "watchNamespaces": '["pr-7"]'}
SOURCES = [
    ("kubernaut.ai", "notificationsources", READ),
    ("kubernaut.ai", "notificationsources/status", ("update",)),
]
HEARTBEATS = [("kubernaut.ai", "notificationrequests", ("create",))]
LEASES = [
    ("coordination.k8s.io", "leases", ("list",)),
    ("coordination.k8s.io", "leases", ("create", "update", "delete")),
]
REQUESTS = [("kubernaut.ai", "notificationrequests", ("get", "create"))]
AT_SOURCES = [("kubernaut.ai", "notificationrequests", ("list",))]
ALL_SECRETS = [("", "secrets", ("get",))]
REVIEWS = [
    ("authentication.k8s.io", "tokenreviews", ("create",)),
    ("authorization.k8s.io", "subjectaccessreviews", ("create",)),
]


def gateway(recording: Recording, kind: str) -> dict[str, Any]:
    """Return the inputs of the gateway's object of a kind."""
    (entry,) = [entry for entry in recording.of(kind) if entry.parent.endswith("::platform-gateway")]
    return entry.inputs


def pod_template(recording: Recording) -> dict[str, Any]:
    template: dict[str, Any] = gateway(recording, "Deployment")["spec"]["template"]
    return template


def pod(recording: Recording) -> dict[str, Any]:
    spec: dict[str, Any] = pod_template(recording)["spec"]
    return spec


def container(recording: Recording) -> dict[str, Any]:
    (only,) = pod(recording)["containers"]
    assert isinstance(only, dict)
    return only


def operator(recording: Recording) -> Registration:
    return next(e for e in recording.of("Deployment") if e.parent.endswith("::platform-operator"))


def roles(recording: Recording, account: str) -> dict[str, list[tuple[str, str, tuple[str, ...]]]]:
    """Return what an account may do, by the names of its roles in the program."""
    return {
        role.part: grants(role.inputs)
        for role in recording.of("Role") + recording.of("ClusterRole")
        if role.parent.endswith(f"::platform-{account}")
    }


def gateway_role(recording: Recording) -> dict[str, Any]:
    """Return the inputs of the Role in the gateway's namespace."""
    (own,) = [e for e in recording.of("Role") if e.name == "platform-gateway-account-own"]
    return own.inputs


def problems(**values: str) -> list[str]:
    with pytest.raises(SettingsError) as refusal:
        parse(values)
    return [str(problem) for problem in refusal.value.problems]


@pytest.mark.parametrize(
    "values", [{"gatewayReplicas": "3", "gatewayHost": "hooks.example.com"}, PREVIEW | ON]
)
def test_stack_that_does_not_enable_it_and_a_preview_have_no_gateway(
    record: Record, values: dict[str, str]
) -> None:
    without = {key: value for key, value in values.items() if not key.startswith("gateway")}
    assert record(**values).registered == record(**without).registered


def test_enabled_gateway_adds_exactly_these_resources(record: Record) -> None:
    before = {(entry.kind, entry.name) for entry in record().registered}
    added = {(entry.kind, entry.name) for entry in record(**HOST).registered} - before
    assert added == {
        ("ClusterRole", "platform-gateway-account-cluster"),
        ("ClusterRole", "platform-user-roles-sources-editor"),
        ("ClusterRoleBinding", "platform-gateway-account-cluster"),
        ("CustomResourceDefinition", "platform-crds-notificationsources"),
        ("Deployment", "platform-gateway-deployment"),
        ("Gateway", "platform-gateway"),
        ("GatewayAccount", "platform-gateway-account"),
        ("Ingress", "platform-gateway-ingress"),
        ("NetworkPolicy", "platform-gateway-traffic"),
        ("PodDisruptionBudget", "platform-gateway-budget"),
        ("Role", "platform-gateway-account-own"),
        ("RoleBinding", "platform-gateway-account-own"),
        ("Secret", "platform-gateway-path-keys"),
        ("Service", "platform-gateway-service"),
        ("ServiceAccount", "platform-gateway-account-gateway"),
    }


def test_resources_of_the_operator_are_those_of_a_stack_without_a_gateway(record: Record) -> None:
    """The exceptions are what heartbeats need, and the roles of users."""
    after = {entry.urn: entry.inputs for entry in record(**ON).registered}
    changed = {
        (entry.kind, entry.name)
        for entry in record().registered
        if after[entry.urn] != entry.inputs and entry.custom
    }
    assert changed == {
        ("Deployment", "platform-operator-deployment"),
        ("FlowSchema", "platform-priority-leases"),
        ("Role", "platform-account-own"),
        ("ClusterRole", "platform-user-roles-notifications-viewer"),
    }


def test_objects_of_the_gateway_have_its_name_labels_and_provider(record: Record) -> None:
    recording = record(**HOST)
    own = [e for e in recording.registered if e.custom and "::platform-gateway" in e.parent]
    assert len(own) == 11
    for entry in own:
        metadata = entry.inputs["metadata"]
        assert metadata["name"].startswith("notification-gateway"), entry.name
        assert metadata["labels"] == {
            "app.kubernetes.io/name": "notification-gateway",
            "app.kubernetes.io/component": "gateway",
            "app.kubernetes.io/part-of": "notification-platform",
            "app.kubernetes.io/managed-by": "pulumi",
        }
        assert "::platform-cluster-provider::" in entry.provider
        if entry.kind not in CLUSTER_SCOPED:
            assert metadata["namespace"] == "notification-system"


def test_deployment_is_deleted_before_what_it_needs(record: Record) -> None:
    """The engine deletes a resource before those that it depends on."""
    recording = record(**ON)
    (deployment,) = [e for e in recording.of("Deployment") if e.name == "platform-gateway-deployment"]
    needed = {e.name for e in recording.registered if e.urn in deployment.dependencies}
    assert needed >= {
        "platform-crds-notificationsources",
        "platform-crds-notificationrequests",
        "platform-gateway-account-own",
        "platform-gateway-account-cluster",
        "platform-gateway-account-gateway",
        "platform-image",
        "platform-namespace",
    }
    assert "platform-operator-deployment" not in needed


def test_definition_of_sources_belongs_to_the_stack_with_the_gateway() -> None:
    recording = record_settings(parse(ON), schemas=True)
    created = recording.named("CustomResourceDefinition", "notificationsources")
    assert created.inputs["spec"] == notification_source()["spec"]
    assert "kubernaut.ai/owner" in created.inputs["metadata"]["annotations"]
    assert record_settings(parse(ON | {"crdManaged": "false"})).of("CustomResourceDefinition") == []


@pytest.mark.parametrize(
    ("values", "url"), [({}, None), (ON, "http://notification-gateway.notification-system.svc")]
)
def test_stack_has_the_url_within_the_cluster_as_output(values: dict[str, str], url: str | None) -> None:
    found: list[Any] = []

    def inspect(bundle: Bundle) -> None:
        outputs = bundle.outputs()
        if "gatewayUrl" in outputs:
            pulumi.Output.all(outputs["gatewayUrl"]).apply(found.extend)

    record_settings(parse(values), inspect=inspect)
    assert found == ([url] if url else [])


def test_component_has_the_url_as_output() -> None:
    found: list[str] = []

    def program() -> Any:
        args: Any = {
            "kubeconfig": "apiVersion: v1\nkind: Config\n",
            "context": "shared",
            "operator_image": "registry.example.com/operator:1",
        }
        for name, more in (
            ("with", {"gateway_enabled": True}),
            ("without", {"operator_namespace": "other", "crd_managed": False}),
        ):
            platform = NotificationPlatform(name, args | more)
            platform.gateway_url.apply(found.append)
        return platform.namespace

    record_program(program)
    assert sorted(found) == ["", "http://notification-gateway.notification-system.svc"]


def test_gateway_has_exactly_these_permissions(record: Record) -> None:
    recording = record(**ON)
    assert roles(recording, "gateway-account") == {
        "own": LEASES + SOURCES + AT_SOURCES,
        "cluster": REQUESTS + REVIEWS,
    }
    assert gateway_role(recording)["metadata"]["namespace"] == "notification-system"


@pytest.mark.parametrize(
    ("values", "names_of_secrets"),
    [
        ({"gatewaySecrets": '["hook", "sign"]'}, ["hook", "sign"]),
        ({"gatewaySecrets": '["hook"]', "gatewayReadAll": "true"}, None),
    ],
    ids=["named", "all"],
)
def test_gateway_reads_the_secrets_of_its_namespace_that_the_stack_names(
    record: Record, values: dict[str, str], names_of_secrets: list[str] | None
) -> None:
    recording = record(**ON, **values)
    assert roles(recording, "gateway-account")["own"] == LEASES + SOURCES + AT_SOURCES + ALL_SECRETS
    rules = gateway_role(recording)["rules"]
    assert [e.get("resourceNames") for e in rules if e["resources"] == ["secrets"]] == [names_of_secrets]


def test_gateway_writes_leases_by_name(record: Record) -> None:
    (lists, writes) = [e for e in gateway_role(record(**ON))["rules"] if e["resources"] == ["leases"]]
    assert lists["verbs"] == ["list"]
    assert writes["resourceNames"] == [f"notification-gateway-{number}" for number in range(20)]


def test_key_of_the_urls_is_random_and_no_update_changes_it(record: Record) -> None:
    recordings = record(**ON), record(**ON, gatewayReplicas="3")
    made = [e for each in recordings for e in each.of("Secret") if e.name == "platform-gateway-path-keys"]
    first, second = (rpc.unwrap_rpc_secret(each.inputs["stringData"])["key"] for each in made)
    assert len(first) >= LEAST_BYTES
    assert first != second
    assert made[0].ignored == ("data", "stringData")
    (volume,) = [each for each in pod(record(**ON))["volumes"] if each["name"] == "path-keys"]
    assert volume["secret"] == {"secretName": made[0].inputs["metadata"]["name"], "optional": True}


def test_routing_rules_are_mounted_and_do_not_have_to_exist(record: Record) -> None:
    recording = record(**ON, routingConfigMapName="rules", routingConfigMapKey="a.yaml")
    (volume,) = [each for each in pod(recording)["volumes"] if each["name"] == "routing"]
    items = [{"key": "a.yaml", "path": names.ROUTING_KEY}]
    assert volume["configMap"] == {"name": "rules", "items": items, "optional": True}
    mount = {"name": "routing", "mountPath": names.ROUTING_DIRECTORY, "readOnly": True}
    assert mount in container(recording)["volumeMounts"]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (
            {},
            {
                "own": LEASES + SOURCES + AT_SOURCES,
                "served-notification-system": REQUESTS,
                "served-shop": REQUESTS,
                "cluster": REVIEWS,
            },
        ),
        (
            {"gatewayTenantSources": "true"},
            {
                "own": LEASES + AT_SOURCES,
                "served-notification-system": REQUESTS,
                "served-shop": REQUESTS + AT_SOURCES + ALL_SECRETS,
                "cluster": SOURCES + REVIEWS,
            },
        ),
    ],
    ids=["own", "tenants"],
)
def test_listed_namespaces_have_a_role_each(
    monkeypatch: pytest.MonkeyPatch, values: dict[str, str], expected: dict[str, Any]
) -> None:
    warnings = warned(monkeypatch)
    recording = record_settings(parse(ON | values | {"watchNamespaces": '["notification-system", "shop"]'}))
    assert roles(recording, "gateway-account") == expected
    assert warnings == []


def test_guest_without_token_reviews_registers_no_object_of_the_cluster() -> None:
    stack = GUEST | ON | {"clusterKind": "local", "clusterKubeconfig": "", "clusterContext": ""}
    del stack["namespaceManaged"]
    for values, expected in (({"gatewayTokenReviews": "false"}, False), ({}, True)):
        recording = record_settings(parse(stack | values))
        own = {e.kind for e in recording.registered if "gateway" in e.name}
        assert bool(own & CLUSTER_SCOPED) == expected


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (
            {},
            {
                "own": OWN + EVENTS + HEARTBEATS + SOURCES,
                "served": SERVED + RETENTION + EVENTS + RECEIVERS + NAMESPACES,
            },
        ),
        (
            {"gatewayTenantSources": "true", "watchNamespaces": '["shop"]'},
            {
                "own": OWN + EVENTS + RECEIVERS + HEARTBEATS,
                "served-shop": SERVED + RETENTION + EVENTS + RECEIVERS + HEARTBEATS,
                "sources": SOURCES,
            },
        ),
        (
            {"gatewayTenantSources": "true", "watchNamespaces": '["notification-system"]'},
            {
                "own": OWN + EVENTS + RECEIVERS,
                "served-notification-system": SERVED + RETENTION + EVENTS + RECEIVERS + HEARTBEATS,
                "sources": SOURCES,
            },
        ),
    ],
)
def test_operator_gets_the_permissions_for_heartbeats_where_sources_are(
    record: Record, values: dict[str, str], expected: dict[str, Any]
) -> None:
    assert roles(record(**ON, **values), "account") == expected


def test_roles_of_users_include_sources_with_the_gateway(record: Record) -> None:
    recording = record(**ON)
    read = [
        ("kubernaut.ai", "notificationsources", READ),
        ("kubernaut.ai", "notificationsources/status", ("get",)),
    ]
    viewer = grants(recording.named("ClusterRole", "notifications-viewer").inputs)
    assert [each for each in viewer if each[1].startswith("notificationsources")] == read
    editor = recording.named("ClusterRole", "sources-editor").inputs
    verbs = (*READ, "create", "update", "patch", "delete")
    assert grants(editor) == [("kubernaut.ai", "notificationsources", verbs), read[1]]
    assert not any("aggregate-to" in label for label in editor["metadata"]["labels"])


def test_gateway_runs_its_command_from_the_image_of_the_operator(record: Record) -> None:
    recording = record(**ON)
    assert (
        container(recording)["image"]
        == operator(recording).inputs["spec"]["template"]["spec"]["containers"][0]["image"]
    )
    assert container(recording)["command"] == ["notification-gateway"]
    assert container(recording)["args"] == ["serve", "--config", "/etc/notification/config.yaml"]
    assert pod(recording)["serviceAccountName"] == "notification-gateway"


def test_pod_is_hardened_probed_and_placed_as_that_of_the_operator(record: Record) -> None:
    recording = record(
        **ON,
        operatorReplicas="2",
        placementZoneSpread="required",
        placementNodeSelector='{"pool": "infra"}',
        placementPriorityClass="important",
        operatorImagePullSecrets='["registry"]',
        operatorCaBundleConfigMap="authorities",
    )
    theirs = operator(recording).inputs["spec"]["template"]["spec"]
    (their_container,) = theirs["containers"]
    own = pod(recording)
    same = (
        "securityContext",
        "nodeSelector",
        "priorityClassName",
        "imagePullSecrets",
        "enableServiceLinks",
    )
    assert {name: own[name] for name in same} == {name: theirs[name] for name in same}
    for mine, shared, key in (
        (own, theirs, "volumes"),
        (container(recording), their_container, "volumeMounts"),
    ):
        assert [each for each in mine[key] if each["name"] not in {"path-keys", "routing"}] == shared[key]
    probes = ("startupProbe", "livenessProbe", "readinessProbe", "securityContext", "env")
    assert {name: container(recording)[name] for name in probes} == {
        name: their_container[name] for name in probes
    }
    spread = [each["labelSelector"]["matchLabels"] for each in own["topologySpreadConstraints"]]
    assert spread == [{"app.kubernetes.io/name": "notification-gateway"}] * 2


def test_pod_has_bounded_resources_and_no_limit_of_the_processor(record: Record) -> None:
    resources = container(record(**ON, gatewayMemoryLimit="300Mi", gatewayCpuRequest="0.2"))["resources"]
    assert resources == {
        "requests": {"cpu": "0.2", "memory": "96Mi", "ephemeral-storage": "0"},
        "limits": {"memory": "300Mi", "ephemeral-storage": str(576 * 1024 * 1024)},
    }


def test_cpu_limit_of_the_gateway_follows_the_settings(record: Record) -> None:
    limits = container(record(**ON, gatewayCpuLimit="1"))["resources"]["limits"]
    assert limits == {"cpu": "1", "memory": "256Mi", "ephemeral-storage": str(576 * 1024 * 1024)}


def test_rollout_leaves_no_gap(record: Record) -> None:
    """A pod serves while it is being removed from the endpoints, then finishes what it has accepted."""
    recording = record(**ON, gatewayGraceSeconds="30", gatewayReplicas="3")
    spec = gateway(recording, "Deployment")["spec"]
    assert spec["replicas"] == 3
    assert spec["strategy"] == {
        "type": "RollingUpdate",
        "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0},
    }
    assert container(recording)["lifecycle"] == {"preStop": {"sleep": {"seconds": 5}}}
    assert pod(recording)["terminationGracePeriodSeconds"] == 45
    assert gateway(recording, "PodDisruptionBudget")["spec"]["maxUnavailable"] == 1


def test_service_budget_and_policy_select_the_pods_of_the_gateway_alone(record: Record) -> None:
    recording = record(**ON)
    labels = pod_template(recording)["metadata"]["labels"].items()
    theirs = operator(recording).inputs["spec"]["template"]["metadata"]["labels"].items()
    for selector in (
        gateway(recording, "Service")["spec"]["selector"],
        gateway(recording, "PodDisruptionBudget")["spec"]["selector"]["matchLabels"],
        gateway(recording, "NetworkPolicy")["spec"]["podSelector"]["matchLabels"],
        gateway(recording, "Deployment")["spec"]["selector"]["matchLabels"],
    ):
        assert selector.items() <= labels
        assert not selector.items() <= theirs
    assert not operator(recording).inputs["spec"]["selector"]["matchLabels"].items() <= labels


def test_service_is_reachable_within_the_cluster_only(record: Record) -> None:
    recording = record(**ON)
    spec = gateway(recording, "Service")["spec"]
    assert spec["type"] == "ClusterIP"
    assert spec["ports"] == [{"name": "http", "port": 80, "targetPort": "http"}]
    ports = {each["name"]: each for each in container(recording)["ports"]}
    assert ports["http"] == {"name": "http", "containerPort": 8080}
    assert ports.keys() == {"http", "health", "metrics"}
    assert recording.of("Ingress") == []


def test_certificate_is_mounted_and_the_service_serves_https(record: Record) -> None:
    recording = record(**HOST, gatewayCertSecret="gateway-tls")
    (port,) = gateway(recording, "Service")["spec"]["ports"]
    assert port == {"name": "https", "port": 443, "targetPort": "http"}
    assert {"name": "certificate", "secret": {"secretName": "gateway-tls"}} in pod(recording)["volumes"]
    mount = {"name": "certificate", "mountPath": "/etc/notification-gateway-tls", "readOnly": True}
    assert mount in container(recording)["volumeMounts"]
    variable = {"name": "NOTIFICATION_GATEWAY__TLS_DIRECTORY", "value": mount["mountPath"]}
    assert variable in container(recording)["env"]


def test_host_has_an_ingress_with_tls(record: Record) -> None:
    recording = record(
        **HOST,
        gatewayTlsSecret="hooks-tls",
        gatewayClassName="nginx",
        gatewayIngressAnnotations='{"cert-manager.io/cluster-issuer": "letsencrypt"}',
    )
    ingress = gateway(recording, "Ingress")
    backend = {"service": {"name": "notification-gateway", "port": {"name": "http"}}}
    path = {"path": "/", "pathType": "Prefix", "backend": backend}
    assert ingress["spec"] == {
        "ingressClassName": "nginx",
        "rules": [{"host": "hooks.example.com", "http": {"paths": [path]}}],
        "tls": [{"hosts": ["hooks.example.com"], "secretName": "hooks-tls"}],
    }
    assert ingress["metadata"]["annotations"]["cert-manager.io/cluster-issuer"] == "letsencrypt"
    plain = gateway(record(**HOST), "Ingress")["spec"]
    assert plain["tls"] == [{"hosts": ["hooks.example.com"]}]
    assert "ingressClassName" not in plain


def test_network_policy_admits_messages_probes_and_scrapes(record: Record) -> None:
    policy = gateway(record(**ON), "NetworkPolicy")["spec"]
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    messages, other = policy["ingress"]
    assert [port["port"] for port in messages["ports"]] == [8080]
    assert "from" not in messages
    assert [port["port"] for port in other["ports"]] == [8081, 9090]
    assert [[port["port"] for port in rule["ports"]] for rule in policy["egress"]] == [
        [53, 53],
        [443, 6443],
        [443],
    ]
    assert not any("to" in rule for rule in policy["egress"])


def test_network_policy_limits_senders_scrapers_and_destinations(record: Record) -> None:
    policy = gateway(
        record(
            **ON,
            gatewayAllowedCidrs='["192.0.2.0/24"]',
            gatewayAllowedNamespaceLabels='{"kubernetes.io/metadata.name": "ingress-nginx"}',
            gatewayOidcIssuer="https://login.example.com:8443",
            gatewayOidcAudience="hooks",
            gatewayOidcCidrs='["198.51.100.7/32"]',
            networkApiServerCidrs='["10.96.0.1/32"]',
            networkScrapePodLabels='{"app": "prometheus"}',
        ),
        "NetworkPolicy",
    )["spec"]
    messages, probes, scrapes = policy["ingress"]
    assert messages["from"] == [
        {"ipBlock": {"cidr": "192.0.2.0/24"}},
        {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "ingress-nginx"}}},
    ]
    assert "from" not in probes
    assert scrapes["from"] == [{"podSelector": {"matchLabels": {"app": "prometheus"}}}]
    _dns, *rules = policy["egress"]
    assert [
        ([peer["ipBlock"]["cidr"] for peer in rule["to"]], [port["port"] for port in rule["ports"]])
        for rule in rules
    ] == [
        (["10.96.0.1/32"], [443, 6443]),
        (["198.51.100.7/32"], [443, 8443]),
    ]


def test_listed_destinations_leave_out_providers_that_none_uses(record: Record) -> None:
    policy = gateway(record(**ON, networkApiServerCidrs='["10.96.0.1/32"]'), "NetworkPolicy")["spec"]
    assert len(policy["egress"]) == 2


UNUSUAL: dict[str, tuple[str, str, Any]] = {
    "gateway.audience": ("gatewayAudience", "hooks", "hooks"),
    "gateway.tenant_sources": ("gatewayTenantSources", "true", True),
    "gateway.max_sources_per_namespace": ("gatewayMaxSourcesPerNamespace", "30", 30),
    "gateway.max_sources": ("gatewayMaxSources", "400", 400),
    "gateway.namespace_messages_per_second": ("gatewayNamespaceMessagesPerSecond", "30", 30),
    "gateway.messages_per_second": ("gatewayMessagesPerSecond", "400", 400),
    "gateway.allowed_networks": ("gatewayAllowedNetworks", '["10.20.0.0/16"]', ("10.20.0.0/16",)),
    "gateway.denied_networks": ("receiversDeniedNetworks", '["8.8.8.0/24"]', ("8.8.8.0/24",)),
    "gateway.allowed_hosts": ("receiversAllowedHosts", '["example.com"]', ("example.com",)),
    "gateway.oidc.issuer": ("gatewayOidcIssuer", "https://login.example.com", "https://login.example.com"),
    "gateway.oidc.audience": ("gatewayOidcAudience", "hooks", "hooks"),
    "gateway.oidc.username_prefix": ("gatewayOidcUsernamePrefix", "corp:", "corp:"),
    "gateway.admitted.body_characters": ("admissionBodyCharacters", "900", 900),
    "gateway.admitted.metadata_entries": ("admissionMetadataEntries", "7", 7),
    "gateway.admitted.metadata_characters": ("admissionMetadataCharacters", "80", 80),
    "gateway.admitted.action_links": ("admissionActionLinks", "3", 3),
    "gateway.admitted.link_schemes": ("admissionLinkSchemes", '["https", "http"]', ("https", "http")),
    "gateway.lease_seconds": ("gatewayLeaseSeconds", "9", 9),
    "gateway.status_interval_seconds": ("gatewayStatusIntervalSeconds", "60", 60.0),
    "gateway.grace_seconds": ("gatewayGraceSeconds", "12", 12.0),
    "server.host": ("serverHost", "127.0.0.1", "127.0.0.1"),
    "server.health_port": ("serverHealthPort", "8082", 8082),
    "server.metrics_port": ("serverMetricsPort", "9091", 9091),
    "log.level": ("logLevel", "debug", "debug"),
    "log.format": ("logFormat", "text", "text"),
}
"""For each setting of the gateway: the key in a stack, an unusual value, and what the gateway must read."""
FIXED = {
    "gateway.host",
    "gateway.port",
    "gateway.tls_directory",
    "gateway.oidc.ca_file",
    "gateway.path_keys_directory",
    "gateway.routing_directory",
}
"""What the pods fix: the address and the port of the Service, and the directories of certificates, keys and routing rules."""


def read_by_gateway(recording: Recording, tmp_path: Path) -> gateway_config.Settings:
    """Return the settings that the gateway loads from the file in its pod."""
    file = tmp_path / names.CONFIG_KEY
    file.write_text(pod_template(recording)["metadata"]["annotations"][names.CONFIG_ANNOTATION])
    return gateway_config.load(file)


def test_every_setting_of_the_gateway_is_reachable_from_a_stack(record: Record, tmp_path: Path) -> None:
    assert UNUSUAL.keys() | FIXED == {".".join(path) for path, _ in declared_settings(GatewaySettings)}
    values = {key: text for key, text, _ in UNUSUAL.values()} | {"watchNamespaces": '["shop"]'}
    settings = read_by_gateway(record(**ON, **values), tmp_path)
    for path, (_, _, expected) in UNUSUAL.items():
        assert value_at(settings, tuple(path.split("."))) == expected, path


def test_gateway_reads_the_defaults_from_the_file_of_a_stack(record: Record, tmp_path: Path) -> None:
    assert read_by_gateway(record(**ON), tmp_path) == gateway_config.Settings()


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (
            ON | {"operatorEnabled": "false"},
            (
                "gatewayEnabled is true, but operatorEnabled is false, so no message would be delivered; set operatorEnabled to true, or "
                "gatewayEnabled to false"
            ),
        ),
        (
            ON | {"watchNamespaces": '["shop"]'},
            (
                "watchNamespaces does not contain operatorNamespace, but gatewayEnabled is true and gatewayTenantSources is false, so no message "
                "would be delivered; add operatorNamespace, or set gatewayTenantSources to true for NotificationSources in the listed namespaces"
            ),
        ),
        (
            ON | {"gatewayHost": "hooks.example.com"},
            (
                "gatewayAllowedCidrs and gatewayAllowedNamespaceLabels are empty, but gatewayHost is set, so every pod could connect to the gateway "
                "past the Ingress; set gatewayAllowedNamespaceLabels to the labels of the namespace of the Ingress controller, or "
                "gatewayAllowedCidrs to 0.0.0.0/0 and ::/0 for all"
            ),
        ),
        (
            ON | {"gatewayTenantSources": "true"},
            (
                "gatewayTenantSources is true, but watchNamespaces is empty, so the gateway could read every Secret of the cluster; list the "
                "namespaces of the sources in watchNamespaces, or set it to false"
            ),
        ),
        (
            ON | {"gatewayTenantSources": "true", "watchNamespaces": '["shop", "kube-system"]'},
            (
                "watchNamespaces contains 'kube-system', and with gatewayTenantSources the gateway could read every Secret there; remove it "
                "from the list, or set gatewayTenantSources to false"
            ),
        ),
        (
            ON | {"gatewayTlsSecret": "tls"},
            "gatewayTlsSecret is set, but gatewayHost is empty, so there is no Ingress; set gatewayHost, or remove it",
        ),
        (
            ON | {"gatewayClassName": "nginx"},
            "gatewayClassName is set, but gatewayHost is empty, so there is no Ingress; set gatewayHost, or remove it",
        ),
        (
            ON | {"gatewayIngressAnnotations": '{"a": "b"}'},
            "gatewayIngressAnnotations is set, but gatewayHost is empty, so there is no Ingress; set gatewayHost, or remove it",
        ),
        (
            {"gatewayOidcIssuer": "https://login.example.com"},
            "gatewayOidcIssuer and gatewayOidcAudience are not set together; set both, or none",
        ),
        (
            {
                "gatewayOidcIssuer": "https://login.example.com",
                "gatewayOidcAudience": "hooks",
                "gatewayOidcUsernamePrefix": "system:",
            },
            "gatewayOidcUsernamePrefix does not tell users of the provider from those of the cluster; set a prefix such as oidc:",
        ),
        (
            ON
            | {
                "gatewayOidcIssuer": "https://login.example.com",
                "gatewayOidcAudience": "hooks",
                "networkApiServerCidrs": '["10.96.0.1/32"]',
            },
            (
                "gatewayOidcCidrs is empty, but destinations are listed for the network policy, so the provider gatewayOidcIssuer would be "
                "unreachable; set it to the addresses of the provider, such as 0.0.0.0/0 for all"
            ),
        ),
        (
            ON
            | {
                "gatewayOidcIssuer": "https://login.example.com:8443",
                "gatewayOidcAudience": "hooks",
                "receiversAllowedHosts": '["example.org"]',
            },
            (
                "gatewayOidcIssuer is at a host that receiversAllowedHosts does not contain, so the gateway would not ask the provider for its "
                "keys; add the host to receiversAllowedHosts, and the host of its keys"
            ),
        ),
        (
            {"gatewayCpuLimit": "49m"},
            "gatewayCpuLimit is less than gatewayCpuRequest; set it to at least the request, or remove it for no limit",
        ),
        (
            {"gatewayMemoryRequest": "300Mi"},
            "gatewayMemoryLimit is less than gatewayMemoryRequest; set it to at least the request",
        ),
        (
            ON | {"serverHealthPort": "8080"},
            "serverHealthPort is 8080, which is the gateway's port for messages; set another port",
        ),
        (
            ON | {"serverMetricsPort": "8080"},
            "serverMetricsPort is 8080, which is the gateway's port for messages; set another port",
        ),
    ],
)
def test_setting_that_makes_the_gateway_useless_is_refused(values: dict[str, str], expected: str) -> None:
    assert problems(**values) == [expected]


@pytest.mark.parametrize(
    ("key", "value", "place"),
    [
        ("gatewayHost", "https://hooks.example.com", "gatewayHost is 'https://hooks.example.com', but"),
        (
            "gatewayAllowedCidrs",
            '["192.0.2.1"]',
            "gatewayAllowedCidrs[0] is '192.0.2.1', but must be a CIDR block",
        ),
        ("gatewayReplicas", "0", "gatewayReplicas is '0', but should be greater than or equal to 1"),
        (
            "gatewayOidcIssuer",
            "http://login.example.com",
            "gatewayOidcIssuer is 'http://login.example.com', but",
        ),
        (
            "gatewayAllowedNetworks",
            json.dumps(["10.0.0.1/8"]),
            "gatewayAllowedNetworks[0] is '10.0.0.1/8', but must be",
        ),
    ],
)
def test_invalid_value_is_refused_with_its_place_and_a_remedy(key: str, value: str, place: str) -> None:
    (problem,) = problems(**{key: value})
    assert problem.startswith(place)
    assert "; " in problem
