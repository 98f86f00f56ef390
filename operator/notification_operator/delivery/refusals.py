"""Why an attempt is not made, as the error that its record shows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from notification_operator.delivery.channel import Permanent, Transient
from notification_operator.domain.status import Reason
from notification_operator.domain.text.timestamps import format_time

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

BUILT_IN: Final = frozenset({"console", "file", "log", "slack"})


def not_configured(channel: str) -> Permanent:
    """Return the error for a channel that this operator does not have."""
    return Permanent(
        f"the channel {channel!r} is not configured in this operator; configure {_setting(channel)}"
    )


def not_allowed(channel: str, namespace: str, allowed: Sequence[str]) -> Permanent:
    """Return the error for a namespace that may not use a channel."""
    return Permanent(
        f"{Reason.CHANNEL_NOT_ALLOWED}: the namespace {namespace!r} may not use the channel {channel!r}, which is for "
        f"{', '.join(allowed)}; name another channel, or ask for {namespace!r} in the operator's setting "
        f"{_setting(channel)}.namespaces"
    )


def circuit_open(channel: str, until: datetime) -> Transient:
    """Return the error for an attempt that an open circuit breaker rejects until a time."""
    return Transient(f"circuit breaker open for channel {channel}; next attempt at {format_time(until)}")


def _setting(channel: str) -> str:
    return f"channels.{channel}" if channel in BUILT_IN else f"channels.plugins.{channel}"
