"""The kind of a request, parsed from method and path."""

import pytest

from tests.harness.faultproxy.requests import RequestKind, kind_of
from tests.unit.harness.between import OBJECTS, WATCH


@pytest.mark.parametrize(
    ("request_line", "kind"),
    [
        ("GET /version", RequestKind(verb="get")),
        ("GET /api", RequestKind(verb="get")),
        ("GET /apis/kubernaut.ai/v1alpha1", RequestKind(verb="get")),
        ("GET /api/v1/namespaces", RequestKind(verb="list", resource="namespaces")),
        ("GET /api/v1/namespaces/ns", RequestKind(verb="get", resource="namespaces", name="ns")),
        (
            "PUT /api/v1/namespaces/ns/finalize",
            RequestKind(verb="update", resource="namespaces", name="ns", subresource="finalize"),
        ),
        ("GET /api/v1/pods?watch=1", RequestKind(verb="watch", resource="pods")),
        (f"GET {OBJECTS}", RequestKind(verb="list", resource="notificationrequests", namespace="ns")),
        (f"DELETE {OBJECTS}", RequestKind(verb="deletecollection", resource="notificationrequests", namespace="ns")),
        (f"POST {OBJECTS}", RequestKind(verb="create", resource="notificationrequests", namespace="ns")),
        (
            f"PATCH {OBJECTS}/a/status",
            RequestKind(
                verb="patch", resource="notificationrequests", namespace="ns", name="a", subresource="status"
            ),
        ),
        (f"GET {WATCH}", RequestKind(verb="watch", resource="notificationrequests", namespace="ns")),
    ],
)  # fmt: skip
def test_request_kind_is_parsed_from_method_and_path(request_line: str, kind: RequestKind) -> None:
    method, _, target = request_line.partition(" ")
    path, _, query = target.partition("?")
    fields = dict(field.split("=") for field in query.split("&")) if query else {}
    assert kind_of(method, path, fields) == kind
