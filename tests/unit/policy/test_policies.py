"""The policies: good stacks pass, each broken one is told by its rule, and what each rule looks at."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from platform_infra.cluster import Connection
from platform_policy.broken import Break, broken
from platform_policy.disruption import Resource, disruption_budget
from platform_policy.pack import RESOURCE_RULES, STACK_RULES, findings, kind_of
from platform_policy.permissions import no_wildcard_rbac
from platform_policy.pods import image_by_digest, limits_set, restricted_pod_security
from platform_policy.secrets_in_plain import no_plain_secrets
from tests.unit.infra.recording import record_settings
from tools.platform.commands import policy
from tools.platform.pulumi.stack_file import check_stack_file

if TYPE_CHECKING:
    from collections.abc import Mapping

RULES = RESOURCE_RULES.keys() | STACK_RULES.keys()
Asked = list[tuple[str, str, "Mapping[str, Any]"]]


def asked(stack: str) -> Asked:
    """What a committed stack asks for, without its cluster."""
    settings = check_stack_file(stack)
    recording = record_settings(settings, connect=lambda _opts: Connection(kubeconfig="", context=""))
    return [(entry.type, entry.name, entry.inputs) for entry in recording.registered]


@pytest.fixture(scope="module")
def prod() -> Asked:
    return asked("prod")


@pytest.mark.parametrize("stack", ["prod", "staging"])
def test_the_stacks_that_others_depend_on_pass_every_rule(stack: str) -> None:
    assert findings(asked(stack)) == set()
    assert json.loads(policy.levels(stack).read_text("utf-8")) == {"all": "mandatory"}


@pytest.mark.parametrize("stack", ["dev", "ci"])
def test_a_local_stack_fails_only_rules_that_are_not_for_it(stack: str) -> None:
    levels = json.loads(policy.levels(stack).read_text("utf-8"))
    assert levels.pop("all") == "advisory"
    assert {rule for rule, _, _ in findings(asked(stack))} <= {
        rule for rule in levels if levels[rule] == "disabled"
    }
    assert levels.keys() <= RULES


def test_every_rule_has_a_stack_that_is_broken_for_it() -> None:
    assert {change.rule for change in policy.changes()} == RULES


@pytest.mark.parametrize(
    "change", policy.changes(), ids=lambda change: f"{change.rule}-{change.at.replace('/', '.')}"
)
def test_each_broken_stack_is_told_by_its_rule(prod: Asked, change: Break) -> None:
    spoiled = [(kind, name, broken(change, kind_of(kind), inputs)) for kind, name, inputs in prod]
    found = findings(spoiled)
    assert {rule for rule, _, _ in found} == {change.rule}
    assert any(change.told in reason for _, _, reason in found)


def test_breaking_leaves_the_good_stack_as_it_was(prod: Asked) -> None:
    before = repr(prod)
    for change in policy.changes():
        for kind, _, inputs in prod:
            broken(change, kind_of(kind), inputs)
    assert repr(prod) == before


def test_a_stack_that_does_not_exist_does_not_pass() -> None:
    with pytest.raises(policy.PolicyError, match="there is no stack prd"):
        policy.check("prd")


GOOD = {
    "name": "c",
    "image": "i@sha256:" + "0" * 64,
    "resources": {"requests": {"cpu": "1", "memory": "1"}, "limits": {"memory": "1"}},
    "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
}
SAFE = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
POD = {"securityContext": SAFE, "containers": [GOOD]}


def deployed(**changes: Any) -> dict[str, Any]:
    return {"spec": {"template": {"spec": POD | changes}}}


def contained(**changes: Any) -> dict[str, Any]:
    return deployed(containers=[GOOD | changes])


def test_a_good_pod_passes_wherever_it_stands() -> None:
    job = {"spec": {"jobTemplate": {"spec": deployed()["spec"]}}}
    for kind, properties in (("Deployment", deployed()), ("Pod", {"spec": POD}), ("CronJob", job)):
        for rule in (restricted_pod_security, limits_set, image_by_digest):
            assert list(rule(kind, properties)) == []


@pytest.mark.parametrize("kind", ["Pod", "Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob"])
def test_a_bare_container_is_told_of_wherever_it_stands(kind: str) -> None:
    pod = {"containers": [{"name": "c", "image": "i:1"}]}
    template = {"template": {"spec": pod}}
    spec: Any = {"Pod": pod, "CronJob": {"jobTemplate": {"spec": template}}}.get(kind, template)
    assert len(list(restricted_pod_security(kind, {"spec": spec}))) == 4
    assert len(list(limits_set(kind, {"spec": spec}))) == 3
    assert len(list(image_by_digest(kind, {"spec": spec}))) == 1


@pytest.mark.parametrize(
    ("properties", "told"),
    [
        (deployed(hostPID=True), "hostPID is true"),
        (deployed(volumes=[{"name": "v", "hostPath": {"path": "/"}}]), "the volume v is a hostPath"),
        (deployed(initContainers=[{"name": "first"}]), "container first: allowPrivilegeEscalation"),
        (contained(securityContext=GOOD["securityContext"] | {"runAsUser": 0}), "user 0"),  # type: ignore[operator]
        (contained(ports=[{"hostPort": 80}]), "a port of its host"),
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
def test_what_leaves_the_restricted_standard_is_told(properties: dict[str, Any], told: str) -> None:
    (reason,) = [text for text in restricted_pod_security("Deployment", properties) if told in text]
    assert "; " in reason


@pytest.mark.parametrize("kind", ["Service", "ConfigMap", "CustomResourceDefinition"])
def test_what_makes_no_pod_is_no_pod(kind: str) -> None:
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
def test_grants_that_nobody_has_named_are_told(rule: dict[str, Any]) -> None:
    for kind in ("Role", "ClusterRole"):
        assert len(list(no_wildcard_rbac(kind, {"rules": [rule]}))) == 1
    assert list(no_wildcard_rbac("Deployment", {"rules": [rule]})) == []


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
def test_a_secret_is_found_by_its_shape_and_not_shown(text: str) -> None:
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
    ("name", "found"), [("DB_PASSWORD", 1), ("api-key", 1), ("SLACK_TOKEN", 1), ("TOKENS_PER_SECOND", 0)]
)
def test_a_secret_is_found_by_its_name(name: str, found: int) -> None:
    assert len(list(no_plain_secrets("Deployment", contained(env=[{"name": name, "value": "x"}])))) == found
    referred = {"name": name, "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}
    assert list(no_plain_secrets("Deployment", contained(env=[referred]))) == []


@pytest.mark.parametrize(
    ("replicas", "budget", "told"),
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
def test_a_budget_has_to_leave_a_pod(replicas: int, budget: dict[str, Any] | None, told: int) -> None:
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
        chosen = {"metadata": {"namespace": "n"}, "spec": spec}
        elsewhere = {"metadata": {"namespace": "m"}, "spec": spec}
        resources.append(Resource(kind="PodDisruptionBudget", name="b", properties=chosen))
        alone = [resources[0], Resource(kind="PodDisruptionBudget", name="b", properties=elsewhere)]
        assert len(list(disruption_budget(alone))) == 1
    assert len(list(disruption_budget(resources))) == told


def test_only_kubernetes_objects_are_looked_at() -> None:
    assert kind_of("kubernetes:apps/v1:Deployment") == "Deployment"
    assert kind_of("pulumi:providers:kubernetes") is None
    assert findings([("aws:ecs/Deployment:Deployment", "d", deployed(hostPID=True))]) == set()
