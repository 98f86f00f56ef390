"""Group crd: what the API server admits, defaults and refuses."""

from typing import Any

import pytest

from tests.stack.suite import Suite
from tests.support.cluster import Refused
from tests.support.eventually import steadily
from tests.support.notifications import notification


@pytest.mark.check("crd-10")
def test_the_spec_cannot_be_changed(served: Suite) -> None:
    obj = notification(served.namespace)
    name = obj["metadata"]["name"]
    served.cluster.create(obj)
    before = served.cluster.phase(served.namespace, name, "Sent", within=10)

    changes: list[dict[str, Any]] = [
        {"subject": "another", "body": "another"},
        {"priority": "high"},
        {"channels": ["log"]},
        {"metadata": {"cluster": "eu"}},
        {"retryPolicy": {"maxAttempts": 3}},
    ]
    for change in changes:
        with pytest.raises(Refused) as refused:
            served.cluster.patch(served.namespace, name, {"spec": change})
        assert refused.value.code == 422
        assert "immutable" in refused.value.text
        assert "DD-NOT-005" in refused.value.text

    served.cluster.patch(served.namespace, name, {"metadata": {"labels": {"seen": "yes"}}})
    after = steadily(
        lambda: served.cluster.get(served.namespace, name),
        lambda seen: seen is not None and seen["status"] == before["status"],
        during=2,
    )
    assert after is not None
    assert after["spec"] == before["spec"]
    assert after["metadata"]["labels"]["seen"] == "yes"
    assert served.console().count(obj["spec"]["body"]) == 1


def test_a_new_object_is_pending_without_a_write_and_has_its_defaults(served: Suite) -> None:
    created = served.cluster.create(notification(served.namespace, priority=None))
    assert created["status"] == {"phase": "Pending"}
    assert (created["spec"]["priority"], created["spec"]["retentionDays"]) == ("medium", 7)
    assert "retryPolicy" not in created["spec"]


@pytest.mark.parametrize(
    ("field", "spec"),
    [
        ("spec.subject", {"subject": "x" * 501}),
        ("spec.subject", {"subject": ""}),
        ("spec.body", {"body": ""}),
        ("spec.priority", {"priority": "urgent"}),
        ("spec.type", {"type": None}),
        ("spec.channels[0]", {"channels": ["pigeon"]}),
        ("spec.retryPolicy.maxAttempts", {"retryPolicy": {"maxAttempts": 11}}),
    ],
)
def test_a_spec_that_the_schema_does_not_allow_is_refused_with_the_name_of_the_field(
    served: Suite, field: str, spec: dict[str, Any]
) -> None:
    with pytest.raises(Refused) as refused:
        served.cluster.create(notification(served.namespace, **spec))
    assert refused.value.code == 422
    assert field in refused.value.fields
