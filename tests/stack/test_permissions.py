"""The operator's account has exactly the rights that the operator uses, according to the API server."""

from typing import Any

import pytest
from kubernetes import client

from tests.harness.operator_under_test import OperatorUnderTest

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
VERBS = ("get", "list", "watch", "create", "update", "patch", "delete", "deletecollection")
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


@pytest.mark.parametrize("resource", RESOURCES, ids=lambda resource: "/".join(filter(None, resource)))
def test_operator_rbac_grants_exactly_what_is_used(
    shipped_operator: OperatorUnderTest, resource: tuple[str, str, str]
) -> None:
    allowed = {verb for verb in VERBS if may(shipped_operator, verb, *resource)}
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
    allowed = {
        verb
        for verb in VERBS
        if may(shipped_operator, verb, *resource, namespace=shipped_operator.workload.namespace)
    }
    assert allowed == {verb for verb, *target in AT_HOME if tuple(target) == resource}


@pytest.mark.parametrize(
    ("name", "expected"),
    [("notification-operator", {"list", "create", "update"}), ("other", {"list", "create"})],
)
def test_lease_role_grants_updates_of_the_operator_lease_only(
    shipped_operator: OperatorUnderTest, name: str, expected: set[str]
) -> None:
    lease, home = ("coordination.k8s.io", "leases", ""), shipped_operator.workload.namespace
    assert {
        verb for verb in VERBS if may(shipped_operator, verb, *lease, namespace=home, name=name)
    } == expected


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
        assert call(shipped_operator, "GET", path) == code
    assert call(shipped_operator, "GET", f"/api/v1/{resource}") == 403


def test_api_server_rejects_a_status_patch_by_the_operator_account(
    shipped_operator: OperatorUnderTest,
) -> None:
    path = (
        f"/apis/kubernaut.ai/v1alpha1/namespaces/{shipped_operator.namespace}/notificationrequests/any/status"
    )
    assert call(shipped_operator, "PATCH", path, b'{"status": {"phase": "Sent"}}') == 403


def call(operator: OperatorUnderTest, verb: str, path: str, body: bytes | None = None) -> int:
    """Make a request as the operator's account, and return the response code."""
    answer = operator.cluster.api.rest_client.pool_manager.request(
        verb,
        operator.cluster.api.configuration.host + path,
        body=body,
        headers={
            "Content-Type": "application/merge-patch+json",
            "Impersonate-User": f"system:serviceaccount:{operator.workload.namespace}:notification-operator",
        },
    )
    return int(answer.status)


def may(
    operator: OperatorUnderTest,
    verb: str,
    group: str,
    resource: str,
    subresource: str,
    *,
    namespace: str = "",
    name: str = "",
) -> bool:
    """Return whether the operator's account may do this, by default in the test's namespace."""
    account = f"system:serviceaccount:{operator.workload.namespace}:notification-operator"
    attributes: dict[str, Any] = {
        "namespace": namespace or operator.namespace,
        "name": name,
        "verb": verb,
        "group": group,
        "resource": resource,
        "subresource": subresource,
    }
    review = {
        "spec": {"user": account, "groups": ["system:serviceaccounts"], "resourceAttributes": attributes}
    }
    answer = client.AuthorizationV1Api(operator.cluster.api).create_subject_access_review(review)
    return bool(answer.status.allowed)
