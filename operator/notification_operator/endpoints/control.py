"""What the gates of all destinations share: the settings, the clocks, and who learns of their breakers."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from notification_contract.kinds.choices import CircuitState
    from notification_operator.domain.flow_control.breaker import Limits

ORIGIN: Final = datetime(1970, 1, 1, tzinfo=UTC)


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
        limits: Limits,
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
