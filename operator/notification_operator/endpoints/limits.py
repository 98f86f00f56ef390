"""The limits of an endpoint, from the settings of its channel or the spec of its receiver; and what the gates of all share."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import timedelta
from time import monotonic
from typing import TYPE_CHECKING, Final

from notification_contract.kinds.choices import OnReceiverError, Overflow
from notification_contract.settings import RatedChannel
from notification_domain.flow_control.rate import Rate
from notification_operator.endpoints.call_slots import ActiveCalls
from notification_operator.endpoints.refusals import BUILT_IN, ORIGIN
from notification_runtime.fair.fair_queue import SharedRoom

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from notification_contract.kinds.choices import CircuitState
    from notification_contract.kinds.receiver import ReceiverSpec
    from notification_contract.settings import Channels, ChannelSection
    from notification_domain.flow_control.breaker import Limits as BreakerLimits


MOST_PLACES: Final = 40_000
"""Places of notifications in the lines before all destinations, of 530 bytes each. One namespace has at most half of them (DD-TABLE-001)."""
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


class FlowControl:
    """The settings and clocks of all gates, and whether any of them holds messages back.

    Args:
        limits: when a breaker opens, for how long, and what closes it.
        concurrency: calls that run at the same time for one endpoint.
        clock: the wall clock, for the times that are shown.
        seconds: monotonic seconds, which decide.
        on_change: called with the name of the endpoint and the state when a breaker opens, opens again, or closes.
        spread: returns random numbers in [0, 1), which extend the times that breakers stay open.
    """

    def __init__(  # noqa: PLR0913 - each is a setting, a clock or a callback of its own
        self,
        limits: BreakerLimits,
        *,
        concurrency: int,
        clock: Callable[[], datetime],
        seconds: Callable[[], float] = monotonic,
        on_change: Callable[[str, CircuitState], None] | None = None,
        spread: Callable[[], float] = lambda: 0.0,
    ) -> None:
        self.limits: Final = limits
        self.concurrency: Final = concurrency
        self.clock: Final = clock
        self.seconds: Final = seconds
        self.on_change: Final = on_change
        self.spread: Final = spread
        self.not_closed: Final[set[object]] = set()
        """The breakers that are open or half-open."""
        self.active: Final = ActiveCalls()
        self.places: Final = SharedRoom(MOST_PLACES)
        """Those in the lines of all destinations."""
        self.last_pause_end = -math.inf
        """The end of the pause that ends last, in monotonic seconds."""

    @property
    def all_closed(self) -> bool:
        """Whether the breaker of every destination is closed."""
        return not self.not_closed

    @property
    def paused(self) -> bool:
        """Whether any destination asked for a pause that has not ended."""
        return self.last_pause_end > self.seconds()

    def now(self) -> datetime:
        """Return the time that decides; its origin has no meaning."""
        return ORIGIN + timedelta(seconds=self.seconds())
