"""The policies: valid stacks pass, each rule reports its violations, and which fields each rule checks."""

from __future__ import annotations

import json
import re
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from platform_infra.cluster import Connection
from platform_infra.settings.sections.deployment import Channels, Operator, SlackChannel
from platform_infra.settings.sections.receivers import StackReceiver
from platform_policy import signatures
from platform_policy.broken import Break, broken
from platform_policy.disruption import Resource, disruption_budget
from platform_policy.pack import RESOURCE_RULES, STACK_RULES, kind_of, violations
from platform_policy.permissions import ESCALATIONS, ESCALATIONS_WITHOUT_NAMES, EXCEPTIONS, no_wildcard_rbac
from platform_policy.pods import image_by_digest, limits_set, restricted_pod_security
from platform_policy.previews import previews_excluded
from platform_policy.secrets_in_plain import no_plain_secrets
from platform_policy.traffic import network_policy
from tests.kit.chart_values import BASE, stack_settings
from tests.kit.exports import recorded_export
from tests.kit.helm import objects
from tests.kit.recording import record_settings
from tools.platform.pulumi import policy
from tools.platform.pulumi.environment import ROOT
from tools.platform.pulumi.stack_file import UnknownStackError, check_stack_file, is_lasting

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from platform_infra.settings.model import Settings


RULES = RESOURCE_RULES.keys() | STACK_RULES.keys()
WAY_OUT = "prod-notifies-somebody"
Resources = list[tuple[str, str, "Mapping[str, Any]"]]


def released(stack: str) -> Settings:
    """Return the settings of a committed stack with an image and a receiver, which its file lacks until a release."""
    settings = check_stack_file(stack)
    image = f"registry.example.com/operator@sha256:{'1' * 64}"
    operator = settings.operator.model_copy(update={"image": image})
    return settings.model_copy(update={"operator": operator, "receivers": (receiver("webhook"),)})


def receiver(type_: str) -> StackReceiver:
    block = {"webhook": {"url": "https://example.com"}} if type_ == "webhook" else {}
    return StackReceiver(name="ops", spec={"type": type_, **block})


def resources_of(stack: str, settings: Settings | None = None) -> Resources:
    """Return type, name and properties of a committed stack's resources, without its cluster."""
    recording = record_settings(
        settings or released(stack), connect=lambda _opts: Connection(kubeconfig="", context="")
    )
    return [(entry.type, entry.name, entry.inputs) for entry in recording.registered]


def based(stack: str) -> Settings:
    """Return the settings of a committed stack whose cluster previews use."""
    settings = released(stack)
    watch = settings.watch.model_copy(update={"namespace_selector": "!kubernaut.ai/preview"})
    preview = settings.preview.model_copy(update={"base": True})
    return settings.model_copy(update={"watch": watch, "preview": preview})


@pytest.fixture(scope="module")
def prod() -> Resources:
    return resources_of("prod")


@pytest.mark.parametrize("stack", ["prod", "staging"])
def test_production_stacks_violate_no_mandatory_rule(stack: str) -> None:
    assert violations(resources_of(stack)) == set()
    assert json.loads(policy.levels(stack).read_text("utf-8")) == {"all": "mandatory"}


@pytest.mark.parametrize(
    ("values", "file"),
    [
        ({}, "lenient.json"),
        ({"clusterKind": "existing"}, "strict.json"),
        ({"clusterKind": "existing", "previewNumber": 7, "watchNamespaces": ["pr-7"]}, "lenient.json"),
    ],
)
def test_level_follows_from_the_cluster_and_not_from_the_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, values: dict[str, Any], file: str
) -> None:
    place = {"clusterKubeconfig": "/k", "clusterContext": "c", "operatorImage": "i:1"}
    place = place if values else {}
    config = {f"notification-platform:{key}": value for key, value in {**place, **values}.items()}
    (tmp_path / "Pulumi.dev-of-somebody.yaml").write_text(yaml.safe_dump({"config": config}))
    monkeypatch.setattr(policy, "resolved_settings", partial(check_stack_file, folder=tmp_path))
    monkeypatch.setattr(policy, "is_lasting", partial(is_lasting, folder=tmp_path))
    assert policy.levels("dev-of-somebody").name == file


