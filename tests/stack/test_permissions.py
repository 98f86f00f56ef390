"""The operator's account has exactly the rights that the operator uses, according to the API server."""

import pytest

from notification_contract.names import GATEWAY
from tests.harness.operator_under_test import OperatorUnderTest
from tests.harness.rights import Rights

HERE = {
    ("get", "kubernaut.ai", "notificationrequests", ""),
    ("list", "kubernaut.ai", "notificationrequests", ""),
    ("watch", "kubernaut.ai", "notificationrequests", ""),
    ("delete", "kubernaut.ai", "notificationrequests", ""),
    ("update", "kubernaut.ai", "notificationrequests", "status"),
    ("get", "kubernaut.ai", "notificationreceivers", ""),
    ("list", "kubernaut.ai", "notificationreceivers", ""),
    ("watch", "kubernaut.ai", "notificationreceivers", ""),
    ("update", "kubernaut.ai", "notificationreceivers", "status"),
    ("list", "", "namespaces", ""),
    ("watch", "", "namespaces", ""),
    ("create", "events.k8s.io", "events", ""),
}
"""In a watched namespace."""
AT_HOME = {
    ("list", "coordination.k8s.io", "leases", ""),
    ("create", "coordination.k8s.io", "leases", ""),
    ("create", "events.k8s.io", "events", ""),
    *((verb, "", resource, "") for resource in ("secrets", "configmaps") for verb in ("list", "watch")),
}
"""In the operator's own namespace, in addition to the rights everywhere."""
WITH_A_GATEWAY = {
    ("create", "kubernaut.ai", "notificationrequests", ""),
    ("get", "kubernaut.ai", "notificationsources", ""),
    ("list", "kubernaut.ai", "notificationsources", ""),
    ("watch", "kubernaut.ai", "notificationsources", ""),
    ("update", "kubernaut.ai", "notificationsources", "status"),
}
"""In its own namespace, for heartbeats, if the gateway is there."""
RESOURCES = (
    ("kubernaut.ai", "notificationrequests", ""),
    ("kubernaut.ai", "notificationrequests", "status"),
    ("kubernaut.ai", "notificationreceivers", ""),
    ("kubernaut.ai", "notificationreceivers", "status"),
    ("kubernaut.ai", "notificationsources", ""),
    ("kubernaut.ai", "notificationsources", "status"),
    ("", "namespaces", ""),
    ("", "secrets", ""),
    ("", "pods", ""),
    ("", "configmaps", ""),
    ("", "events", ""),
    ("events.k8s.io", "events", ""),
    ("coordination.k8s.io", "leases", ""),
    ("apiextensions.k8s.io", "customresourcedefinitions", ""),
    ("rbac.authorization.k8s.io", "clusterroles", ""),
)
LEASES = ("coordination.k8s.io", "leases", "")


def rights(operator: OperatorUnderTest) -> Rights:
    return Rights(operator.cluster, operator.workload.account)


def has_gateway(operator: OperatorUnderTest) -> bool:
    """Return whether the gateway runs in the operator's namespace: that of a local process has none."""
    return bool(operator.cluster.pods(operator.workload.namespace, f"app.kubernetes.io/name={GATEWAY}"))


@pytest.mark.parametrize("resource", RESOURCES, ids=lambda resource: "/".join(filter(None, resource)))
def test_operator_rbac_grants_exactly_what_is_used(
    shipped_operator: OperatorUnderTest, resource: tuple[str, str, str]
) -> None:
    allowed = rights(shipped_operator).verbs(*resource, namespace=shipped_operator.namespace)
    assert allowed == {verb for verb, *target in HERE if tuple(target) == resource}


@pytest.mark.parametrize("resource", RESOURCES, ids=lambda resource: "/".join(filter(None, resource)))
def test_operator_namespace_role_grants_exactly_what_is_used_there(
    shipped_operator: OperatorUnderTest, resource: tuple[str, str, str]
) -> None:
    home = shipped_operator.workload.namespace
    expected = HERE | AT_HOME | (WITH_A_GATEWAY if has_gateway(shipped_operator) else set())
    allowed = rights(shipped_operator).verbs(*resource, namespace=home)
    assert allowed == {verb for verb, *target in expected if tuple(target) == resource}


@pytest.mark.parametrize("name", ["notification-operator", "other"])
def test_lease_role_grants_updates_of_the_operator_lease_only(
    shipped_operator: OperatorUnderTest, name: str
) -> None:
    home = shipped_operator.workload.namespace
    expected = {"list", "create"} | ({"update"} if name == "notification-operator" else set())
    assert rights(shipped_operator).verbs(*LEASES, namespace=home, name=name) == expected


@pytest.mark.parametrize("resource", ["configmaps", "secrets"])
def test_api_server_lists_references_in_the_operator_namespace_only(
    shipped_operator: OperatorUnderTest, resource: str
) -> None:
    for namespace, code in (
        (shipped_operator.workload.namespace, 200),
        (shipped_operator.namespace, 403),
        ("kube-system", 403),
    ):
        path = f"/api/v1/namespaces/{namespace}/{resource}?fieldSelector=metadata.name=any"
        assert rights(shipped_operator).code("GET", path) == code
    assert rights(shipped_operator).code("GET", f"/api/v1/{resource}") == 403


def test_api_server_rejects_a_status_patch_by_the_operator_account(
    shipped_operator: OperatorUnderTest,
) -> None:
    path = (
        f"/apis/kubernaut.ai/v1alpha1/namespaces/{shipped_operator.namespace}/notificationrequests/any/status"
    )
    assert rights(shipped_operator).code("PATCH", path, b'{"status": {"phase": "Sent"}}') == 403
