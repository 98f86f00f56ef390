"""A NotificationSource, typed: its spec with the rules over several fields. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, Final, Self

from pydantic import Field, ValidationError

from notification_contract import bounds
from notification_contract.durations import seconds
from notification_contract.kinds.block import Block
from notification_contract.kinds.choices import Priority  # noqa: TC001 - pydantic reads annotations at run time
from notification_contract.kinds.duration import Duration, between
from notification_contract.kinds.notification import ReceiverRef
from notification_contract.kinds.rules import ApiRule, RuledBlock, SpecError
from notification_contract.routing.matchers import parse_matchers
from notification_contract.sources.authentication import SourceAuthentication
from notification_contract.sources.mapping import (
    ALERT_LABELS,
    ALERT_PRIORITY,
    LabelMapping,
    PriorityMapping,
    SourceMapping,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from notification_contract.routing.matchers import Matcher

ReceiverRefs = Annotated[tuple[ReceiverRef, ...], Field(max_length=bounds.RECEIVER_REFS)]


class SourceType(StrEnum):
    """The kind of messages of a source."""

    ALERTMANAGER = "alertmanager"
    CLOUDEVENTS = "cloudevents"
    SLACK = "slack"
    GENERIC = "generic"
    HEARTBEAT = "heartbeat"


INCIDENT_TYPES: Final = (SourceType.ALERTMANAGER, SourceType.HEARTBEAT)
"""The types whose messages say which incident they report."""


class AlertmanagerOptions(Block):
    """Options of the type alertmanager."""

    repeat_after: (
        Annotated[Duration, between("alertmanager.repeatAfter", least="1s", example="4h")] | None
    ) = None
    """The time after which a group of alerts in an unchanged state becomes a notification again, such as 4h; at most 30d. If absent, never: the same group in the same state is a duplicate, as long as its NotificationRequest exists."""

    @property
    def repeat_seconds(self) -> float | None:
        """The time in seconds."""
        return None if self.repeat_after is None else seconds(self.repeat_after)


class SourceRateLimit(Block):
    """The maximum rate of messages that the gateway accepts from the source. Further messages are refused with 429, for the type alertmanager with 503; they are lost if the sender does not repeat them."""

    count: Annotated[int, Field(ge=1, le=100_000)] = 600
    """The number of messages per period. Each replica of the gateway accepts its share."""
    period: Annotated[Duration, between("rateLimit.period", least="1s", example="1m")] = "1m"
    """The period, such as 1m; 1s to 30d."""

    @property
    def per_second(self) -> float:
        """Messages per second, on average."""
        return self.count / seconds(self.period)


class Heartbeat(Block):
    """For the type heartbeat: a notification is created when a beat is missed, and another one when the beats return."""

    every: Annotated[Duration, between("heartbeat.every", least="10s", example="1h")]
    """The time between two beats, such as 1h; 10s to 30d."""
    grace: Annotated[Duration, between("heartbeat.grace", least="5s", example="5m")] = "5m"
    """How late a beat may be, such as 5m; 5s to 30d."""
    subject: Annotated[str, Field(max_length=bounds.SUBJECT)] = ""
    """The subject of the notification. If absent, it names the source."""
    priority: Priority | None = None
    """The priority of the notification. If absent, mapping.priority.default."""
    receiver_refs: ReceiverRefs = ()
    """The NotificationReceivers to deliver to. If absent or empty, spec.receiverRefs."""

    @property
    def every_seconds(self) -> float:
        """The time between two beats in seconds."""
        return seconds(self.every)

    @property
    def grace_seconds(self) -> float:
        """How late a beat may be, in seconds."""
        return seconds(self.grace)


class SourceSpec(RuledBlock):
    """The credentials of senders, and how a message becomes a notification. Notifications are created in the namespace of this object."""

    type: SourceType
    """The kind of messages. alertmanager: webhooks of Alertmanager and Grafana. cloudevents: CloudEvents 1.0. slack: messages for an incoming webhook of Slack. generic: any JSON. heartbeat: any request, whose absence is reported."""
    auth: SourceAuthentication = SourceAuthentication()
    filter: Annotated[
        tuple[Annotated[str, Field(min_length=1, max_length=1024)], ...], Field(max_length=32)
    ] = ()
    """Conditions that a message must meet, such as severity=~"critical|high", in the language of routing rules; at most 32. For alertmanager they are conditions on the labels of each alert. For the other types, they are conditions on values of the payload, which dotted paths name."""
    mapping: SourceMapping = SourceMapping()
    alertmanager: AlertmanagerOptions | None = None
    receiver_refs: ReceiverRefs = ()
    """The NotificationReceivers to deliver to; at most 20. If absent or empty, the routing rules select the channels by the labels of the notification."""
    rate_limit: SourceRateLimit = SourceRateLimit()
    heartbeat: Heartbeat | None = None

    rules = (
        ApiRule(
            cel="(self.type == 'heartbeat') == has(self.heartbeat)",
            message="set spec.heartbeat with spec.type heartbeat, and only then",
            holds=lambda spec: (spec.type is SourceType.HEARTBEAT) == (spec.heartbeat is not None),
        ),
        ApiRule(
            cel="self.type == 'alertmanager' || !has(self.alertmanager)",
            message="spec.alertmanager has an effect with spec.type alertmanager only; remove it",
            holds=lambda spec: spec.type is SourceType.ALERTMANAGER or spec.alertmanager is None,
        ),
        ApiRule(
            cel="!(self.type in ['alertmanager', 'heartbeat']) || self.?mapping.?dedupKey.orValue('') == ''",
            message="mapping.event and mapping.dedupKey have no effect for the types alertmanager and heartbeat, "
            "which set both; remove them",
            holds=lambda spec: spec.type not in INCIDENT_TYPES or not spec.mapping.dedup_key,
        ),
        ApiRule(
            cel="self.type != 'heartbeat' || !(self.?auth.?hmac.?scheme.orValue('') in ['sha256-hex', 'pagerduty']) || "
            "self.?auth.?hmac.?timestampHeader.orValue('') != ''",
            message="a heartbeat needs a signature with a time, or a recorded one keeps it alive: set auth.hmac.timestampHeader, the scheme "
            "standard-webhooks, or another credential in place of auth.hmac",
            holds=lambda spec: spec.heartbeat is None or not (spec.auth.hmac and spec.auth.hmac.is_timeless),
        ),
    )

    @cached_property
    def matchers(self) -> tuple[Matcher, ...]:
        """The conditions of the filter.

        Raises:
            ValueError: one of them is not a condition; the API server cannot check that.
        """
        return tuple(each for text in self.filter for each in parse_matchers(text))

    @cached_property
    def filter_problem(self) -> str:
        """Why the filter is not valid; empty if it is."""
        try:
            _ = self.matchers
        except ValueError as error:
            return f"spec.filter: {error}"
        return ""

    @property
    def priority(self) -> PriorityMapping:
        """How a message gets its priority."""
        of_type = ALERT_PRIORITY if self.type is SourceType.ALERTMANAGER else PriorityMapping()
        return self.mapping.priority or of_type

    @property
    def labels(self) -> LabelMapping:
        """How a message gets its labels."""
        return self.mapping.labels or (
            ALERT_LABELS if self.type is SourceType.ALERTMANAGER else LabelMapping()
        )

    @property
    def repeat_seconds(self) -> float | None:
        """The time after which the same state of a group of alerts is told again; None for never."""
        return self.alertmanager.repeat_seconds if self.alertmanager else None


class SourceSpecError(SpecError):
    """A spec of a NotificationSource that this version cannot use."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NotificationSource:
    """A source with its identity."""

    namespace: str
    name: str
    uid: str
    generation: int
    spec: SourceSpec

    @classmethod
    def parse(cls, document: Mapping[str, Any]) -> Self:
        """Return a source as the API server holds it.

        Raises:
            SourceSpecError: the spec is not valid.
        """
        metadata = document["metadata"]
        try:
            spec = SourceSpec.model_validate(document.get("spec"))
        except ValidationError as error:
            raise SourceSpecError(error) from None
        return cls(
            namespace=metadata["namespace"],
            name=metadata["name"],
            uid=metadata["uid"],
            generation=metadata.get("generation", 0),
            spec=spec,
        )
