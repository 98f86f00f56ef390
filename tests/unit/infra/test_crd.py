"""The schema of the custom resource definition NotificationRequest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from notification_contract import bounds
from notification_contract.crds import notification_receiver, notification_request
from notification_contract.kinds.channel_names import CHANNELS
from platform_infra import names
from tests.harness.cluster import FINAL

if TYPE_CHECKING:
    from collections.abc import Iterator

DEFINITION = notification_request()
(VERSION,) = DEFINITION["spec"]["versions"]
SCHEMA = VERSION["schema"]["openAPIV3Schema"]
SPEC = SCHEMA["properties"]["spec"]
STATUS = SCHEMA["properties"]["status"]
(RECEIVER_VERSION,) = notification_receiver()["spec"]["versions"]
RECEIVER_SCHEMA = RECEIVER_VERSION["schema"]["openAPIV3Schema"]


def described(path: str, schema: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every field of a schema with its path."""
    for name, field in schema.get("properties", {}).items():
        yield f"{path}.{name}", field
        yield from described(f"{path}.{name}", field)
    if isinstance(schema.get("items"), dict):
        yield from described(f"{path}[]", schema["items"])


def test_crd_names_match_the_program_constants() -> None:
    assert DEFINITION["metadata"]["name"] == names.CRD
    assert DEFINITION["spec"]["group"] == names.GROUP
    assert DEFINITION["spec"]["scope"] == "Namespaced"
    assert VERSION["name"] == names.VERSION
    assert DEFINITION["spec"]["names"]["kind"] == names.KIND
    assert DEFINITION["spec"]["names"]["plural"] == names.PLURAL
    assert DEFINITION["spec"]["names"]["shortNames"] == ["notif", "notifs"]


def test_printer_columns_say_how_far_and_why_and_wide_ones_when_next() -> None:
    columns = VERSION["additionalPrinterColumns"]
    wide = [(column["name"], column["jsonPath"]) for column in columns if column.get("priority")]
    assert wide == [("Next", ".status.nextAttemptAt"), ("Incident", ".spec.dedupKey")]
    shown = [(column["name"], column["jsonPath"]) for column in columns if not column.get("priority")]
    assert shown == [
        ("Type", ".spec.type"),
        ("Priority", ".spec.priority"),
        ("Phase", ".status.phase"),
        ("Reason", ".status.reason"),
        ("Attempts", ".status.totalAttempts"),
        ("Age", ".metadata.creationTimestamp"),
    ]


def test_printer_columns_of_receivers_say_how_they_are_and_what_waits() -> None:
    (version,) = notification_receiver()["spec"]["versions"]
    assert [column["name"] for column in version["additionalPrinterColumns"]] == [
        "Type",
        "Ready",
        "Healthy",
        "Waiting",
        "Last-Success",
        "Age",
    ]


def test_selectable_fields_are_phase_incident_event_type_and_priority() -> None:
    assert [field["jsonPath"] for field in VERSION["selectableFields"]] == [
        ".status.phase",
        ".spec.dedupKey",
        ".spec.event",
        ".spec.type",
        ".spec.priority",
    ]


def test_spec_is_immutable_with_decision_id_in_the_message() -> None:
    rule, *_ = SPEC["x-kubernetes-validations"]
    assert rule["rule"] == "self == oldSelf"
    assert "immutable" in rule["message"]
    assert "DD-NOT-005" in rule["message"]


def test_required_fields_have_bounds() -> None:
    fields = SPEC["properties"]
    assert SPEC["required"] == ["type", "priority", "subject", "body"]
    assert fields["type"]["enum"] == [
        "escalation",
        "simple",
        "status-update",
        "approval",
        "manual-review",
        "completion",
    ]
    assert fields["priority"]["enum"] == ["critical", "high", "medium", "low"]
    assert fields["priority"]["default"] == "medium"
    assert (fields["subject"]["minLength"], fields["subject"]["maxLength"]) == (1, 500)
    assert fields["body"]["minLength"] == 1
    assert fields["body"]["maxLength"] == bounds.BODY == 262_144


def test_channels_are_an_enum_and_may_repeat() -> None:
    channels = SPEC["properties"]["channels"]
    assert channels["items"]["enum"] == list(CHANNELS)
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
def test_retry_policy_fields_have_bounds_and_defaults(field: str, low: int, high: int, default: int) -> None:
    policy = SPEC["properties"]["retryPolicy"]
    schema = policy["properties"][field]
    assert (schema["minimum"], schema["maximum"], schema["default"]) == (low, high, default)
    assert "default" not in policy


def test_retention_is_1_to_90_days_and_defaults_to_7() -> None:
    field = SPEC["properties"]["retentionDays"]
    assert (field["minimum"], field["maximum"], field["default"]) == (1, 90, 7)


