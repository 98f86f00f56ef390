"""The limits of an endpoint: what the settings say about a channel, or a spec about its receiver."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from notification_contract.kinds.choices import OnReceiverError, Overflow
from notification_contract.settings import RatedChannel
from notification_operator.domain.flow_control.rate import Rate
from notification_operator.endpoints.refusals import BUILT_IN

if TYPE_CHECKING:
    from notification_contract.kinds.receiver import ReceiverSpec
    from notification_contract.settings import Channels, ChannelSection

MARGIN_SECONDS: Final = 1.0
"""An attempt takes at most so much longer than the receiver's time limit, which the channel itself keeps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What the settings say about a channel, or the spec about a receiver."""

    rate: Rate | None = None
    """Rate of each destination; None for no limit."""
    namespaces: tuple[str, ...] = ()
    """The namespaces that may use the channel; empty for all. `*` stands for any characters at the end of a name."""
    timeout: float | None = None
    """Seconds for one attempt; None for the time of the settings."""
    holds_errors: bool = False
    """Whether messages wait while the receiver accepts none, without using attempts."""
    suppresses: bool = False
    """Whether messages beyond the rate limit are suppressed; otherwise they wait."""

    def allows(self, namespace: str) -> bool:
        """Return whether a namespace may use the channel."""
        if not self.namespaces:
            return True
        return any(
            namespace.startswith(name[:-1]) if name.endswith("*") else namespace == name
            for name in self.namespaces
        )


NO_LIMITS: Final = Limits()


def channel_limits(settings: Channels) -> dict[str, Limits]:
    sections = {name: getattr(settings, name) for name in BUILT_IN} | dict(settings.plugins)
    return {name: _channel_limits(section) for name, section in sections.items()}


def _channel_limits(section: ChannelSection) -> Limits:
    rate = None
    if isinstance(section, RatedChannel) and section.rate_per_second:
        rate = Rate(per_second=section.rate_per_second, burst=section.burst)
    return Limits(rate=rate, namespaces=section.namespaces)


def receiver_limits(spec: ReceiverSpec) -> Limits:
    limit = spec.rate_limit
    return Limits(
        rate=None if limit is None else Rate(per_second=limit.per_second, burst=limit.count),
        timeout=spec.timeout_seconds + MARGIN_SECONDS,
        holds_errors=spec.on_receiver_error is OnReceiverError.HOLD,
        suppresses=limit is not None and limit.overflow is Overflow.SUPPRESS,
    )
