"""The operator's account may do what the operator does, and nothing else: asked of the API server."""

from typing import Any

import pytest
from kubernetes import client

from tests.stack.suite import Suite

ALLOWED = {
    ("get", "kubernaut.ai", "notificationrequests", ""),
    ("list", "kubernaut.ai", "notificationrequests", ""),
    ("watch", "kubernaut.ai", "notificationrequests", ""),
    ("update", "kubernaut.ai", "notificationrequests", "status"),
    ("list", "", "namespaces", ""),
    ("watch", "", "namespaces", ""),
}
VERBS = ("get", "list", "watch", "create", "update", "patch", "delete", "deletecollection")
RESOURCES = (
    ("kubernaut.ai", "notificationrequests", ""),
    ("kubernaut.ai", "notificationrequests", "status"),
    ("", "namespaces", ""),
    ("", "secrets", ""),
    ("", "pods", ""),
    ("", "configmaps", ""),
    ("events.k8s.io", "events", ""),
    ("apiextensions.k8s.io", "customresourcedefinitions", ""),
    ("rbac.authorization.k8s.io", "clusterroles", ""),
)


@pytest.mark.parametrize("resource", RESOURCES, ids=lambda resource: "/".join(filter(None, resource)))
def test_the_operator_may_do_exactly_what_it_does(served: Suite, resource: tuple[str, str, str]) -> None:
    allowed = {verb for verb in VERBS if may(served, verb, *resource)}
    assert allowed == {verb for verb, *target in ALLOWED if tuple(target) == resource}


def test_the_api_server_refuses_the_operator_s_account_a_patch_of_a_status(served: Suite) -> None:
    account = f"system:serviceaccount:{served.operator.namespace}:notification-operator"
    path = f"/apis/kubernaut.ai/v1alpha1/namespaces/{served.namespace}/notificationrequests/any/status"
    answer = served.cluster.api.rest_client.pool_manager.request(
        "PATCH",
        served.cluster.api.configuration.host + path,
        body=b'{"status": {"phase": "Sent"}}',
        headers={"Content-Type": "application/merge-patch+json", "Impersonate-User": account},
    )
    assert answer.status == 403


def may(suite: Suite, verb: str, group: str, resource: str, subresource: str) -> bool:
    """Ask the API server whether the operator's account may do this in the test's namespace."""
    account = f"system:serviceaccount:{suite.operator.namespace}:notification-operator"
    attributes: dict[str, Any] = {
        "namespace": suite.namespace,
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
