"""Notifications that are larger than the schema admits: refused once, and never delivered."""

import json
from importlib import resources
from typing import Any

import pytest
import yaml

from notification_contract import bounds
from notification_contract.kinds.choices import Phase
from notification_domain.folding.fold import fold
from notification_domain.model import Notification, parse, too_large
from notification_domain.planning.fallback import follow
from notification_domain.planning.plan import Plan, PlanReason, plan
from notification_domain.routing import Route
from notification_domain.situation import Situation
from tests.unit.operator.domain.builders import START, at, failure, stored, success

SCHEMA = yaml.safe_load(
    resources.files("notification_contract").joinpath("crds/notificationrequest.yaml").read_text("utf-8")
)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]
TOO_LONG = "x" * (bounds.BODY + 1)
HINT = "create a NotificationRequest with less text"


def oversized(*channels: str, phase: Phase = Phase.PENDING, **spec: Any) -> Notification:
    document = stored(
        spec={"body": TOO_LONG, "channels": list(channels), **spec},
        metadata={"labels": {"kubernaut.ai/severity": "critical"}},
    )
    document["status"] = {"phase": phase.value}
    return parse(document)


def largest(schema: dict[str, Any]) -> Any:
    """Return the largest value that a schema admits."""
    match schema["type"]:
        case "string":
            return "x" * schema.get("maxLength", 0)
        case "array":
            return [largest(schema["items"])] * schema["maxItems"]
        case "object" if "properties" in schema:
            return {name: largest(field) for name, field in schema["properties"].items()}
        case "object":
            names = (f"{number:0{bounds.METADATA_NAME}}" for number in range(schema["maxProperties"]))
            return {name: largest(schema["additionalProperties"]) for name in names}
        case _:
            return 1


def test_largest_object_of_the_schema_is_not_too_large() -> None:
    assert too_large({"labels": {"k" * 63: "v" * 63}}, largest(SCHEMA["spec"])) == ""


def test_bounds_of_the_schema_are_those_of_the_contract() -> None:
    fields = SCHEMA["spec"]["properties"]
    assert (fields["subject"]["maxLength"], fields["body"]["maxLength"]) == (bounds.SUBJECT, bounds.BODY)
    assert fields["channels"]["maxItems"] == bounds.CHANNELS
    assert fields["recipients"]["maxItems"] == bounds.RECIPIENTS
    assert fields["actionLinks"]["maxItems"] == bounds.ACTION_LINKS
    metadata = fields["metadata"]
    assert metadata["maxProperties"] == bounds.METADATA_ENTRIES
    assert metadata["additionalProperties"]["maxLength"] == bounds.METADATA_VALUE
    assert f"<= {bounds.METADATA_NAME}" in metadata["x-kubernetes-validations"][0]["rule"]
    status = SCHEMA["status"]["properties"]
    assert status["resolvedChannels"]["maxItems"] == bounds.TARGETS
    attempt = status["deliveryAttempts"]["items"]["properties"]
    assert attempt["channel"]["maxLength"] == bounds.TARGET_KEY
    assert attempt["attempt"]["maximum"] == bounds.ATTEMPT_NUMBER
    assert attempt["durationSeconds"]["maximum"] == bounds.ATTEMPT_SECONDS
    assert attempt["retryAfterSeconds"]["maximum"] == bounds.RETRY_AFTER_SECONDS


@pytest.mark.parametrize(
    ("spec", "labels", "message"),
    [
        ({"body": TOO_LONG}, {}, "spec.body has 262145 characters, but at most 262144 are delivered"),
        ({"metadata": {"k" * 300_000: ""}}, {}, "spec.metadata has 300000 characters"),
        ({"actionLinks": [{"url": "x" * 9000}] * 40}, {}, "spec.actionLinks has 360120 characters"),
        ({"recipients": [{"email": "x" * 9000}] * 40}, {}, "spec.recipients has 360200 characters"),
        ({"remediationRequestRef": {"name": "x" * 5000}}, {}, "spec.remediationRequestRef has 5004"),
        ({}, {f"{number:063}": "" for number in range(1200)}, "metadata.labels has 75600 characters"),
        ({"body": "\N{BELL}" * 262_144}, {}, "the object has 1048"),
        ({"body": "<" * 262_144}, {}, "the object has 1572"),
        ({"metadata": {f"{number}": "\N{BELL}" * 4096 for number in range(64)}}, {}, "the object has 1049"),
    ],
)
def test_message_names_field_size_and_hint(
    spec: dict[str, Any], labels: dict[str, str], message: str
) -> None:
    text = too_large({"labels": labels}, {"subject": "s", "body": "b"} | spec)
    assert text.startswith(message)
    assert text.endswith(HINT)


def test_content_of_an_oversized_notification_is_left_out() -> None:
    notification = oversized("slack", metadata={"a": "b"}, subject="s" * 600)
    assert len(json.dumps(notification.content.subject)) < 600
    assert (notification.content.body, notification.content.metadata, notification.content.labels) == (
        "",
        {},
        {},
    )


def test_oversized_notification_starts_no_attempt() -> None:
    for phase in (Phase.PENDING, Phase.SENDING):
        result = plan(
            *follow(
                Situation(
                    now=START, notification=oversized("slack", phase=phase), route=Route(targets=("slack",))
                )
            )
        )
        assert result == Plan(reason=PlanReason.REFUSED)


@pytest.mark.parametrize("channels", [("slack", "file"), ()])
def test_oversized_notification_fails_with_its_own_reason_in_one_write(channels: tuple[str, ...]) -> None:
    fresh = oversized(*channels)
    status = fold(
        Situation(now=at(1), notification=fresh, route=Route(targets=channels or ("console",))),
        queued_at=START,
    )
    assert (status.phase, status.reason) == (Phase.FAILED, "TooLarge")
    assert status.message.startswith("Not delivered: spec.body has 262145 characters")
    assert (status.resolved_channels, status.next_attempt_at, status.completed_at) == ((), None, at(1))
    assert [condition.type for condition in status.conditions] == ["Delivered", "DeadLettered"]
    again = parse({**stored(spec={"body": TOO_LONG, "channels": list(channels)}), "status": status.dump()})
    assert (
        fold(Situation(now=at(9), notification=again, route=Route(targets=channels)), queued_at=START).dump()
        == status.dump()
    )


def test_oversized_notification_with_a_delivered_channel_is_partially_sent() -> None:
    fresh = oversized("slack", "file", phase=Phase.SENDING)
    status = fold(
        Situation(now=at(1), notification=fresh, route=Route(targets=fresh.channels)),
        (success("slack"), failure("file")),
        queued_at=START,
    )
    assert (status.phase, status.reason, status.next_attempt_at) == (Phase.PARTIALLY_SENT, "TooLarge", None)
    assert (status.successful_deliveries, status.failed_deliveries) == (1, 1)
    assert status.message.startswith("Not delivered to every channel: spec.body has")
