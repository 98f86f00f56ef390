"""The fallbacks of a notification: targets that join its route, and deliver the message in the place of others.

The fallback of a target joins at once when that has failed for good; after its time when that is not delivered by then; and
after a minute already while the receiver is known to take no message.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from notification_contract.kinds.choices import LifecycleEvent
from notification_contract.kinds.target import MAX_TARGETS
from notification_domain.json_values import later
from notification_domain.planning.progress import FAILED, Progress, State, ended, progress
from notification_domain.receivers.targets import NO_RULES, receiver_of
from notification_domain.status import Reason

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from collections.abc import Set as AbstractSet
    from datetime import datetime

    from notification_domain.attempt import Attempt
    from notification_domain.model import Notification
    from notification_domain.receivers.targets import TargetRules
    from notification_domain.routing import Route
    from notification_domain.situation import Situation

UNAVAILABLE_AFTER: Final = 60.0
"""Seconds after which the fallback of a receiver joins that is known to take no message."""
LOST: Final = FAILED | {State.EXPIRED}


def follow(situation: Situation) -> tuple[Situation, tuple[Progress, ...]]:
    """Return the situation with the fallbacks that join its route, and the progress of the targets.

    Receivers can be each other's fallback: a target joins once. A target in the status, or with an attempt, has joined, whatever
    has become of the target that wanted it.
    """
    notification, running, now = situation.notification, situation.running, situation.now
    situation = _along(situation, _with_recorded(notification, situation.route))
    unavailable = situation.unavailable - running
    while True:
        steps, route = progress(situation), situation.route
        if not route.rules:
            return situation, steps
        steps = _with_rescues(notification, route, steps, running)
        times = {} if notification.deleted else _times(notification, route, steps, unavailable, now)
        wanted = _wanted(route, times, now)
        names = (*wanted, *_joined(route, notification.attempts, running))
        joining = [name for name in dict.fromkeys(names) if not _targets_of(notification, route, name)]
        joining = joining[: MAX_TARGETS - len(route.targets)]
        if not joining:
            # What should have joined by now finds no place in the route, and waits for no time.
            joins = {
                target: time
                for target, time in times.items()
                if time > now and not _fallback(notification, route, route.rules[target])
            }
            return situation, tuple(_timed(step, wanted, joins) for step in steps)
        situation = _along(situation, replace(route, targets=(*route.targets, *joining)))


def _along(situation: Situation, route: Route) -> Situation:
    return situation if route is situation.route else replace(situation, route=route)


def _with_recorded(notification: Notification, route: Route) -> Route:
    """Return the route with the fallbacks that the status records; a route may be older than the status."""
    fallbacks = {name for rules in route.rules.values() for name in rules.fallback}
    recorded = [
        name for name in notification.status.target_names if name in fallbacks and name not in route.targets
    ]
    if not recorded:
        return route
    return replace(route, targets=(*route.targets, *recorded)[:MAX_TARGETS])


def _with_rescues(
    notification: Notification, route: Route, steps: Sequence[Progress], running: AbstractSet[str]
) -> tuple[Progress, ...]:
    """Return the progress of targets, of which some get nothing more: all targets of their fallback have delivered the message.

    A fallback has delivered it, too, if its own fallback has.
    """
    delivered = {step.channel for step in steps if step.state is State.SUCCEEDED or step.rescued}
    rescued: dict[str, Progress] = {}

    def owing(step: Progress) -> Progress:
        """Return a step that names the fallback if that has a Resolve which this target has not."""
        rules = route.rules.get(step.channel, NO_RULES)
        if not (rules.owed and step.state in LOST and notification.content.event is LifecycleEvent.RESOLVE):
            return step
        fallback = _fallback(notification, route, rules)
        return replace(step, delivered_by=fallback) if delivered.issuperset(fallback) else step

    while True:
        more = {
            step.channel: replace(_rescued(step), delivered_by=fallback)
            for step in steps
            if step.channel not in rescued
            and (rules := route.rules.get(step.channel, NO_RULES)).fallback
            and _can_be_rescued(step, rules, running)
            and (fallback := _fallback(notification, route, rules))
            and delivered.issuperset(fallback)
        }
        if not more:
            return tuple(rescued.get(step.channel) or owing(step) for step in steps)
        rescued |= more
        delivered |= more.keys()


def _can_be_rescued(step: Progress, rules: TargetRules, running: AbstractSet[str]) -> bool:
    if rules.owed:
        return False
    if step.open:
        return step.channel not in running and not rules.also
    return step.rescued or step.state in LOST


def _rescued(step: Progress) -> Progress:
    """Return a step without further attempts; what has failed for good keeps its state."""
    if step.state in FAILED:
        return replace(step, reason=Reason.DELIVERED_BY_FALLBACK)
    return ended(step, State.SUPPRESSED, Reason.DELIVERED_BY_FALLBACK)


def _fallback(notification: Notification, route: Route, rules: TargetRules) -> tuple[str, ...]:
    """Return the targets that deliver the message for a fallback; none if one of them has not joined."""
    found = [_targets_of(notification, route, name) for name in rules.fallback]
    return tuple(dict.fromkeys(name for names in found for name in names)) if all(found) else ()


def _targets_of(notification: Notification, route: Route, name: str) -> tuple[str, ...]:
    """Return the target of a fallback; else those of its receiver by another type.

    A receiver may have had another type, or the notification may not use it any more: it is a placeholder then.
    """
    if name in route.targets:
        return (name,)
    receiver, channel = receiver_of(name, notification.namespace), name.partition("/")[0]
    if receiver is None:
        return ()
    return tuple(
        target
        for target in route.targets
        if receiver_of(target, notification.namespace) == receiver and target.partition("/")[0] != channel
    )


def _joined(route: Route, attempts: Iterable[Attempt], running: AbstractSet[str]) -> Iterator[str]:
    """Yield the fallbacks that have an attempt."""
    attempted = running | {attempt.channel for attempt in attempts}
    for target in route.targets:
        rules = route.rules.get(target)
        yield from (name for name in rules.fallback if name in attempted) if rules else ()


def _times(
    notification: Notification,
    route: Route,
    steps: Iterable[Progress],
    unavailable: AbstractSet[str],
    now: datetime,
) -> Mapping[str, datetime]:
    """Return by target when its fallback joins; without those that want none as things are.

    The time of a fallback itself counts from then on: the fallbacks of a chain join one after another. A notification that no
    operator has looked at is attempted first, however old it is: none may have been running.
    """
    times: dict[str, datetime] = {}
    begins: dict[str, datetime] = {}
    is_new = not notification.status.targets
    for step in steps:
        rules = route.rules.get(step.channel, NO_RULES)
        begin = begins.get(step.channel, notification.deliverable_from)
        time = _time(step, rules, begin, unavailable)
        if time is None or (is_new and time <= now and step.state is State.NOT_ATTEMPTED):
            continue
        if step.state in FAILED:
            # The clock may have been ahead at its end.
            time = min(time, now)
        times[step.channel] = time
        begins |= {name: min(time, begins.get(name, time)) for name in rules.fallback}
    return times


def _time(
    step: Progress, rules: TargetRules, begin: datetime, unavailable: AbstractSet[str]
) -> datetime | None:
    """Return when the fallback of a target joins that may be delivered from `begin` on."""
    if not rules.fallback:
        return None
    if step.state in FAILED:
        return step.failed_at
    if not step.open or rules.fallback_after is None:
        return None
    # An attempt that failed because the receiver is not ready says the same as a hold.
    known = step.channel in unavailable or (
        step.state is State.BACKING_OFF and step.reason == Reason.RECEIVER_NOT_READY
    )
    seconds = min(UNAVAILABLE_AFTER, rules.fallback_after) if known else rules.fallback_after
    return later(begin, seconds)


def _wanted(route: Route, times: Mapping[str, datetime], now: datetime) -> Mapping[str, datetime]:
    """Return the targets that are wanted as fallbacks now, with the earliest time since when."""
    wanted: dict[str, datetime] = {}
    for target, time in times.items():
        if time <= now:
            for name in route.rules[target].fallback:
                wanted[name] = min(time, wanted.get(name, time))
    return wanted


def _timed(step: Progress, wanted: Mapping[str, datetime], joins: Mapping[str, datetime]) -> Progress:
    """Return a step with the times that follow from fallbacks.

    A fallback that joins while a status is decided is due since it is wanted, so that it is started.
    """
    since, joins_at = wanted.get(step.channel), joins.get(step.channel)
    if since is not None and step.state is State.NOT_ATTEMPTED:
        step = replace(step, next_at=max(since, step.next_at or since))
    return step if joins_at is None or not step.open else replace(step, fallback_at=joins_at)
