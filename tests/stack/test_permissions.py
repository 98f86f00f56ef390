"""The operator's account may do what the operator does, and nothing else: asked of the API server."""

from typing import Any

import pytest
from kubernetes import client

from tests.stack.suite import Suite

RULES = "notification-routing-config"
HERE = {
    ("get", "kubernaut.ai", "notificationrequests", ""),
    ("list", "kubernaut.ai", "notificationrequests", ""),
    ("watch", "kubernaut.ai", "notificationrequests", ""),
    ("delete", "kubernaut.ai", "notificationrequests", ""),
    ("update", "kubernaut.ai", "notificationrequests", "status"),
    ("list", "", "namespaces", ""),
    ("watch", "", "namespaces", ""),
    ("create", "events.k8s.io", "events", ""),
    ("patch", "events.k8s.io", "events", ""),
}
"""In a namespace that is served."""
AT_HOME = {
    ("list", "coordination.k8s.io", "leases", ""),
    ("create", "coordination.k8s.io", "leases", ""),
    ("update", "coordination.k8s.io", "leases", ""),
    ("create", "events.k8s.io", "events", ""),
    ("patch", "events.k8s.io", "events", ""),
}
"""In the operator's own namespace, beside what holds everywhere."""
VERBS = ("get", "list", "watch", "create", "update", "patch", "delete", "deletecollection")
RESOURCES = (
    ("kubernaut.ai", "notificationrequests", ""),
    ("kubernaut.ai", "notificationrequests", "status"),
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
def test_the_operator_may_do_exactly_what_it_does(served: Suite, resource: tuple[str, str, str]) -> None:
    allowed = {verb for verb in VERBS if may(served, verb, *resource)}
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
def test_at_home_it_may_keep_a_lease_and_post_events(served: Suite, resource: tuple[str, str, str]) -> None:
    allowed = {verb for verb in VERBS if may(served, verb, *resource, namespace=served.operator.namespace)}
    assert allowed == {verb for verb, *target in AT_HOME if tuple(target) == resource}


@pytest.mark.parametrize(("name", "expected"), [(RULES, {"list", "watch"}), ("kube-root-ca.crt", set())])
def test_of_all_config_maps_it_may_follow_the_one_with_its_rules(
    served: Suite, name: str, expected: set[str]
) -> None:
    home = served.operator.namespace
    assert {
        verb for verb in VERBS if may(served, verb, "", "configmaps", "", namespace=home, name=name)
    } == expected


@pytest.mark.parametrize(
    ("selector", "code"),
    [(f"metadata.name={RULES}", 200), ("metadata.name=kube-root-ca.crt", 403), ("", 403)],
)
def test_the_api_server_lists_for_it_the_config_map_with_the_rules_and_no_other(
    served: Suite, selector: str, code: int
) -> None:
    path = f"/api/v1/namespaces/{served.operator.namespace}/configmaps?fieldSelector={selector}"
    assert call(served, "GET", path) == code


def test_the_api_server_refuses_the_operator_s_account_a_patch_of_a_status(served: Suite) -> None:
    path = f"/apis/kubernaut.ai/v1alpha1/namespaces/{served.namespace}/notificationrequests/any/status"
    assert call(served, "PATCH", path, b'{"status": {"phase": "Sent"}}') == 403


def call(suite: Suite, verb: str, path: str, body: bytes | None = None) -> int:
    """Make a call in the name of the operator's account, and return the answer's code."""
    answer = suite.cluster.api.rest_client.pool_manager.request(
        verb,
        suite.cluster.api.configuration.host + path,
        body=body,
        headers={
            "Content-Type": "application/merge-patch+json",
            "Impersonate-User": f"system:serviceaccount:{suite.operator.namespace}:notification-operator",
        },
    )
    return int(answer.status)


def may(
    suite: Suite,
    verb: str,
    group: str,
    resource: str,
    subresource: str,
    *,
    namespace: str = "",
    name: str = "",
) -> bool:
    """Ask the API server whether the operator's account may do this, in the test's namespace if in no other."""
    account = f"system:serviceaccount:{suite.operator.namespace}:notification-operator"
    attributes: dict[str, Any] = {
        "namespace": namespace or suite.namespace,
        "name": name,
        "verb": verb,
        "group": group,
        "resource": resource,
        "subresource": subresource,
    }
    review = {
        "spec": {"user": account, "groups": ["system:serviceaccounts"], "resourceAttributes": attributes}
    }
    answer = client.AuthorizationV1Api(suite.cluster.api).create_subject_access_review(review)
    return bool(answer.status.allowed)
