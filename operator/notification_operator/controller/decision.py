"""The decision about a notification: its next status, from an object just read and from what only this process knows."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from notification_operator.domain.folding.fold import fold
from notification_operator.domain.folding.status_write import StatusWrite
from notification_operator.domain.model import parse
from notification_operator.domain.planning.hold import NO_HOLDS, Hold
from notification_operator.domain.planning.progress import NO_OPEN_BREAKERS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from notification_operator.controller.attempt_tracker import ObjectAttempts
    from notification_operator.domain.model import Notification
    from notification_operator.domain.routing.route import Route
    from notification_operator.domain.rules import Rules
    from notification_operator.domain.status import Status


@dataclass(frozen=True, slots=True, kw_only=True)
class Waits:
    """What the channels of a notification wait for, besides their own backoff."""

    at: datetime
    """The time by the clock that the other times are of."""
    open_breakers: Mapping[str, datetime] = field(default_factory=lambda: NO_OPEN_BREAKERS)
    holds: Mapping[str, Hold] = field(default_factory=lambda: NO_HOLDS)

    @property
    def any(self) -> bool:
        """Whether a destination delays an attempt."""
        return bool(self.open_breakers or self.holds)

    def moved_to(self, now: datetime) -> Waits:
        """Return the same waits by a clock that was set back since: a short wait must not become one of a day."""
        back = self.at - now
        if back <= timedelta():
            return self
        return Waits(
            at=now,
            open_breakers={name: until - back for name, until in self.open_breakers.items()},
            holds={name: replace(hold, until=hold.until - back) for name, hold in self.holds.items()},
        )


class Decision:
    """The change that one reconciliation applies to an object; attempts that finish later do not change it.

    A write without an answer is repeated as it was, as long as it may still be applied. It may end the notification or
    suppress a target: an attempt that another decision started meanwhile would then remain without a record.
    """

    def __init__(  # noqa: PLR0913 - what a reconciliation knows
        self,
        fresh: Mapping[str, Any],
        notification: Notification,
        *,
        attempts: ObjectAttempts,
        rules: Rules,
        waits: Waits,
        suppressions: Mapping[str, str],
        queued_at: datetime,
        clock: Callable[[], datetime],
    ) -> None:
        self._version = fresh["metadata"]["resourceVersion"]
        self._notification = notification
        self._route, self._rules = attempts.route, rules
        self._finished, self._running = attempts.finished, attempts.running
        self._repeats = attempts.repeats
        self._waits = waits
        self._suppressions = suppressions
        self._queued_at = queued_at
        self._clock = clock
        self.at = clock()
        """The time of the latest decision, which the times in its status are relative to."""
        self.latest: StatusWrite
        """The latest decision; the first call sets it."""

    def parsed(self, obj: Mapping[str, Any]) -> Notification:
        """Parse an object; the version that the reconciliation began with is parsed already."""
        return self._notification if obj["metadata"]["resourceVersion"] == self._version else parse(obj)

    def route(self, notification: Notification) -> Route:
        """Return the route that the decision follows; the targets of tracked attempts stay."""
        return self._rules.route(notification, self._route)

    def __call__(self, obj: Mapping[str, Any]) -> dict[str, Any]:
        """Return the next status of an object just read."""
        version, self.at = obj["metadata"]["resourceVersion"], self._clock()
        if self._repeats is not None and self._repeats.version == version:
            self.latest = self._repeats
        else:
            status = self._decide(self.parsed(obj)).dump()
            self.latest = StatusWrite(version=version, status=status, recorded=self._finished)
        return self.latest.status

    def _decide(self, current: Notification) -> Status:
        waits = self._waits.moved_to(self.at)
        return fold(
            current,
            self._finished,
            route=self.route(current),
            in_flight=self._running,
            open_breakers=waits.open_breakers,
            holds=waits.holds,
            suppressions=self._suppressions,
            queued_at=self._queued_at,
            now=self.at,
        )
