"""The beats of one source, and when the next one is missing (DD-GATEWAY-001). Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, Self

from notification_contract.sources.source import NotificationSource, SourceSpecError
from notification_domain.json_values import later, mapping, moment
from notification_domain.key import Key

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from notification_domain.heartbeats.presence import Presence

LAST_BEAT: Final = "lastBeatTime"
MISSED: Final = "missedBeatTime"
SETTLING: Final = timedelta(seconds=1)
"""A beat that the gateway has received may still be on its way into the status for so long."""
KNOWN_FOR: Final = timedelta(days=1)
"""No object is deleted by retention earlier: until then, creating a notification again creates no second one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Beats:
    """What is known of the beats of a source. Times are those of the gateway's clock."""

    key: Key
    every: float
    """Seconds between two beats."""
    grace: float
    """Seconds by which a beat may be late."""
    last: datetime | None
    """The latest beat; None before the first one, and nothing is missing then."""
    missed: datetime | None
    """The beat after which the next one was found missing; None while beats come."""

    @classmethod
    def parse(cls, document: Mapping[str, Any]) -> Self | None:
        """Return the beats of a source; None if it is of another type, or its spec cannot be used."""
        try:
            source = NotificationSource.parse(document)
        except SourceSpecError:
            return None
        heartbeat = source.spec.heartbeat
        if heartbeat is None:
            return None
        status = mapping(document.get("status"))
        return cls(
            key=Key(source.namespace, source.name, source.uid),
            every=heartbeat.every_seconds,
            grace=heartbeat.grace_seconds,
            last=moment(status.get(LAST_BEAT)),
            missed=moment(status.get(MISSED)),
        )

    def deadline(self, since: datetime) -> datetime | None:
        """Return until when the next beat has to come; None before the first one.

        A beat that was sent while no gateway was there is lost, so the next one is awaited from the end of that time on. That
        concerns only the time in which a beat was expected: otherwise, a short break a day would hide that a daily job is dead.

        Args:
            since: since when the gateway has been there.
        """
        if self.last is None:
            return None
        expected = later(self.last, self.every)
        if since > expected - timedelta(seconds=self.grace):
            expected = max(expected, later(since, self.every))
        return later(expected, self.grace)

    def is_missing(self, presence: Presence | None) -> bool:
        """Return whether the gateway has been there past the deadline, and heard nothing."""
        if presence is None or self.missed is not None:
            return False
        deadline = self.deadline(presence.since)
        return deadline is not None and presence.until >= deadline + SETTLING

    @property
    def is_back(self) -> bool:
        """Whether a beat has come after a missing one."""
        return self.missed is not None and self.missed != self.last

    def may_be_unreported(self, presence: Presence | None) -> bool:
        """Return whether the notification of the missing beat may not exist yet.

        It is too young to have been deleted by retention, so that to create it again creates no second one.
        """
        now = self.last if self.is_back else presence.until if presence else None
        if self.missed is None or now is None:
            return False
        return now < later(self.missed, self.every + self.grace) + KNOWN_FOR


def with_missing(document: Mapping[str, Any], presence: Presence | None) -> dict[str, Any]:
    """Return the status of a source, with the mark if a beat is missing now."""
    status, beats = dict(mapping(document.get("status"))), Beats.parse(document)
    if beats is not None and beats.is_missing(presence):
        status[MISSED] = status[LAST_BEAT]
    return status


def without_missing(document: Mapping[str, Any], missed: datetime) -> dict[str, Any]:
    """Return the status of a source without the mark of a beat that was missing and is back."""
    status = dict(mapping(document.get("status")))
    if moment(status.get(MISSED)) == missed:
        del status[MISSED]
    return status
