"""The rights that objects need, what pods refer to, and the roles that grant what is missing."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml

from platform_infra.cluster.api_client import Answer, ApiClient
from platform_infra.settings.reader import parse
from tools.platform.kinds import Kind
from tools.platform.preflight.examination import REVIEWS, Report, examine, setting
from tools.platform.preflight.rights import (
    Need,
    PlannedObject,
    Reference,
    Right,
    kinds_of_others,
    manifest,
    needs,
    references,
)

RBAC = "rbac.authorization.k8s.io"
KINDS = [
    ("v1", "Namespace", False),
    ("v1", "ConfigMap", True),
    ("apps/v1", "Deployment", True),
    (f"{RBAC}/v1", "Role", True),
    (f"{RBAC}/v1", "RoleBinding", True),
]
SERVED = {
    (version, name): Kind(version=version, name=name, plural=f"{name.lower()}s", namespaced=namespaced)
    for version, name, namespaced in KINDS
}


def planned(version: str, kind: str, name: str, namespace: str = "", **more: Any) -> PlannedObject:
    metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
    return PlannedObject(document={"apiVersion": version, "kind": kind, "metadata": metadata, **more})


def rights_of(*objects: PlannedObject) -> set[tuple[str, str, str, str]]:
    """Return namespace, resource, name and verbs that are needed, the verbs sorted."""
    verbs: dict[tuple[str, str, str], set[str]] = {}
    for need in needs(objects, SERVED):
        right = need.right
        verbs.setdefault((right.namespace, right.resource, right.name), set()).add(right.verb)
    return {(*key, " ".join(sorted(each))) for key, each in verbs.items()}


def test_object_needs_its_own_verbs_by_name_and_a_watch_of_its_kind() -> None:
    assert rights_of(planned("v1", "ConfigMap", "c", "a")) == {
        ("a", "configmaps", "c", "create delete get patch"),
        ("a", "configmaps", "", "list watch"),
    }


def test_deployment_needs_what_is_watched_until_it_is_ready() -> None:
    watched = {
        resource for _, resource, name, _ in rights_of(planned("apps/v1", "Deployment", "d", "a")) if not name
    }
    assert watched == {"deployments", "replicasets", "pods", "persistentvolumeclaims"}


def test_namespace_of_others_is_only_read() -> None:
    home = PlannedObject(
        document={"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "a"}}, only_read=True
    )
    assert rights_of(home) == {("a", "namespaces", "a", "get")}


def test_role_and_binding_need_what_they_grant_or_escalate_and_bind() -> None:
    rules = [{"apiGroups": ["g"], "resources": ["r/status"], "verbs": ["update"], "resourceNames": ["n"]}]
    role = planned(f"{RBAC}/v1", "Role", "operator", "a", rules=rules)
    reference = {"apiGroup": RBAC, "kind": "Role", "name": "operator"}
    binding = planned(f"{RBAC}/v1", "RoleBinding", "operator", "a", roleRef=reference)
    held = [need for need in needs([role, binding], SERVED) if need.unless]
    right = Right(namespace="a", group="g", resource="r/status", verb="update", name="n")

    def on_roles(verb: str) -> Right:
        return Right(namespace="a", group=RBAC, resource="roles", verb=verb, name="operator")

    assert held == [
        Need(
            right=right,
            purpose="grant it in",
            subject="Role a/operator",
            unless=on_roles("escalate"),
        ),
        Need(right=right, purpose="bind it in", subject="RoleBinding a/operator", unless=on_roles("bind")),
    ]


def test_binding_to_a_role_of_others_needs_the_verb_bind() -> None:
    reference = {"apiGroup": RBAC, "kind": "ClusterRole", "name": "manager"}
    binding = planned(f"{RBAC}/v1", "RoleBinding", "manager", "a", roleRef=reference)
    bind = Right(namespace="a", group=RBAC, resource="clusterroles", verb="bind", name="manager")
    assert bind in {need.right for need in needs([binding], SERVED)}


def test_pods_refer_to_what_the_program_does_not_create() -> None:
    pod = {
        "imagePullSecrets": [{"name": "registry"}],
        "containers": [
            {
                "env": [
                    {"name": "A", "value": "x"},
                    {"name": "B", "valueFrom": {"secretKeyRef": {"name": "slack", "key": "url"}}},
                    {"name": "C", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
                ]
            }
        ],
        "volumes": [
            {"name": "config", "configMap": {"name": "own"}},
            {"name": "ca", "configMap": {"name": "roots", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
            {"name": "tls", "secret": {"secretName": "tls", "optional": True}},
            {"name": "all", "projected": {"sources": [{"secret": {"name": "inner"}}]}},
            {"name": "files", "persistentVolumeClaim": {"claimName": "files"}},
        ],
    }
    deployment = planned("apps/v1", "Deployment", "d", "a", spec={"template": {"spec": pod}})
    own = planned("v1", "ConfigMap", "own", "a")
    assert references([deployment, own]) == sorted(
        [
            Reference(kind="Secret", namespace="a", name="registry"),
            Reference(kind="Secret", namespace="a", name="slack", key="url"),
            Reference(kind="ConfigMap", namespace="a", name="roots", key="ca.crt"),
            Reference(kind="Secret", namespace="a", name="inner"),
            Reference(kind="PersistentVolumeClaim", namespace="a", name="files"),
        ]
    )


def test_receivers_refer_to_secrets_that_the_program_does_not_create() -> None:
    spec = {
        "type": "webhook",
        "webhook": {
            "urlSecretRef": {"name": "own"},
            "headersSecretRef": {"name": "vault", "keys": ["Authorization"]},
        },
        "tls": {"certSecretRef": {"name": "client"}},
    }
    receiver = planned("kubernaut.ai/v1alpha1", "NotificationReceiver", "r", "a", spec=spec)

    def of_receiver(name: str, key: str) -> Reference:
        return Reference(kind="Secret", namespace="a", name=name, key=key, of_receiver=True)

    assert references([receiver, planned("v1", "Secret", "own", "a")]) == [
        of_receiver("client", "tls.crt"),
        of_receiver("client", "tls.key"),
        of_receiver("vault", "Authorization"),
    ]


def test_missing_rights_become_a_role_in_each_place() -> None:
    rights = [
        Right(namespace="a", group="g", resource="r", verb="get"),
        Right(namespace="a", group="g", resource="r", verb="create"),
        Right(namespace="a", group="g", resource="r", verb="get", name="n"),
        Right(namespace="a", group="g", resource="r", verb="get", name="o"),
        Right(namespace="", group="", resource="namespaces", verb="create"),
    ]
    documents = list(yaml.safe_load_all(manifest(rights, "system:serviceaccount:ci:deployer")))
    assert [each["kind"] for each in documents] == [
        "ClusterRole",
        "ClusterRoleBinding",
        "Role",
        "RoleBinding",
    ]
    assert documents[2]["rules"] == [
        {"apiGroups": ["g"], "resources": ["r"], "verbs": ["create", "get"]},
        {"apiGroups": ["g"], "resources": ["r"], "resourceNames": ["n", "o"], "verbs": ["get"]},
    ]
    assert documents[3]["subjects"] == [{"kind": "ServiceAccount", "name": "deployer", "namespace": "ci"}]
    user = list(yaml.safe_load_all(manifest(rights[:1], "ann@example.com")))[1]["subjects"]
    assert user == [{"apiGroup": RBAC, "kind": "User", "name": "ann@example.com"}]


def test_report_lists_all_verbs_of_an_object_in_one_line() -> None:
    def need(verb: str, namespace: str = "a") -> Need:
        right = Right(namespace=namespace, group="g", resource="r/status", verb=verb, name="n")
        return Need(right=right, purpose=verb, subject="R a/n")

    report = Report(
        missing=[need("get"), need("update"), need("get", "")],
        hints=["set crdManaged to false"],
        findings=["the Secret a/s does not exist; create it"],
        notes=["whether it works"],
    )
    assert list(report.lines()) == [
        "missing rights in the whole cluster:",
        "  - get r.g/status n: to get R a/n",
        "missing rights in the namespace a:",
        "  - get, update r.g/status n: to get R a/n, to update R a/n",
        "to need fewer rights: set crdManaged to false",
        "- the Secret a/s does not exist; create it",
        "not checked: whether it works",
    ]
    assert not report.passed
    assert Report(notes=["whether it works"]).passed


def test_objects_that_a_setting_leaves_out_name_it() -> None:
    assert (
        setting(planned("v1", "Namespace", "a"))
        == "set namespaceManaged to false to use a namespace of others"
    )
    role = planned(f"{RBAC}/v1", "ClusterRole", "notification-operator.a")
    assert "watchNamespaces" in setting(role)
    assert "crdUserRoles" in setting(planned(f"{RBAC}/v1", "ClusterRole", "notifications-viewer"))
    assert setting(planned("v1", "ConfigMap", "c", "a")) == ""
    assert (
        setting(planned("networking.k8s.io/v1", "Ingress", "notification-gateway", "a"))
        == "remove gatewayHost"
    )


class ServedKinds(ApiClient):
    """An API server that serves kinds, permits everything, and has a quota of processor time in each namespace."""

    def __init__(self, *kinds: str) -> None:
        super().__init__(None)
        self._kinds = kinds

    def send(self, method: str, path: str, body: Any = None, *, accept: str = "") -> Answer:
        del accept
        if path.endswith("/pods?dryRun=All"):
            (container,) = body["spec"]["containers"]
            text = f"exceeded quota: q: must specify limits.cpu for: {container['name']}"
            return Answer(status=403, text=json.dumps({"message": text}))
        if path == REVIEWS:
            return Answer(status=201, text=json.dumps({"status": {"allowed": True}}))
        served = [{"name": f"{kind.lower()}s", "kind": kind, "namespaced": True} for kind in self._kinds]
        return Answer(status=200, text=json.dumps({"resources": served} if method == "GET" else {}))


GUEST = {"crdManaged": "false", "gatewayEnabled": "true"}
REQUEST, RECEIVER, SOURCE = "NotificationRequest", "NotificationReceiver", "NotificationSource"


@pytest.mark.parametrize(
    ("values", "kinds"),
    [
        (GUEST, [REQUEST, RECEIVER, SOURCE]),
        ({"crdManaged": "false"}, [REQUEST, RECEIVER]),
        ({"crdManaged": "false", "receiversEnabled": "false"}, [REQUEST]),
        ({"crdManaged": "false", "operatorEnabled": "false"}, []),
        ({"gatewayEnabled": "true"}, []),
    ],
)
def test_programs_need_the_kinds_whose_crds_the_stack_does_not_own(
    values: dict[str, str], kinds: list[str]
) -> None:
    assert kinds_of_others(parse(values)) == kinds


def test_kind_that_the_gateway_needs_must_be_served() -> None:
    needed = kinds_of_others(parse(GUEST))
    (finding,) = examine(ServedKinds(REQUEST, RECEIVER), [], needed).findings
    assert finding.startswith(
        f"the cluster does not serve the kind {SOURCE} of kubernaut.ai/v1alpha1; ask the owner of the cluster to install the CRDs"
    )
    assert examine(ServedKinds(REQUEST, RECEIVER, SOURCE), [], needed).passed


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("notification-operator", "operatorCpuLimit"),
        ("notification-gateway", "gatewayCpuLimit"),
        ("notification-drill", "operatorCpuLimit"),
    ],
)
def test_quota_of_processor_time_names_the_setting_of_the_limit(name: str, key: str) -> None:
    pod = {"containers": [{"name": "one"}]}
    deployment = planned("apps/v1", "Deployment", name, "a", spec={"template": {"spec": pod}})
    (finding,) = examine(ServedKinds("Deployment"), [deployment]).findings
    assert finding == (
        f"the API server does not accept the pods of Deployment a/{name}: exceeded quota: q: must specify limits.cpu for: one; "
        f"set {key} to a limit that the quota permits, or ask the owner of the cluster"
    )


@pytest.mark.parametrize("kind", ["ClusterRole", "ClusterRoleBinding"])
def test_role_of_the_gateway_names_the_settings_that_do_without_it(kind: str) -> None:
    hint = setting(planned(f"{RBAC}/v1", kind, "notification-gateway.a"))
    for key in ("gatewayTokenReviews", "gatewayTenantSources", "watchNamespaces"):
        assert key in hint
