"""The fallbacks of a notification: targets that join its route because another one has failed for good, or takes too long."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from notification_contract.kinds.target import MAX_TARGETS
from notification_operator.domain.json_values import later
from notification_operator.domain.planning.progress import FAILED, Progress, State, progress
from notification_operator.domain.receivers.targets import NO_RULES, receiver_of
from notification_operator.domain.status import Reason

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from collections.abc import Set as AbstractSet
    from datetime import datetime

    from notification_operator.domain.attempt import Attempt
    from notification_operator.domain.model import Notification
    from notification_operator.domain.receivers.targets import TargetRules
    from notification_operator.domain.routing import Route


def follow(
    notification: Notification,
    route: Route,
    attempts: Iterable[Attempt],
    *,
    running: AbstractSet[str] = frozenset(),
    now: datetime,
) -> tuple[Route, tuple[Progress, ...]]:
    """Return the route with the fallbacks that join it, and the progress of its targets.

    The arguments are those of `progress`. Receivers can be each other's fallback: a target joins once. A target in the status,
    or with an attempt, has joined, whatever has become of the target that wanted it.
    """
    attempts, route = tuple(attempts), _with_recorded(notification, route)
    while True:
        steps = progress(notification, route, attempts, running=running, now=now)
        if not route.rules:
            return route, steps
        steps = _with_rescues(route, steps)
        wanted = {} if notification.deleted else _wanted(notification, route, steps, attempts, now)
        names = (*wanted, *_joined(route, attempts, running))
        joining = [name for name in dict.fromkeys(names) if not _is_target(notification, route, name)]
        joining = joining[: MAX_TARGETS - len(route.targets)]
        if not joining:
            return route, tuple(_due(step, wanted.get(step.channel)) for step in steps)
        route = replace(route, targets=(*route.targets, *joining))


def _with_recorded(notification: Notification, route: Route) -> Route:
    """Return the route with the fallbacks that the status records; a route may be older than the status."""
    fallbacks = {name for rules in route.rules.values() for name in rules.fallback}
    recorded = [
        name for name in notification.status.target_names if name in fallbacks and name not in route.targets
    ]
    if not recorded:
        return route
    return replace(route, targets=(*route.targets, *recorded)[:MAX_TARGETS])


def _with_rescues(route: Route, steps: Sequence[Progress]) -> tuple[Progress, ...]:
    """Return the progress of targets, of which some have failed while all targets of their fallback have delivered the message.

    A fallback has delivered it, too, if its own fallback has.
    """
    delivered = {step.channel for step in steps if step.state is State.SUCCEEDED or step.rescued}
    rescued: dict[str, Progress] = {}
    while True:
        more = {
            step.channel: replace(step, reason=Reason.DELIVERED_BY_FALLBACK, delivered_by=fallback)
            for step in steps
            if step.state in FAILED
            and step.channel not in rescued
            and (fallback := route.rules.get(step.channel, NO_RULES).fallback)
            and delivered.issuperset(fallback)
        }
        if not more:
            return tuple(rescued.get(step.channel, step) for step in steps)
        rescued |= more
        delivered |= more.keys()


def fallback_times(
    notification: Notification, route: Route, steps: Iterable[Progress], *, now: datetime
) -> Iterator[datetime]:
    """Yield the future times at which fallbacks join although nothing has failed."""
    for step in () if notification.deleted else steps:
        rules = route.rules.get(step.channel)
        if rules is None or rules.fallback_after is None or set(rules.fallback) <= set(route.targets):
            continue
        joins_at = _overdue_at(notification, rules.fallback_after)
        # What should have joined by now finds no place in the route, and waits for no time.
        if step.open and joins_at > now:
            yield joins_at


def _is_target(notification: Notification, route: Route, name: str) -> bool:
    """Return whether a fallback is a target already, perhaps by the type that its receiver had before."""
    if name in route.targets:
        return True
    receiver, channel = receiver_of(name, notification.namespace), name.partition("/")[0]
    return receiver is not None and any(
        receiver_of(target, notification.namespace) == receiver and target.partition("/")[0] != channel
        for target in route.targets
    )


def _joined(route: Route, attempts: Iterable[Attempt], running: AbstractSet[str]) -> Iterator[str]:
    """Yield the fallbacks that have an attempt."""
    attempted = running | {attempt.channel for attempt in attempts}
    for target in route.targets:
        rules = route.rules.get(target)
        yield from (name for name in rules.fallback if name in attempted) if rules else ()


def _wanted(
    notification: Notification,
    route: Route,
    steps: Iterable[Progress],
    attempts: Sequence[Attempt],
    now: datetime,
) -> Mapping[str, datetime]:
    """Return the targets that are wanted as fallbacks, with the earliest time since when."""
    wanted: dict[str, datetime] = {}
    for step in steps:
        rules = route.rules.get(step.channel)
        since = _since(notification, rules, step, attempts, now) if rules and rules.fallback else None
        if rules and since is not None and since <= now:
            for name in rules.fallback:
                wanted[name] = min(since, wanted.get(name, since))
    return wanted


def _since(
    notification: Notification,
    rules: TargetRules,
    step: Progress,
    attempts: Sequence[Attempt],
    now: datetime,
) -> datetime | None:
    """Return since when a target wants its fallback, or from when on it will; None if it does not."""
    if step.state in FAILED:
        ends = [attempt.ended for attempt in attempts if attempt.channel == step.channel]
        return min(max(ends), now)
    if not step.open or rules.fallback_after is None:
        return None
    return _overdue_at(notification, rules.fallback_after)


def _overdue_at(notification: Notification, seconds: float) -> datetime:
    """Return when an undelivered notification is overdue: so long after the time from which it may be delivered."""
    return later(notification.deliverable_from, seconds)


def _due(step: Progress, since: datetime | None) -> Progress:
    """Return a step that is due since it is wanted: a fallback joins while a status is decided, and has to be started."""
    if since is None or step.state is not State.NOT_ATTEMPTED:
        return step
    return replace(step, next_at=max(since, step.next_at or since))