def test_page_lists_each_rule_with_its_levels() -> None:
    page = (ROOT / "docs" / "policy.md").read_text("utf-8")
    rows = re.findall(r"^\| `([\w-]+)` \| .* \| (\w+) \| (\w+) \|$", page, re.MULTILINE)
    levels = [
        json.loads((ROOT / "infra" / "policy_pack" / name).read_text("utf-8"))
        for name in ("strict.json", "lenient.json")
    ]
    expected = {
        (rule, *(each.get(rule, each["all"]) for each in levels)) for rule in (*RULES, signatures.NAME)
    }
    assert (set(rows), len(rows)) == (expected, len(expected))


def test_drills_on_a_schedule_violate_no_rule() -> None:
    stack = released("prod")
    drill = stack.drill.model_copy(update={"schedule": "0 9 * * 1"})
    resources = resources_of("prod", stack.model_copy(update={"drill": drill}))
    assert "CronJob" in {kind_of(kind) for kind, _, _ in resources}
    assert violations(resources) == set()


@pytest.mark.parametrize("base", [False, True], ids=["alone", "base"])
def test_gateway_violates_no_rule(*, base: bool) -> None:
    stack = released("prod")
    changes: dict[str, Any] = {
        "gateway": stack.gateway.model_copy(update={"enabled": True, "host": "hooks.example.com"}),
        "monitoring": stack.monitoring.model_copy(update={"mode": "crds"}),
    }
    if base:
        # The gateway's configuration selects no namespaces, and is none of an operator.
        changes["watch"] = stack.watch.model_copy(update={"namespace_selector": "!kubernaut.ai/preview"})
        changes["preview"] = stack.preview.model_copy(update={"base": True})
    resources = resources_of("prod", stack.model_copy(update=changes))
    kinds = [kind_of(kind) for kind, _, _ in resources]
    assert (kinds.count("Deployment"), kinds.count("Ingress")) == (2, 1)
    assert violations(resources) == set()


@pytest.mark.parametrize("stack", ["dev", "ci"])
def test_local_stacks_violate_only_rules_disabled_for_them(stack: str) -> None:
    levels = json.loads(policy.levels(stack).read_text("utf-8"))
    assert levels.pop("all") == "advisory"
    settings = released(stack).model_copy(update={"receivers": ()})
    disabled = {rule for rule in levels if levels[rule] == "disabled"}
    # A message on a local node needs no way out; the rule is reported and refuses nothing.
    assert {rule for rule, _, _ in violations(resources_of(stack, settings))} <= {*disabled, WAY_OUT}
    assert levels.keys() <= RULES


def routed(receiver: Mapping[str, Any], *, child: str = "ops") -> dict[str, Any]:
    """Return routing rules of which one has the receiver `ops`, or another one as its child."""
    routes = [{"match": {"team": "web"}, "receiver": child}]
    return {
        "route": {"receiver": "log", "routes": routes},
        "receivers": [{"name": "log", "channels": ["log"]}, {"name": "ops", **receiver}],
    }


SLACK = SlackChannel().model_copy(update={"enabled": True, "existing_secret": "slack"})


@pytest.mark.parametrize(
    ("changes", "count"),
    [
        ({}, 1),
        ({"receivers": (receiver("webhook"),)}, 0),
        ({"receivers": (receiver("log"),)}, 1),
        ({"routing": routed({"channels": ["console", {"slack": {"channel": "#ops"}}]})}, 0),
        ({"routing": routed({"slack_configs": [{"channel": "#ops"}]})}, 0),
        ({"routing": routed({"receiverRef": {"name": "on-call", "namespace": "shop"}})}, 0),
        ({"routing": routed({"channels": ["console", "file"], "log_configs": [{}]})}, 1),
        ({"routing": routed({"channels": ["slack"]}, child="log")}, 1),
        ({"channels": Channels().model_copy(update={"slack": SLACK})}, 0),
        ({"operator": Operator(enabled=False)}, 0),
    ],
)
def test_stack_needs_a_way_out_of_the_cluster(changes: dict[str, Any], count: int) -> None:
    settings = released("prod").model_copy(update={"receivers": (), **changes})
    reasons = [reason for rule, _, reason in violations(resources_of("prod", settings)) if rule == WAY_OUT]
    assert len(reasons) == count
    assert all("`receivers`" in each and "pulumi config set --secret" in each for each in reasons)


