"""`spec` and `status` of a NotificationRequest, typed: the source of its schema, and of what `notif lint` checks. Pure.

The operator reads notifications as JSON, which the API server has validated by this schema.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import ConfigDict, Field, ValidationError

from notification_contract import bounds
from notification_contract.kinds.block import (
    OBJECT_NAME,
    Always,
    Block,
    Conditions,
    Count,
    Generation,
    MapKeys,
    Message,
    Name,
    Reason,
    Time,
)
from notification_contract.kinds.channel_names import CHANNELS
from notification_contract.kinds.choices import (
    AttemptStatus,
    BodyFormat,
    LifecycleEvent,
    MessageType,
    Phase,
    Priority,
    TargetState,
)
from notification_contract.kinds.rules import ApiRule, RuledBlock, SpecError

if TYPE_CHECKING:
    from collections.abc import Mapping

ObjectName = Annotated[str, Field(min_length=1, max_length=253, pattern=OBJECT_NAME)]
Uid = Annotated[str, Field(min_length=1, max_length=128)]
Channel = Annotated[str, Field(json_schema_extra={"enum": list(CHANNELS)})]
Target = Annotated[str, Field(max_length=bounds.TARGET_KEY)]
TargetName = Annotated[str, Field(min_length=1, max_length=bounds.TARGET_KEY)]
ErrorText = Annotated[str, Field(max_length=4096)]
Attempts = Annotated[int, Field(ge=1, le=bounds.ATTEMPT_NUMBER)]
MessageRef = Annotated[str, Field(max_length=bounds.MESSAGE_REF)]
Note = Annotated[str, Field(max_length=bounds.NOTE)]


class ReceiverRef(Block):
    """One NotificationReceiver."""

    name: Annotated[str, Field(min_length=1, max_length=bounds.RECEIVER_NAME, pattern=OBJECT_NAME)]
    """The name of the NotificationReceiver."""
    namespace: Annotated[
        str | None, Field(min_length=1, max_length=63, pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")
    ] = None
    """The namespace of the NotificationReceiver, which must allow the namespace of this object; absent means the namespace of this object."""


class ConfigMapKeyRef(Block):
    """A key of a ConfigMap in the notification's namespace."""

    name: ObjectName
    """The name of the ConfigMap."""
    key: Annotated[str, Field(min_length=1, max_length=253, pattern=r"^[-._a-zA-Z0-9]+$")]
    """The key whose value is the template."""


class NotificationTemplate(Block):
    """A template of the body that overrides the template of each receiver, for this notification alone. If it cannot be read or fails, the receiver's is used, and the note of the target says why."""

    config_map_key_ref: ConfigMapKeyRef


class ReplayOf(Block):
    """The finished notification that this one sends again, on purpose. It has a new delivery id, so that services do not discard it as a repeat. It is kept as long as a failed notification."""

    name: Name
    """The name of the NotificationRequest, which is in the same namespace."""
    uid: Uid
    """The UID of the NotificationRequest."""
    depth: Annotated[int, Field(ge=1, le=bounds.REPLAY_DEPTH)]
    """1 for a replay of an original, 2 for a replay of a replay; at most 5."""


class Recipient(Block):
    """The addresses of one recipient. Receivers of the types email and sms use the address of their kind."""

    email: Annotated[str, Field(max_length=320)] = ""
    """An e-mail address."""
    slack: Annotated[str, Field(max_length=256)] = ""
    """Accepted and without effect: no channel uses it. Name a receiver in spec.receiverRefs."""
    teams: Annotated[str, Field(max_length=256)] = ""
    """Accepted and without effect: no channel uses it. Name a receiver in spec.receiverRefs."""
    phone: Annotated[str, Field(max_length=64)] = ""
    """A phone number in international form."""
    webhook_url: Annotated[str, Field(alias="webhookURL", max_length=2048)] = ""
    """Accepted and without effect: no channel uses it. Name a receiver in spec.receiverRefs."""


class ActionLink(Block):
    """One link."""

    service: Annotated[str, Field(max_length=256)]
    """The service that the link opens, such as grafana."""
    url: Annotated[str, Field(max_length=4096)]
    """The link's URL."""
    label: Annotated[str, Field(max_length=512)]
    """The text of the link."""


class ObjectReference(Block):
    """The object that this notification is about. Its name is the correlation id of audit events."""

    api_version: Annotated[str, Field(max_length=317)] = ""
    """The API version of the object."""
    kind: Annotated[str, Field(max_length=253)] = ""
    """The kind of the object."""
    namespace: Annotated[str, Field(max_length=253)] = ""
    """The namespace of the object."""
    name: Annotated[str, Field(max_length=253)] = ""
    """The name of the object."""
    uid: Annotated[str, Field(max_length=128)] = ""
    """The UID of the object."""
    resource_version: Annotated[str, Field(max_length=128)] = ""
    """The resource version of the object that this notification refers to."""
    field_path: Annotated[str, Field(max_length=1024)] = ""
    """The field of the object that this notification refers to."""


