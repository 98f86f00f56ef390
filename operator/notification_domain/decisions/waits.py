"""Until when the next attempt on a target waits: for its own time, for a circuit breaker, for its destination (DD-DECIDE-001).

Every step of `WAITS` is asked, and the longest wait counts. With the first one alone, a message whose backoff ends within a
pause of its receiver would be looked at twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, TypeAlias

from notification_domain.planning.progress import State

if TYPE_CHECKING:
    from collections.abc import Callable

    from notification_domain.model import Notification
    from notification_domain.planning.hold import Hold
    from notification_domain.planning.progress import Progress
    from notification_domain.situation import Situation

STEADY: Final = timedelta(seconds=3)
"""After a recovery of this length, what failed before is sent again: a receiver that is down soon again has not used up attempts."""


@dataclass(frozen=True, slots=True)
class Wait:
    """A wait of the next attempt on a target."""

    until: datetime
    """The attempt may start from then on; the time may have passed."""
    delayed: bool = False
    """Whether the destination delays the attempt, which has a time of its own."""
    timed: bool = True
    """Whether its end is known. Otherwise the receiver has to answer a probe, or to change."""
    hold: Hold | None = None
    """What the status says of it."""


Step: TypeAlias = "Callable[[Situation, Progress], Wait | None]"


def own_time(situation: Situation, target: Progress) -> Wait | None:
    """Its time has not come: `spec.notBefore`, or the backoff after a failure, which a recovery of the receiver ends (DD-BREAKER-005)."""
    next_at = target.next_at
    if next_at is None:
        return None
    if target.state is State.BACKING_OFF:
        next_at = _within_policy(situation.notification, next_at, situation.now)
        since = situation.recovered.get(target.channel)
        if since is not None and target.retry_from is not None and target.retry_from <= since:
            next_at = min(next_at, since + STEADY)
    return Wait(next_at)


def breaker(situation: Situation, target: Progress) -> Wait | None:
    """The circuit breaker is open and rejected the latest attempt, so the target waits for a probe (DD-BREAKER-001)."""
    probe = situation.open_breakers.get(target.channel) if target.circuit_open else None
    return None if probe is None else Wait(probe, delayed=True, timed=False)


def destination(situation: Situation, target: Progress) -> Wait | None:
    """Its destination takes no message: for an earlier event of the incident, a pause, the rate, or the receiver itself (DD-DESTINATION-001)."""
    hold = situation.holds.get(target.channel)
    return None if hold is None else Wait(hold.until, delayed=True, timed=hold.reason.is_timed, hold=hold)


WAITS: Final[tuple[Step, ...]] = (own_time, breaker, destination)


def wait(situation: Situation, target: Progress) -> Wait | None:
    """Return what a target with attempts left waits for; None if nothing has ever delayed it, and if none is left."""
    if not target.open:
        return None
    waits = [each for step in WAITS if (each := step(situation, target)) is not None]
    if len(waits) < 2:  # noqa: PLR2004 - nothing to compare
        return waits[0] if waits else None
    return Wait(
        max(each.until for each in waits),
        delayed=any(each.delayed for each in waits),
        timed=all(each.timed for each in waits),
        hold=next((each.hold for each in reversed(waits) if each.hold is not None), None),
    )


def may_start(situation: Situation, target: Progress) -> bool:
    """Return whether the next attempt on a target with attempts left need not wait any more."""
    found = wait(situation, target)
    return found is None or found.until <= situation.now


def _within_policy(notification: Notification, next_at: datetime, now: datetime) -> datetime:
    """Return a time that is not later than the policy's longest backoff from now.

    A later one means that the clock was ahead when the attempt ended. The first decision after that puts its own
    limit into the status; the later ones keep to it, because a limit that moves with the time is never reached.
    """
    latest = now + timedelta(seconds=notification.retry.max_backoff)
    if next_at <= latest:
        return next_at
    status = notification.status
    recorded = status.next_attempt_at if status.total_attempts == len(status.attempts) else None
    return latest if recorded is None else min(latest, recorded)