@pytest.mark.parametrize("stack", ["prod", "staging"])
def test_shipped_production_stack_lacks_a_way_out_only(stack: str) -> None:
    settings = released(stack).model_copy(update={"receivers": check_stack_file(stack).receivers})
    assert {rule for rule, _, _ in violations(resources_of(stack, settings))} == {WAY_OUT}


def test_every_rule_has_a_deliberate_violation() -> None:
    assert {change.rule for change in policy.changes()} == RULES


@pytest.mark.parametrize(
    "change", policy.changes(), ids=lambda change: f"{change.rule}-{change.at.replace('/', '.')}"
)
def test_deliberate_violation_is_reported_by_its_rule_only(prod: Resources, change: Break) -> None:
    changed = [(kind, name, broken(change, kind_of(kind), inputs)) for kind, name, inputs in prod]
    reported = violations(changed)
    assert {rule for rule, _, _ in reported} == {change.rule}
    assert any(change.reason in reason for _, _, reason in reported)


def test_deliberate_violations_do_not_modify_the_valid_stack(prod: Resources) -> None:
    before = repr(prod)
    for change in policy.changes():
        for kind, _, inputs in prod:
            broken(change, kind_of(kind), inputs)
    assert repr(prod) == before


def test_unknown_stack_fails_with_its_name() -> None:
    with pytest.raises(UnknownStackError, match="there is no stack prd"):
        policy.check("prd")


CONTAINER = {
    "name": "c",
    "image": "i@sha256:" + "0" * 64,
    "resources": {"requests": {"cpu": "1", "memory": "1"}, "limits": {"memory": "1"}},
    "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
}
SAFE = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
POD = {"securityContext": SAFE, "containers": [CONTAINER]}


def deployed(**changes: Any) -> dict[str, Any]:
    return {"spec": {"template": {"spec": POD | changes}}}


def contained(**changes: Any) -> dict[str, Any]:
    return deployed(containers=[CONTAINER | changes])


def test_valid_pod_passes_in_every_workload_kind() -> None:
    job = {"spec": {"jobTemplate": {"spec": deployed()["spec"]}}}
    for kind, properties in (("Deployment", deployed()), ("Pod", {"spec": POD}), ("CronJob", job)):
        for rule in (restricted_pod_security, limits_set, image_by_digest):
            assert list(rule(kind, properties)) == []


@pytest.mark.parametrize("kind", ["Pod", "Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob"])
def test_minimal_container_is_reported_in_every_workload_kind(kind: str) -> None:
    pod = {"containers": [{"name": "c", "image": "i:1"}]}
    template = {"template": {"spec": pod}}
    spec: Any = {"Pod": pod, "CronJob": {"jobTemplate": {"spec": template}}}.get(kind, template)
    assert len(list(restricted_pod_security(kind, {"spec": spec}))) == 4
    assert len(list(limits_set(kind, {"spec": spec}))) == 3
    assert len(list(image_by_digest(kind, {"spec": spec}))) == 1


@pytest.mark.parametrize(
    ("properties", "reason"),
    [
        (deployed(hostPID=True), "hostPID is true"),
        (deployed(volumes=[{"name": "v", "hostPath": {"path": "/"}}]), "the volume v is a hostPath"),
        (deployed(initContainers=[{"name": "first"}]), "container first: allowPrivilegeEscalation"),
        (contained(securityContext=CONTAINER["securityContext"] | {"runAsUser": 0}), "user 0"),  # type: ignore[operator]
        (contained(ports=[{"hostPort": 80}]), "a host port"),
        (
            contained(
                securityContext={
                    "allowPrivilegeEscalation": False,
                    "capabilities": {"drop": ["ALL"], "add": ["SYS_ADMIN"]},
                }
            ),
            "adds the capabilities SYS_ADMIN",
        ),
        (deployed(securityContext={"runAsNonRoot": True}), "no seccomp profile"),
    ],
)
def test_restricted_standard_violation_names_reason_and_fix(properties: dict[str, Any], reason: str) -> None:
    (message,) = [text for text in restricted_pod_security("Deployment", properties) if reason in text]
    assert "; " in message


