"""The bounds of the schema on a real API server: for new objects, and for objects that were stored before them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from notification_contract import bounds
from notification_contract.crds import notification_request
from notification_domain.folding.fold import fold
from notification_domain.model import parse
from notification_domain.routing import Route
from notification_domain.situation import Situation
from tests.api_server.conftest import objects
from tests.harness.eventually import eventually
from tests.harness.notifications import notification
from tests.unit.operator.domain.builders import START

if TYPE_CHECKING:
    from tests.api_server.conftest import ApiServer

pytestmark = pytest.mark.xdist_group("api-server")
TOO_LONG = "x" * (bounds.BODY + 1)
BOUNDS = {"maxLength", "maxItems", "maxProperties", "maximum", "x-kubernetes-validations"}


@pytest.fixture
def namespace(api_server: ApiServer) -> str:
    return api_server.namespace()


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({"body": TOO_LONG}, "spec.body"),
        (
            {"body": "\N{BELL}" * 200_000},
            "spec.body and the values of spec.metadata have more than 786432 bytes together; shorten them",
        ),
        (
            {"metadata": {f"name-{number}": "\N{BELL}" * bounds.METADATA_VALUE for number in range(50)}},
            "spec.body and the values of spec.metadata have more than 786432 bytes together; shorten them",
        ),
        ({"metadata": {f"name-{number}": "" for number in range(65)}}, "spec.metadata"),
        (
            {"metadata": {"n" * 254: ""}},
            "a name in spec.metadata has more than 253 characters; use a shorter name",
        ),
        ({"metadata": {"name": "v" * 4097}}, "spec.metadata.name"),
        ({"recipients": [{"email": "e"}] * 65}, "spec.recipients"),
        ({"channels": ["console"] * 65}, "spec.channels"),
        (
            {"retryPolicy": {"initialBackoffSeconds": 61, "maxBackoffSeconds": 60}},
            "initialBackoffSeconds is greater than maxBackoffSeconds (default 480); lower the one or raise the other",
        ),
    ],
)
def test_object_beyond_the_bounds_is_rejected_with_the_field(
    api_server: ApiServer, namespace: str, spec: dict[str, Any], field: str
) -> None:
    answer = api_server.create(notification(namespace, **spec))
    assert answer.code == 422
    assert field in answer.message


def test_largest_values_are_accepted(api_server: ApiServer, namespace: str) -> None:
    spec: dict[str, Any] = {
        "body": "x" * bounds.BODY,
        "metadata": {f"name-{number}": "v" * bounds.METADATA_VALUE for number in range(64)},
        "channels": ["console"] * 64,
        "recipients": [{"email": "e" * 320, "webhookURL": "u" * 2048}] * 64,
        "retryPolicy": {"initialBackoffSeconds": 60, "maxBackoffSeconds": 60},
    }
    assert api_server.create(notification(namespace, **spec)).code == 201
    assert api_server.create(notification(namespace, retryPolicy={"initialBackoffSeconds": 300})).code == 201


def test_forged_numbers_are_rejected(api_server: ApiServer, namespace: str) -> None:
    obj = notification(namespace)
    api_server.create(obj)
    entry = {"channel": "console", "attempt": 1, "timestamp": "2026-03-01T12:00:00Z", "status": "failed"}
    for field, value in (("durationSeconds", 1e300), ("retryAfterSeconds", 1e300), ("attempt", 2**40)):
        forged = api_server.write_status(obj, phase="Sending", deliveryAttempts=[entry | {field: value}])
        assert (forged.code, field in forged.message) == (422, True)


def without_bounds(schema: Any) -> Any:
    """Return a schema without the upper bounds and rules that this one has."""
    if isinstance(schema, list):
        return [without_bounds(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    return {key: without_bounds(each) for key, each in schema.items() if key not in BOUNDS}


def test_object_stored_before_the_bounds_can_be_refused_by_the_operator(
    api_server: ApiServer, namespace: str
) -> None:
    old = [
        notification(
            namespace,
            body="x" * 1_000_000,
            metadata={"n" * 1000: "v" * 9000},
            retryPolicy={"initialBackoffSeconds": 300, "maxBackoffSeconds": 60},
        )
        for _ in range(2)
    ]
    (limits,) = [obj for obj in objects() if obj["kind"] == "ConfigMap" and "bodyCharacters" in obj["data"]]
    none = dict.fromkeys(("bodyCharacters", "metadataCharacters"), "9999999")
    api_server.apply(limits | {"data": limits["data"] | none})
    api_server.cluster.apply(without_bounds(notification_request()))
    try:
        for obj in old:
            created = partial(api_server.create, obj)
            eventually(created, lambda answer: answer.code in {201, 409}, within=15)
    finally:
        api_server.cluster.apply(dict(notification_request()))
        api_server.apply(limits)
    eventually(
        lambda: api_server.create(notification(namespace, body=TOO_LONG)).code,
        lambda code: code == 422,
        within=15,
    )
    first, second = old
    fresh = api_server.cluster.get(namespace, first["metadata"]["name"])
    assert fresh is not None
    read = parse(fresh)
    status = fold(
        Situation(now=max(read.created, START), notification=read, route=Route(targets=read.channels)),
        queued_at=read.created,
    )
    assert api_server.write_status(first, **status.dump()).code == 200
    after = api_server.cluster.get(namespace, first["metadata"]["name"])
    assert after is not None
    assert (after["status"]["phase"], after["status"]["reason"]) == ("Failed", "TooLarge")
    name = second["metadata"]["name"]
    api_server.cluster.patch(namespace, name, {"metadata": {"labels": {"seen": "yes"}}})