class RetryPolicy(RuledBlock):
    """How many delivery attempts each channel gets, and the delay between them. The delay before attempt n+1 is initialBackoffSeconds x backoffMultiplier^(n-1), at most maxBackoffSeconds, with 10 % jitter; a receiver that answers again after an outage ends it. Each field has a default."""

    max_attempts: Annotated[int, Field(ge=1, le=10)] = 5
    """The maximum number of attempts per channel, including the first one; 1 to 10."""
    initial_backoff_seconds: Annotated[int, Field(ge=1, le=300)] = 30
    """The delay before the second attempt in seconds; 1 to 300."""
    backoff_multiplier: Annotated[int, Field(ge=1, le=10)] = 2
    """The factor by which the delay grows after each further attempt; 1 to 10."""
    max_backoff_seconds: Annotated[int, Field(ge=60, le=3600)] = 480
    """The maximum delay in seconds; 60 to 3600."""

    rules = (
        ApiRule(
            cel="self.initialBackoffSeconds <= self.maxBackoffSeconds",
            message=(
                "initialBackoffSeconds is greater than maxBackoffSeconds (default 480); lower the one or raise the other"
            ),
            holds=lambda policy: policy.initial_backoff_seconds <= policy.max_backoff_seconds,
        ),
    )


class NotificationSpec(RuledBlock):
    """The message to deliver, its channels and its recipients. The spec is immutable after creation (DD-NOT-005): to cancel a notification, delete it; to correct it, create a new one."""

    type: MessageType
    """The type of the message. Receivers can use it to present the message."""
    priority: Annotated[Priority, Always()] = Priority.MEDIUM
    """The priority of the message. Absent or null means medium."""
    subject: Annotated[str, Field(min_length=1, max_length=bounds.SUBJECT)]
    """The subject line, 1 to 500 characters."""
    body: Annotated[str, Field(min_length=1, max_length=bounds.BODY)]
    """The text of the message, 1 to 262144 characters."""
    channels: Annotated[tuple[Channel, ...], Field(max_length=bounds.CHANNELS)] = ()
    """The channels to deliver to. Duplicates are ignored. If this list and receiverRefs are absent or empty, the routing rules select the channels by the labels of this object. A channel that the operator's settings do not have means the default receiver of this type."""
    receiver_refs: Annotated[tuple[ReceiverRef, ...], Field(max_length=bounds.RECEIVER_REFS)] = ()
    """The NotificationReceivers to deliver to, in addition to channels; at most 20, including the entries in channels. Duplicates are ignored."""
    format: BodyFormat | None = None
    """How the body is read. Plain: as text without markup. Markdown: as CommonMark, translated for each channel. Native: as the markup of the receiving service, passed on without change. If absent: as Plain, except for the channel slack of the operator's settings, which reads Slack's markup."""
    template: NotificationTemplate | None = None
    event: LifecycleEvent | None = None
    """The report of the message about an incident. Trigger: the incident begins or goes on. Acknowledge: a person works on the incident. Resolve: the incident has ended. Absent means Trigger. Notifications about one incident have the same dedupKey."""
    dedup_key: Annotated[str | None, Field(min_length=1, max_length=bounds.DEDUP_KEY)] = None
    """The identity of the incident that the message is about, at most 255 characters. Services with incidents or threads show all notifications with the same key as one incident or thread."""
    not_before: Time | None = None
    """The time before which nothing is delivered; absent means immediately."""
    deliver_before: Time | None = None
    """The time after which no attempt starts, for a message that is of no use later. A target without a delivery at that time ends with the reason Expired. It must be after notBefore."""
    replay_of: ReplayOf | None = None
    recipients: Annotated[tuple[Recipient, ...], Field(max_length=bounds.RECIPIENTS)] = ()
    """The recipients of the message, one entry per person or group; at most 64."""
    metadata: Annotated[
        dict[str, Annotated[str, Field(max_length=bounds.METADATA_VALUE)]],
        Field(max_length=bounds.METADATA_ENTRIES),
        ApiRule(
            cel=f"self.all(name, size(name) <= {bounds.METADATA_NAME})",
            message=f"a name in spec.metadata has more than {bounds.METADATA_NAME} characters; use a shorter name",
            holds=lambda metadata: all(len(name) <= bounds.METADATA_NAME for name in metadata),
        ),
    ] = Field(default_factory=dict)
    """Names and values that are delivered with the message, for example for correlation; at most 64 names of 253 characters with values of 4096 characters."""
    action_links: Annotated[tuple[ActionLink, ...], Field(max_length=bounds.ACTION_LINKS)] = ()
    """Links to more information or to an action; at most 32."""
    remediation_request_ref: ObjectReference | None = None
    retry_policy: RetryPolicy | None = None
    retention_days: Annotated[int, Field(ge=1, le=90)] = 7
    """The number of days that this object is kept after its completion; 1 to 90. Afterwards the operator deletes it (DD-RETENTION-001). A notification that was not delivered to every target is kept longer, as the operator's setting retention.failed_days says."""

    rules = (
        ApiRule(
            cel="self == oldSelf",
            message="spec is immutable after creation (DD-NOT-005): delete this NotificationRequest and create a new one",
        ),
        ApiRule(
            cel=(
                "!has(self.receiverRefs) || !has(self.channels) || size(self.receiverRefs) == 0 "
                f"|| size(self.channels) + size(self.receiverRefs) <= {bounds.TARGETS}"
            ),
            message=(
                f"spec.channels and spec.receiverRefs have more than {bounds.TARGETS} entries together; "
                "leave entries out, or create a second NotificationRequest for them"
            ),
            holds=lambda spec: (
                not spec.receiver_refs or len(spec.channels) + len(spec.receiver_refs) <= bounds.TARGETS
            ),
        ),
        ApiRule(
            cel=(
                "size(bytes(self.body)) + (has(self.metadata) ? self.metadata.map(name, "
                f"size(bytes(self.metadata[name]))).sum() : 0) <= {bounds.TEXT_BYTES}"
            ),
            message=(
                f"spec.body and the values of spec.metadata have more than {bounds.TEXT_BYTES} bytes together; "
                "shorten them and link to the whole text in spec.actionLinks"
            ),
            holds=lambda spec: (
                sum(len(text.encode(errors="replace")) for text in (spec.body, *spec.metadata.values()))
                <= bounds.TEXT_BYTES
            ),
        ),
        ApiRule(
            cel="!has(self.notBefore) || !has(self.deliverBefore) || self.deliverBefore > self.notBefore",
            message="spec.deliverBefore is not after spec.notBefore; set it to a later time",
            holds=lambda spec: (
                spec.not_before is None
                or spec.deliver_before is None
                or datetime.fromisoformat(spec.deliver_before.upper())
                > datetime.fromisoformat(spec.not_before.upper())
            ),
        ),
    )