def test_new_object_is_pending_by_schema_default() -> None:
    assert STATUS["default"] == {}
    assert STATUS["properties"]["phase"]["default"] == "Pending"
    assert VERSION["subresources"] == {"status": {}}


def test_status_preserves_unknown_fields_and_keys_its_lists() -> None:
    assert STATUS["x-kubernetes-preserve-unknown-fields"] is True
    assert STATUS["properties"]["conditions"]["x-kubernetes-list-map-keys"] == ["type"]
    assert STATUS["properties"]["deliveryAttempts"]["x-kubernetes-list-map-keys"] == ["channel", "attempt"]
    assert STATUS["properties"]["targets"]["x-kubernetes-list-map-keys"] == ["name"]


def test_receivers_and_targets_have_the_bounds_of_the_contract() -> None:
    refs = SPEC["properties"]["receiverRefs"]
    assert refs["maxItems"] == bounds.RECEIVER_REFS
    assert refs["items"]["properties"]["name"]["maxLength"] == bounds.RECEIVER_NAME
    assert SPEC["properties"]["dedupKey"]["maxLength"] == bounds.DEDUP_KEY
    targets = STATUS["properties"]["targets"]
    attempt = STATUS["properties"]["deliveryAttempts"]["items"]["properties"]
    assert targets["maxItems"] == STATUS["properties"]["resolvedChannels"]["maxItems"] == bounds.TARGETS
    for fields in (targets["items"]["properties"], attempt):
        assert fields["messageRef"]["maxLength"] == bounds.MESSAGE_REF
        assert fields["note"]["maxLength"] == bounds.NOTE
    assert targets["items"]["properties"]["name"]["maxLength"] == bounds.TARGET_KEY


def test_template_of_a_notification_has_the_bounds_of_the_api_server() -> None:
    reference = SPEC["properties"]["template"]["properties"]["configMapKeyRef"]
    assert reference["required"] == ["name", "key"]
    assert {field["maxLength"] for field in reference["properties"].values()} == {253}


def test_event_has_no_default_that_would_change_stored_specs() -> None:
    event = SPEC["properties"]["event"]
    assert (event["enum"], event.get("default")) == (["Trigger", "Acknowledge", "Resolve"], None)
    assert SPEC["properties"]["format"]["enum"] == ["Plain", "Markdown", "Native"]


def test_rules_on_the_spec_name_fields_and_hint() -> None:
    _, entries, size, times = SPEC["x-kubernetes-validations"]
    assert f"<= {bounds.TARGETS}" in entries["rule"]
    assert "leave entries out" in entries["message"]
    assert f"<= {bounds.TEXT_BYTES}" in size["rule"]
    assert "shorten them and link to the whole text" in size["message"]
    assert "spec.deliverBefore is not after spec.notBefore" in times["message"]


@pytest.mark.parametrize("schema", [SCHEMA, RECEIVER_SCHEMA], ids=["request", "receiver"])
def test_every_field_of_spec_and_status_has_bounds(schema: dict[str, Any]) -> None:
    """The API server sets apiVersion and kind, and checks metadata itself."""
    parts = dict(described("", schema))
    unbounded = [
        path
        for path, field in parts.items()
        if path.startswith((".spec.", ".status.")) and not bounded(field)
    ]
    assert unbounded == []


def bounded(field: dict[str, Any]) -> bool:
    """Return whether a value of the field has a greatest size."""
    match field["type"]:
        case "string":
            return "maxLength" in field or "enum" in field
        case "array":
            return "maxItems" in field and (bounded(field["items"]) or field["items"]["type"] == "object")
        case "object":
            values = field.get("additionalProperties")
            return values is None or ("maxProperties" in field and bounded(values))
        case "integer" | "number":
            return "maximum" in field or field.get("format") == "int64"
        case _:
            return True


def test_first_backoff_is_not_longer_than_the_longest() -> None:
    (rule,) = SPEC["properties"]["retryPolicy"]["x-kubernetes-validations"]
    assert rule["rule"] == "self.initialBackoffSeconds <= self.maxBackoffSeconds"


def test_final_phase_does_not_change() -> None:
    (rule,) = STATUS["x-kubernetes-validations"]
    for phase in (*FINAL, "Suppressed"):
        assert f"'{phase}'" in rule["rule"]
    assert "create a new NotificationRequest" in rule["message"]


@pytest.mark.parametrize("schema", [SCHEMA, RECEIVER_SCHEMA], ids=["request", "receiver"])
def test_every_field_has_a_description(schema: dict[str, Any]) -> None:
    fields = dict(described("", schema))
    undescribed = [path for path, field in fields.items() if not field.get("description")]
    assert undescribed == [".metadata"]
