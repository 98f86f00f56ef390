"""`status` of a NotificationSource: the source of its schema. Pure."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Final

from pydantic import Field

from notification_contract.kinds.block import Block, Conditions, Generation, MapKeys, Name, Reason, Text, Time

Total = Annotated[int, Field(ge=0, json_schema_extra={"format": "int64"})]


class ReadyReason(StrEnum):
    """The reasons of the condition Ready. Accepted makes it True, and RetentionShort, which warns; every other one False."""

    ACCEPTED = "Accepted"
    SPEC_INVALID = "SpecInvalid"
    """The gateway cannot use the spec, for example because a matcher of the filter is not one."""
    NOT_ALLOWED = "NotAllowed"
    """A Secret does not allow sources, or the gateway may not read it."""
    TOO_MANY = "TooMany"
    """The quota of the namespace or of all namespaces is used up by other sources."""
    NO_AUTHENTICATION = "NoAuthentication"
    SECRET_NOT_FOUND = "SecretNotFound"  # noqa: S105 - a reason
    KEY_MISSING = "KeyMissing"
    PLACEHOLDER = "Placeholder"
    SECRET_TOO_SHORT = "SecretTooShort"  # noqa: S105 - as above
    """A token or a key has fewer than 16 bytes, or a password fewer than 12 characters. It is not accepted."""
    TEMPLATE_INVALID = "TemplateInvalid"
    RETENTION_SHORT = "RetentionShort"
    """Objects are deleted before the same message can come again."""


RULES_UNKNOWN: Final = "RulesUnknown"
"""The reason of the condition Routed while the gateway cannot use the routing rules. The others are those of Reach."""


class Counters(Block):
    """The counts of messages."""

    last_received_time: Time | None = None
    """The time of the last authenticated message."""
    received: Total = 0
    """The number of authenticated messages."""
    created: Total = 0
    """The number of NotificationRequests that were created."""
    duplicates: Total = 0
    """The number of messages whose NotificationRequest existed already."""
    filtered: Total = 0
    """The number of messages of which spec.filter left nothing."""
    rejected: Total = 0
    """The number of authenticated messages that were refused: malformed, too large, beyond the rate limit, or not to be stored."""


class SourceReplica(Counters):
    """One replica of the gateway."""

    name: Name
    """The name of the replica's pod."""
    updated: Time
    """The time when the replica wrote this entry."""
    problem: Reason = ""
    """The machine-readable reason why the source is not ready in this replica."""
    message: Text = ""
    """The human-readable explanation of the problem."""


class SourceStatus(Counters):
    """The observed state of the source. Only the gateway and the operator write it. The counters are approximate sums of the listed replicas; the metrics are exact."""

    observed_generation: Generation | None = None
    """The metadata.generation that this status is based on."""
    conditions: Conditions = ()
    """The conditions of this object, one per type. Ready: the source accepts messages as its spec says. Routed: its messages reach more than the operator's log; it is False with ReachesNobody, and True with Depends if that depends on the labels of the message."""
    last_beat_time: Time | None = None
    """The time of the last beat of a source of the type heartbeat."""
    missed_beat_time: Time | None = None
    """The time of the beat after which the operator reported the next one as missing; absent while beats come."""
    replicas: Annotated[tuple[SourceReplica, ...], Field(max_length=32), MapKeys(("name",))] = ()
    """The counts of each replica of the gateway since it started. The other fields of the status are the summary."""