class NotificationSpecError(SpecError):
    """A spec of a NotificationRequest that the API server refuses."""


def check_spec(spec: Mapping[str, Any]) -> None:
    """Check the spec of a NotificationRequest by its model and rules.

    Raises:
        NotificationSpecError: it is not valid.
    """
    try:
        NotificationSpec.model_validate(_without_null(spec))
    except ValidationError as error:
        raise NotificationSpecError(error) from None


def _without_null(value: Any) -> Any:  # noqa: ANN401 - any value of JSON
    """Return a value without fields that are null: the API server takes them for absent."""
    match value:
        case dict():
            return {key: _without_null(each) for key, each in value.items() if each is not None}
        case list():
            return list(map(_without_null, value))
        case _:
            return value


class TargetEntry(Block):
    """One target."""

    name: TargetName
    """The key of the target: a channel of the operator's settings (`slack`), a NotificationReceiver of the same namespace (`slack/checkout`) or of another one (`slack/platform/on-call`). A target that is one recipient ends with `#` and a hash of the address."""
    state: TargetState
    """The state of the target. Waiting: an attempt is still to come. Delivering: an attempt is in progress. Delivered: an attempt has succeeded. Refused: an attempt has failed permanently. Exhausted: no attempt is left. Suppressed: nothing was to be delivered. Expired: spec.deliverBefore has passed."""
    reason: Reason = ""
    """The machine-readable reason for the state if there is one. Waiting: Queued, Backoff, CircuitOpen, Paused, RateLimited, Suspended, ReceiverNotReady, ReceiverNotAllowed or WaitingForIncident. Refused or Exhausted: ReceiverNotReady, ReceiverNotAllowed, ChannelNotAllowed, NoDefaultReceiver, TooLarge or DeliveredByFallback. Suppressed: Muted, RateLimited, DeliveredByFallback, IncidentResolved, IncidentReopened or Deleted. Expired: Expired."""
    attempts: Count = 0
    """The number of attempts that count against maxAttempts."""
    last_error: ErrorText = ""
    """The redacted error message of the last attempt, at most 2048 characters."""
    delivered_at: Time | None = None
    """The time when the message was delivered."""
    message_ref: MessageRef = ""
    """The identifier that the receiving service gave the message."""
    suppressed_by: Annotated[str, Field(max_length=512)] = ""
    """The explanation why the message was suppressed."""
    note: Note = ""
    """A difference from a usual delivery, such as a shortened text."""
    via: Annotated[str, Field(max_length=16)] = ""
    """How the notification came to the receiver: `routing` if the routing document of the operator leads there, whatever its allowedNamespaces are. Empty if the receiver is not of the operator's namespace, or the notification names its targets."""


