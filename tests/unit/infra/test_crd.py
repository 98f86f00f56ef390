"""The contract of the NotificationRequest kind, as its file has it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from platform_infra import names
from platform_infra.crd.definitions import notification_request

if TYPE_CHECKING:
    from collections.abc import Iterator

DEFINITION = notification_request()
(VERSION,) = DEFINITION["spec"]["versions"]
SCHEMA = VERSION["schema"]["openAPIV3Schema"]
SPEC = SCHEMA["properties"]["spec"]
STATUS = SCHEMA["properties"]["status"]


def described(path: str, schema: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every field below a schema, with its path."""
    for name, field in schema.get("properties", {}).items():
        yield f"{path}.{name}", field
        yield from described(f"{path}.{name}", field)
    if isinstance(schema.get("items"), dict):
        yield from described(f"{path}[]", schema["items"])


def test_the_names_are_those_that_the_program_uses() -> None:
    assert DEFINITION["metadata"]["name"] == names.CRD
    assert DEFINITION["spec"]["group"] == names.GROUP
    assert DEFINITION["spec"]["scope"] == "Namespaced"
    assert VERSION["name"] == names.VERSION
    assert DEFINITION["spec"]["names"]["kind"] == names.KIND
    assert DEFINITION["spec"]["names"]["plural"] == names.PLURAL
    assert DEFINITION["spec"]["names"]["shortNames"] == ["notif", "notifs"]


def test_the_columns_are_type_priority_phase_attempts_age() -> None:
    columns = [(column["name"], column["jsonPath"]) for column in VERSION["additionalPrinterColumns"]]
    assert columns == [
        ("Type", ".spec.type"),
        ("Priority", ".spec.priority"),
        ("Phase", ".status.phase"),
        ("Attempts", ".status.totalAttempts"),
        ("Age", ".metadata.creationTimestamp"),
    ]


def test_notifications_can_be_selected_by_their_phase() -> None:
    assert VERSION["selectableFields"] == [{"jsonPath": ".status.phase"}]


def test_the_spec_cannot_be_changed_and_says_why() -> None:
    (rule,) = SPEC["x-kubernetes-validations"]
    assert rule["rule"] == "self == oldSelf"
    assert "immutable" in rule["message"]
    assert "DD-NOT-005" in rule["message"]


def test_the_required_fields_and_their_bounds() -> None:
    fields = SPEC["properties"]
    assert SPEC["required"] == ["type", "priority", "subject", "body"]
    assert fields["type"]["enum"] == ["escalation", "simple", "status-update", "approval", "manual-review"]
    assert fields["priority"]["enum"] == ["critical", "high", "medium", "low"]
    assert fields["priority"]["default"] == "medium"
    assert (fields["subject"]["minLength"], fields["subject"]["maxLength"]) == (1, 500)
    assert fields["body"]["minLength"] == 1
    assert "maxLength" not in fields["body"]


def test_channels_may_repeat_and_are_of_a_closed_set() -> None:
    channels = SPEC["properties"]["channels"]
    assert channels["items"]["enum"] == [
        "email",
        "slack",
        "teams",
        "sms",
        "webhook",
        "console",
        "file",
        "log",
    ]
    assert "x-kubernetes-list-type" not in channels


@pytest.mark.parametrize(
    ("field", "low", "high", "default"),
    [
        ("maxAttempts", 1, 10, 5),
        ("initialBackoffSeconds", 1, 300, 30),
        ("backoffMultiplier", 1, 10, 2),
        ("maxBackoffSeconds", 60, 3600, 480),
    ],
)
def test_the_retry_policy_is_bounded_and_defaulted_field_by_field(
    field: str, low: int, high: int, default: int
) -> None:
    policy = SPEC["properties"]["retryPolicy"]
    found = policy["properties"][field]
    assert (found["minimum"], found["maximum"], found["default"]) == (low, high, default)
    assert "default" not in policy


def test_retention_is_one_to_ninety_days_and_seven_by_default() -> None:
    field = SPEC["properties"]["retentionDays"]
    assert (field["minimum"], field["maximum"], field["default"]) == (1, 90, 7)


def test_a_new_object_is_pending_without_a_write() -> None:
    assert STATUS["default"] == {}
    assert STATUS["properties"]["phase"]["default"] == "Pending"
    assert VERSION["subresources"] == {"status": {}}


def test_the_status_keeps_what_it_does_not_know_and_merges_its_lists_by_key() -> None:
    assert STATUS["x-kubernetes-preserve-unknown-fields"] is True
    assert STATUS["properties"]["conditions"]["x-kubernetes-list-map-keys"] == ["type"]
    assert STATUS["properties"]["deliveryAttempts"]["x-kubernetes-list-map-keys"] == ["channel", "attempt"]


def test_every_field_is_described() -> None:
    fields = dict(described("", SCHEMA))
    undescribed = [path for path, field in fields.items() if not field.get("description")]
    assert undescribed == [".metadata"]