@pytest.mark.parametrize("kind", ["Service", "ConfigMap", "CustomResourceDefinition"])
def test_kinds_without_pods_are_not_checked(kind: str) -> None:
    for rule in (restricted_pod_security, limits_set, image_by_digest):
        assert list(rule(kind, deployed(hostPID=True))) == []


@pytest.mark.parametrize(
    "rule",
    [
        {"apiGroups": ["*"], "resources": ["pods"], "verbs": ["get"]},
        {"apiGroups": [""], "resources": ["*"], "verbs": ["get"]},
        {"apiGroups": [""], "resources": ["pods/*"], "verbs": ["get"]},
        {"nonResourceURLs": ["/metrics/*"], "verbs": ["get"]},
        {"apiGroups": ["rbac.authorization.k8s.io"], "resources": ["roles"], "verbs": ["escalate"]},
    ],
)
def test_wildcard_and_escalating_grants_are_reported(rule: dict[str, Any]) -> None:
    for kind in ("Role", "ClusterRole"):
        assert len(list(no_wildcard_rbac(kind, {"rules": [rule]}))) == 1
    assert list(no_wildcard_rbac("Deployment", {"rules": [rule]})) == []


ACCOUNTS = "Role", "ClusterRole"
READS_ALL = {"receiversReadAll": True, "gatewayEnabled": True, "gatewayReadAll": True}
TENANTS = {
    "receiversNamespaced": True,
    "gatewayEnabled": True,
    "gatewayTenantSources": True,
    "watchNamespaces": ["notification-system", "shop"],
}
DRILLS = {"drillSchedule": "@weekly", "operatorShards": 2, "operatorReplicas": 2}


