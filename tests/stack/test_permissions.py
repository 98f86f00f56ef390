"""The operator's account has exactly the rights that the operator uses, according to the API server."""

import pytest

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
RESOURCES = (
    ("kubernaut.ai", "notificationrequests", ""),
    ("kubernaut.ai", "notificationrequests", "status"),
    ("kubernaut.ai", "notificationreceivers", ""),
    ("kubernaut.ai", "notificationreceivers", "status"),
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


def rights(operator: OperatorUnderTest) -> Rights:
    return Rights(operator.cluster, operator.workload.account)


@pytest.mark.parametrize("resource", RESOURCES, ids=lambda resource: "/".join(filter(None, resource)))
def test_operator_rbac_grants_exactly_what_is_used(
    shipped_operator: OperatorUnderTest, resource: tuple[str, str, str]
) -> None:
    allowed = rights(shipped_operator).verbs(*resource, namespace=shipped_operator.namespace)
    assert allowed == {verb for verb, *target in HERE if tuple(target) == resource}


@pytest.mark.parametrize(
    "resource",
    [
        ("", "configmaps", ""),
        ("", "secrets", ""),
        ("events.k8s.io", "events", ""),
        ("coordination.k8s.io", "leases", ""),
    ],
    ids=lambda resource: "/".join(filter(None, resource)),
)
def test_operator_namespace_role_grants_leases_events_and_references(
    shipped_operator: OperatorUnderTest, resource: tuple[str, str, str]
) -> None:
    allowed = rights(shipped_operator).verbs(*resource, namespace=shipped_operator.workload.namespace)
    assert allowed == {verb for verb, *target in AT_HOME if tuple(target) == resource}


@pytest.mark.parametrize(
    ("name", "expected"),
    [("notification-operator", {"list", "create", "update"}), ("other", {"list", "create"})],
)
def test_lease_role_grants_updates_of_the_operator_lease_only(
    shipped_operator: OperatorUnderTest, name: str, expected: set[str]
) -> None:
    lease, home = ("coordination.k8s.io", "leases", ""), shipped_operator.workload.namespace
    assert rights(shipped_operator).verbs(*lease, namespace=home, name=name) == expected


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
