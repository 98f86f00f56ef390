"""`spec.mapping` of a NotificationSource: how a message becomes a notification. Pure."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field

from notification_contract import bounds, names
from notification_contract.kinds.block import Block
from notification_contract.kinds.choices import (
    LifecycleEvent,
    MessageType,
    Priority,
)
from notification_contract.kinds.rules import ApiRule, RuledBlock
from notification_contract.sources.authentication import HeaderName  # noqa: TC001 - as above

MAP_KEY = 253
"""Characters of a value that a priority is mapped from."""

FieldPath = Annotated[str, Field(min_length=1, max_length=253)]
"""The name of a label of an alert, or a dotted path into any other payload."""


class PriorityMapping(Block):
    """The priority of the notification."""

    from_label: Annotated[str, Field(max_length=253)] = ""
    """The label of the alert whose value selects the priority. For other types than alertmanager: a dotted path into the payload, such as data.severity."""
    values: Annotated[
        dict[str, Priority],
        Field(alias="map", max_length=32),
        ApiRule(
            cel=f"self.all(value, size(value) <= {MAP_KEY})",
            message=f"a value in mapping.priority.map has more than {MAP_KEY} characters; use a shorter one",
            holds=lambda values: all(len(value) <= MAP_KEY for value in values),
        ),
    ] = Field(default_factory=dict)
    """The priority for each value; at most 32. A group of alerts has the highest priority of its firing alerts."""
    default: Priority = Priority.MEDIUM
    """The priority for any other value, and without a value."""


class LabelMapping(Block):
    """The labels of the notification, by which routing rules match it."""

    include: Annotated[tuple[FieldPath, ...], Field(max_length=32)] = ()
    """The labels of the alert that become labels, where all alerts of the group agree. For other types than alertmanager: dotted paths into the payload; the last part is the name of the label."""
    prefix: Annotated[str, Field(max_length=254, pattern=r"^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?$")] = (
        names.LABEL_PREFIX
    )
    """The prefix of the name of each label, such as example.com/."""


class EventMapping(Block):
    """The report of the message about the incident of mapping.dedupKey."""

    from_path: FieldPath
    """The dotted path into the payload whose value selects the event, such as data.event."""
    values: Annotated[
        dict[str, LifecycleEvent],
        Field(alias="map", min_length=1, max_length=32),
        ApiRule(
            cel=f"self.all(value, size(value) <= {MAP_KEY})",
            message=f"a value in mapping.event.map has more than {MAP_KEY} characters; use a shorter one",
            holds=lambda values: all(len(value) <= MAP_KEY for value in values),
        ),
    ]
    """The event for each value; at most 32. With any other value, and without a value, the notification has no event, which counts as Trigger, and a note says so."""


ALERT_PRIORITY: Final = PriorityMapping(
    from_label="severity",
    values={
        "critical": Priority.CRITICAL,
        "page": Priority.CRITICAL,
        "error": Priority.HIGH,
        "high": Priority.HIGH,
        "warning": Priority.MEDIUM,
        "info": Priority.LOW,
        "none": Priority.LOW,
    },
)
"""The priority of alerts, for a source that does not set `mapping.priority`."""
ALERT_LABELS: Final = LabelMapping(include=("alertname", "severity", "namespace", "team"))
"""The labels of alerts, for a source that does not set `mapping.labels`."""


class SourceMapping(RuledBlock):
    """How a message becomes a notification. Templates have the language of templates of receivers, and read the parsed body of the message as payload."""

    type: MessageType | None = None
    """The type of the notification. If absent: escalation for alertmanager and heartbeat, simple for the others."""
    priority: PriorityMapping | None = None
    """The priority of the notification. If absent for alertmanager, by the label severity: critical and page are critical, error and high are high, warning is medium, info and none are low. If absent for the others, medium."""
    labels: LabelMapping | None = None
    """The labels of the notification, by which routing rules match it. If absent for alertmanager: alertname, severity, namespace and team."""
    subject: Annotated[str, Field(max_length=4096)] = ""
    """The template of the subject. If absent, the built-in template of the source's type."""
    body: Annotated[str, Field(max_length=bounds.RECEIVER_TEMPLATE)] = ""
    """The template of the body. If absent, the built-in template of the source's type."""
    event: EventMapping | None = None
    dedup_key: Annotated[str, Field(max_length=4096)] = ""
    """For the types generic, cloudevents and slack: the template of the dedupKey, such as {{ payload.data.dedupKey }}. Messages with the same result report the same incident, whichever source of the namespace they come through; a result of more than 255 characters is replaced by its hash. Without a result, the notification has no dedupKey, and a note says so."""
    idempotency_header: HeaderName = ""
    """For the type generic: the header with the id of the message, such as X-GitHub-Delivery. The headers Idempotency-Key and webhook-id come first; without any of them, the same body within a minute is the same message. For a message with a signature, no header counts that the signature does not cover: its webhook-id tells it apart, or its time and body."""

    rules = (
        ApiRule(
            cel="!has(self.event) || self.?dedupKey.orValue('') != ''",
            message="set mapping.dedupKey with mapping.event: an event without it belongs to no incident",
            holds=lambda mapping: mapping.event is None or bool(mapping.dedup_key),
        ),
    )
