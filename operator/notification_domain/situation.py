"""What each decision about a notification depends on: its read, where it goes, and the facts that no read can hold. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping
    from collections.abc import Set as AbstractSet
    from datetime import datetime

    from notification_domain.model import Notification
    from notification_domain.planning.hold import Hold
    from notification_domain.routing import Route

NO_TIMES: Final[Mapping[str, datetime]] = MappingProxyType({})
NO_HOLDS: Final[Mapping[str, Hold]] = MappingProxyType({})
NO_SUPPRESSIONS: Final[Mapping[str, str]] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """A notification and what is known about its targets, all of one moment."""

    now: datetime
    """By the clock that the other times are of."""
    notification: Notification
    """As read, with the finished attempts that no write contains yet, where these count."""
    route: Route
    """Its targets; `follow` lets the fallbacks join."""
    running: AbstractSet[str] = frozenset()
    """The targets with a running attempt; a target never has two."""
    open_breakers: Mapping[str, datetime] = field(default_factory=lambda: NO_TIMES)
    """The targets whose circuit breaker is open, with the time of its next probe. A target whose status records that waits for the
    probe; any other is attempted once more and rejected (DD-BREAKER-001)."""
    holds: Mapping[str, Hold] = field(default_factory=lambda: NO_HOLDS)
    """The targets whose destination takes no message now."""
    suppressed: Mapping[str, str] = field(default_factory=lambda: NO_SUPPRESSIONS)
    """The targets to which nothing is sent from now on, as their incident or destination has decided, with the reason."""
    recovered: Mapping[str, datetime] = field(default_factory=lambda: NO_TIMES)
    """The targets whose receiver answers again after an outage, with the time from which it does (DD-BREAKER-005)."""
    unavailable: AbstractSet[str] = frozenset()
    """The targets with a fallback whose receiver is known to take no message now, so that the fallback joins earlier."""

    @property
    def delays(self) -> bool:
        """Whether a destination delays an attempt."""
        return bool(self.open_breakers or self.holds)

    def undelayed(self) -> Situation:
        """Return the same without what the destinations delay."""
        return replace(self, open_breakers=NO_TIMES, holds=NO_HOLDS)

    def moved_to(self, now: datetime) -> Situation:
        """Return the same by a clock that was set back since: a short wait must not become one of a day."""
        back = self.now - now
        if back <= timedelta() or not self.delays:
            return self
        return replace(
            self,
            now=now,
            open_breakers={name: until - back for name, until in self.open_breakers.items()},
            holds={name: replace(hold, until=hold.until - back) for name, hold in self.holds.items()},
        )
