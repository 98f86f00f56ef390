"""Drills: which receivers a drill sends to, and which ones its messages have reached. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from notification_contract import names
from notification_contract.kinds.channel_names import ADDRESSES
from notification_contract.kinds.choices import TargetState
from notification_domain.receivers.targets import receiver_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from notification_contract.kinds.receiver import ReceiverSpec
    from notification_domain.model import Notification
    from notification_domain.receivers.catalog import ReceiverKey


def why_skipped(receiver_type: str, *, suspended: bool, has_recipients: bool) -> str:
    """Return why a drill sends no message to a receiver; empty if it sends one.

    Args:
        receiver_type: `spec.type`.
        suspended: whether the spec suspends the receiver.
        has_recipients: whether the block of the type lists recipients.
    """
    if suspended:
        return "it is suspended"
    if receiver_type in ADDRESSES and not has_recipients:
        return f"it lists no recipients; set spec.{receiver_type}.to"
    return ""


def is_drilled(spec: ReceiverSpec) -> bool:
    """Return whether a drill sends a message to a receiver with this spec."""
    return not why_skipped(spec.type, suspended=spec.suspend, has_recipients=bool(spec.own_addresses))


def reached(before: Notification, after: Notification) -> Mapping[ReceiverKey, datetime]:
    """Return the receivers that a write records as reached by the message of a drill, each with the time of its delivery.

    A receiver with several recipients is reached when the message was delivered to all of them. Receivers of other namespaces are not
    reached: their drills are created where they are, and every author of a notification may set the label (DD-DRILL-001).
    """
    if names.DRILL_LABEL not in after.content.labels:
        return {}
    known = {attempt.key for attempt in before.attempts}
    times: dict[ReceiverKey, datetime] = {}
    for attempt in after.attempts:
        key = receiver_of(attempt.channel, after.namespace)
        if key is None or key.namespace != after.namespace:
            continue
        if attempt.succeeded and attempt.key not in known:
            times[key] = max(attempt.ended, times.get(key, attempt.ended))
    missed = {
        receiver_of(target.name, after.namespace)
        for target in after.status.targets
        if target.state is not TargetState.DELIVERED
    }
    return {key: time for key, time in times.items() if key not in missed}
