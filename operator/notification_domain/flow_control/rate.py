"""A rate limit as a value: a token bucket. Pure; times are seconds of a monotonic clock."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

TOLERANCE: Final = 0.01
"""Share of a token that may be missing, since a timer may be a moment early."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """How many messages a destination may get."""

    per_second: float
    burst: int
    """How many at once, after a time without messages."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """The tokens of one destination; each message takes one, and they come back at the rate."""

    rate: Rate
    tokens: float
    """Negative after a message that took more than there were."""
    at: float
    """The time for which the number of tokens holds."""

    @classmethod
    def full(cls, rate: Rate, now: float) -> Bucket:
        """Return the bucket of a destination that got no message for long."""
        return cls(rate=rate, tokens=float(rate.burst), at=now)

    def tokens_at(self, now: float) -> float:
        """Return the tokens at a time; a time before the last one counts as that."""
        gained = max(0.0, now - self.at) * self.rate.per_second
        return min(self.tokens + gained, float(self.rate.burst))

    def is_full(self, now: float) -> bool:
        """Return whether the destination may get a whole burst."""
        return self.tokens_at(now) >= self.rate.burst

    def seconds_until(self, tokens: int, now: float) -> float:
        """Return the seconds until there are so many tokens, even if that is more than a burst."""
        missing = tokens - self.tokens_at(now)
        return 0.0 if missing <= TOLERANCE else missing / self.rate.per_second

    def take(self, tokens: int, now: float) -> Bucket:
        """Return the bucket without some tokens."""
        return replace(self, tokens=self.tokens_at(now) - tokens, at=max(now, self.at))

    def emptied(self, now: float) -> Bucket:
        """Return the bucket of a destination that got too many messages: from now on only the rate counts."""
        return replace(self, tokens=min(0.0, self.tokens_at(now)), at=max(now, self.at))