class DeliveryAttempt(Block):
    """One delivery attempt on one target."""

    channel: TargetName
    """The key of the attempt's target, as in targets."""
    attempt: Attempts
    """The number of the attempt on its target, starting at 1."""
    timestamp: Time
    """The start time of the attempt."""
    status: AttemptStatus
    """The result of the attempt."""
    error: ErrorText = ""
    """The redacted error message, at most 2048 characters."""
    permanent: bool = False
    """Whether the failure is permanent, so that a retry cannot succeed."""
    retry_after_seconds: Annotated[float | None, Field(ge=0, le=bounds.RETRY_AFTER_SECONDS)] = None
    """The delay before the next attempt that the receiver requested, in seconds, at most a year."""
    circuit_open: bool = False
    """Whether an open circuit breaker rejected the attempt, so that nothing was sent. Such an entry does not count against maxAttempts."""
    refused: bool = False
    """Whether the receiver certainly has nothing of the message: it refused it, or no connection to it was made."""
    reason: Reason = ""
    """The machine-readable reason for a failure that has one, such as ChannelNotAllowed: the namespace may not use the channel."""
    duration_seconds: Annotated[float | None, Field(ge=0, le=bounds.ATTEMPT_SECONDS)] = None
    """The duration of the attempt in seconds, at most a day."""
    message_ref: MessageRef = ""
    """The identifier that the receiving service gave the message."""
    thread_ref: MessageRef = ""
    """The identifier of the first message of the incident, if the message refers to it."""
    receiver_revision: Annotated[str, Field(max_length=bounds.RECEIVER_REVISION)] = ""
    """An identifier of the receiver with the spec and the Secrets that it had when it accepted a message of an incident. Later messages of the incident refer to this message as long as the identifier is the same."""
    note: Note = ""
    """A difference from a usual delivery, such as a shortened text."""


FINAL = ("Sent", "PartiallySent", "Failed", "Suppressed")
_FINAL = ", ".join(f"'{phase}'" for phase in FINAL)


class NotificationStatus(RuledBlock):
    """The observed state of the delivery. The operator replaces the whole status, based on a fresh read of the object (DD-STATUS-001, DD-PERF-001), and preserves fields that it does not know."""

    model_config = ConfigDict(extra="allow")

    phase: Phase = Phase.PENDING
    """The phase of the delivery. Pending: the delivery has not started. Sending: the delivery is in progress, or no target has succeeded yet and attempts remain. Retrying: at least one target has succeeded and another one has attempts left. Suppressed: nothing was to be delivered. Sent, PartiallySent, Failed and Suppressed are final."""
    reason: Reason = ""
    """The machine-readable reason for the phase in CamelCase, such as AllDeliveriesSucceeded."""
    message: Message = ""
    """The human-readable explanation of the phase."""
    observed_generation: Generation | None = None
    """The metadata.generation that this status is based on."""
    conditions: Conditions = ()
    """The conditions of this object, one per type, such as RoutingResolved."""
    resolved_channels: Annotated[tuple[Target, ...], Field(max_length=bounds.TARGETS)] = ()
    """The targets that the routing rules selected if spec.channels and spec.receiverRefs are absent. Retries use the same targets."""
    targets: Annotated[tuple[TargetEntry, ...], Field(max_length=bounds.TARGETS), MapKeys(("name",))] = ()
    """The state of each target of this notification, at most 20. The operator counts it again from deliveryAttempts at every write."""
    delivery_attempts: Annotated[
        tuple[DeliveryAttempt, ...], Field(max_length=1024), MapKeys(("channel", "attempt"))
    ] = ()
    """All delivery attempts in the order of their completion. An attempt that an open circuit breaker rejected has an entry, too."""
    total_attempts: Count = 0
    """The number of entries in deliveryAttempts."""
    successful_deliveries: Count = 0
    """The number of targets with a successful attempt."""
    failed_deliveries: Count = 0
    """The number of targets with attempts but without a successful one."""
    queued_at: Time | None = None
    """The time when the operator queued the notification."""
    processing_started_at: Time | None = None
    """The time when the first delivery attempt started."""
    completion_time: Time | None = None
    """The time when the notification reached a final phase."""
    next_attempt_at: Time | None = None
    """The time when the next attempt is due; absent if no attempt is scheduled."""

    rules = (
        ApiRule(
            cel=(f"!(oldSelf.?phase.orValue('') in [{_FINAL}]) || self.?phase.orValue('') == oldSelf.phase"),
            message=(
                "the phases Sent, PartiallySent, Failed and Suppressed are final and do not change; "
                "to send the message again, create a new NotificationRequest"
            ),
        ),
    )