def escalating(roles: Iterable[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """Return role and reason of each grant that escalates."""
    return [(r["metadata"]["name"], reason) for r in roles for reason in no_wildcard_rbac(r["kind"], r)]


@pytest.mark.parametrize("stack", ["dev", "ci", "kind", "staging", "prod"])
def test_accounts_of_each_stack_have_no_escalating_verb(stack: str) -> None:
    roles = [
        {"kind": kind_of(each), **inputs}
        for each, _, inputs in resources_of(stack)
        if kind_of(each) in ACCOUNTS
    ]
    assert len(roles) >= 3
    assert escalating(roles) == []


@pytest.mark.parametrize(
    "values", [{}, READS_ALL, TENANTS, DRILLS], ids=["defaults", "all", "tenants", "drills"]
)
def test_accounts_of_chart_and_yaml_have_no_escalating_verb(values: dict[str, Any]) -> None:
    settings = {**BASE, **values}
    for documents in (objects(settings), recorded_export(stack_settings(settings))):
        roles = [each for each in documents if each["kind"] in ACCOUNTS]
        assert len(roles) >= 3
        assert escalating(roles) == []


@pytest.mark.parametrize("grant", [*ESCALATIONS, *ESCALATIONS_WITHOUT_NAMES])
@pytest.mark.parametrize(
    "role", ["notification-operator.home.own", "notification-gateway.home.own", "drills"]
)
def test_escalating_verb_is_reported_of_each_account(role: str, grant: str) -> None:
    metadata = {"name": role}
    for verb in ESCALATIONS.get(grant, ()):
        for names in ({}, {"resourceNames": ["one"]}):
            rule = {"apiGroups": [""], "resources": [grant], "verbs": [verb], **names}
            (reason,) = no_wildcard_rbac("Role", {"metadata": metadata, "rules": [rule]})
            assert reason.startswith(f"rules[0] has {verb} on {grant}, which allows privilege escalation")


@pytest.mark.parametrize("verb", ["update", "patch", "delete"])
def test_write_of_leases_without_names_is_reported(verb: str) -> None:
    rule = {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": [verb]}
    metadata = {"name": "notification-gateway.home.own"}
    (reason,) = no_wildcard_rbac("Role", {"metadata": metadata, "rules": [rule]})
    assert reason.startswith(f"rules[0] has {verb} on leases, which allows privilege escalation")
    named = rule | {"resourceNames": ["notification-gateway-0"]}
    assert list(no_wildcard_rbac("Role", {"metadata": metadata, "rules": [named]})) == []


def test_every_exception_names_a_decision_and_is_used() -> None:
    used = [objects({**BASE, **values}) for values in (READS_ALL, TENANTS, DRILLS)]
    used.append([{"kind": kind_of(each), **inputs} for each, _, inputs in resources_of("dev", based("dev"))])
    granted = [
        (each["metadata"]["name"], resource, verb)
        for documents in used
        for each in documents
        if each["kind"] in ACCOUNTS
        for rule in each["rules"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    ]
    for each in EXCEPTIONS:
        assert each.decision.startswith("DD-")
        found = {
            verb
            for role, resource, verb in granted
            if each.role.fullmatch(role) and resource == each.resource
        }
        assert each.verbs <= found


def test_bind_is_reported_unless_it_names_its_roles() -> None:
    rule = {
        "apiGroups": ["rbac.authorization.k8s.io"],
        "resources": ["clusterroles"],
        "verbs": ["bind"],
    }
    (reason,) = no_wildcard_rbac("ClusterRole", {"rules": [rule]})
    assert "bind, which allows privilege escalation" in reason
    assert list(no_wildcard_rbac("ClusterRole", {"rules": [rule | {"resourceNames": ["viewer"]}]})) == []
    escalate = rule | {"verbs": ["bind", "escalate"], "resourceNames": ["viewer"]}
    (reason,) = no_wildcard_rbac("ClusterRole", {"rules": [escalate]})
    assert "verbs has escalate" in reason


@pytest.mark.parametrize(
    ("watch", "count"),
    [
        ({"namespaces": [], "namespace_selector": None}, 1),
        ({"namespaces": [], "namespace_selector": "team=web"}, 1),
        ({"namespaces": [], "namespace_selector": "kubernaut.ai/preview"}, 1),
        ({}, 1),
        ({"namespaces": [], "namespace_selector": "team=web, !kubernaut.ai/preview"}, 0),
        ({"namespaces": ["shop"]}, 0),
    ],
)
def test_operator_of_a_base_must_exclude_previews(watch: dict[str, Any], count: int) -> None:
    labels = {"kubernaut.ai/preview-base": "true"}
    annotations = {"kubernaut.ai/config": json.dumps({"watch": watch})}
    template = {"metadata": {"annotations": annotations}}
    config = Resource(kind="Deployment", name="operator", properties={"spec": {"template": template}})
    routing = Resource(kind="ConfigMap", name="routing", properties={"data": {"routing.yaml": "route: {}"}})
    base = Resource(kind="Namespace", name="namespace", properties={"metadata": {"labels": labels}})
    other = Resource(kind="Namespace", name="namespace", properties={"metadata": {}})
    assert len(list(previews_excluded([base, config, routing]))) == count
    assert list(previews_excluded([other, config, routing])) == []


@pytest.mark.parametrize("stack", ["prod", "staging"])
def test_production_stack_with_access_for_previews_violates_no_rule(stack: str) -> None:
    assert violations(resources_of(stack, based(stack))) == set()


@pytest.mark.parametrize(
    "text",
    [
        "url: https://hooks.slack.com/services/T0/B0/x",
        "xoxb-123456789012-abcdef",
        "-----BEGIN RSA PRIVATE KEY-----",
        "AKIAIOSFODNN7EXAMPLE",
        "ghp_" + "a" * 36,
        "postgres://me:pw@db/x",
        "Authorization: Bearer abcdefghijklmnop1234",
    ],
)
def test_secret_is_detected_by_pattern_and_not_printed(text: str) -> None:
    variable = contained(env=[{"name": "HARMLESS", "value": text}])
    annotated = {"metadata": {"annotations": {"note": text}}}
    for kind, properties in (
        ("ConfigMap", {"data": {"a": text}}),
        ("Deployment", variable),
        ("Service", annotated),
    ):
        (reason,) = no_plain_secrets(kind, properties)
        assert text not in reason
    assert list(no_plain_secrets("Secret", {"stringData": {"a": text}})) == []


@pytest.mark.parametrize(
    ("name", "count"), [("DB_PASSWORD", 1), ("api-key", 1), ("SLACK_TOKEN", 1), ("TOKENS_PER_SECOND", 0)]
)
def test_secret_is_detected_by_variable_name(name: str, count: int) -> None:
    assert len(list(no_plain_secrets("Deployment", contained(env=[{"name": name, "value": "x"}])))) == count
    referred = {"name": name, "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}
    assert list(no_plain_secrets("Deployment", contained(env=[referred]))) == []


@pytest.mark.parametrize(
    ("replicas", "budget", "count"),
    [
        (2, {"maxUnavailable": 1}, 0),
        (2, {"minAvailable": 1}, 0),
        (2, {"minAvailable": "50%"}, 0),
        (3, {"maxUnavailable": "34%"}, 0),
        (2, {"maxUnavailable": "51%"}, 1),
        (2, {"maxUnavailable": 2}, 1),
        (2, {"minAvailable": 0}, 1),
        (2, {}, 1),
        (2, None, 1),
        (1, {"maxUnavailable": 1}, 1),
    ],
)
def test_disruption_budget_must_leave_one_pod(
    replicas: int, budget: dict[str, Any] | None, count: int
) -> None:
    labels = {"app": "a"}
    template = {"metadata": {"labels": labels | {"more": "b"}}}
    resources = [
        Resource(
            kind="Deployment",
            name="d",
            properties={"metadata": {"namespace": "n"}, "spec": {"replicas": replicas, "template": template}},
        )
    ]
    if budget is not None:
        spec = {"selector": {"matchLabels": labels}, **budget}
        matching = {"metadata": {"namespace": "n"}, "spec": spec}
        other_namespace = {"metadata": {"namespace": "m"}, "spec": spec}
        resources.append(Resource(kind="PodDisruptionBudget", name="b", properties=matching))
        unprotected = [
            resources[0],
            Resource(kind="PodDisruptionBudget", name="b", properties=other_namespace),
        ]
        assert len(list(disruption_budget(unprotected))) == 1
    assert len(list(disruption_budget(resources))) == count


@pytest.mark.parametrize(
    ("spec", "count"),
    [
        (None, 2),
        ({"policyTypes": ["Ingress", "Egress"]}, 0),
        ({}, 1),
        ({"egress": [{"ports": [{"port": 443}]}]}, 0),
        ({"egress": [{"to": [{"podSelector": {}}]}], "ingress": [{"from": [{"podSelector": {}}]}]}, 0),
        ({"egress": [{}], "ingress": [{"ports": []}]}, 2),
    ],
)
def test_network_policy_must_limit_both_directions(spec: dict[str, Any] | None, count: int) -> None:
    labels = {"app": "a"}
    properties = {"metadata": {"namespace": "n"}, "spec": {"template": {"metadata": {"labels": labels}}}}
    resources = [Resource(kind="Deployment", name="d", properties=properties)]
    if spec is not None:
        limits = {"metadata": {"namespace": "n"}, "spec": {"podSelector": {"matchLabels": labels}, **spec}}
        resources.append(Resource(kind="NetworkPolicy", name="p", properties=limits))
    assert len(list(network_policy(resources))) == count


def test_only_kubernetes_resources_are_checked() -> None:
    assert kind_of("kubernetes:apps/v1:Deployment") == "Deployment"
    assert kind_of("pulumi:providers:kubernetes") is None
    assert violations([("aws:ecs/Deployment:Deployment", "d", deployed(hostPID=True))]) == set()
