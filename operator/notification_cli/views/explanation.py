"""Why a notification goes where it goes, and what the operator does next: by the operator's own decisions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from notification_cli.views.rules import Step, evaluate
from notification_cli.views.text import clean
from notification_contract.routing.document import read_table
from notification_contract.routing.table import RoutingTableError
from notification_operator.domain.fallback import follow
from notification_operator.domain.plan import Plan, plan
from notification_operator.domain.routing.state import RoutingState

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from notification_operator.domain.model import Notification
    from notification_operator.domain.progress import Progress, State
    from notification_operator.domain.routing.route import Route


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """One channel of a notification: how far it is, and when it continues."""

    name: str
    state: State
    attempts: int
    next_at: datetime | None = None
    """The time before which no attempt starts; None for at once, and after the last attempt."""
    circuit_open: bool = False
    last_error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """The answer of `why`."""

    route: Route | None
    """None if routing decides, and its rules are not known."""
    origin: str
    """Where the route comes from, in a sentence."""
    steps: tuple[Step, ...] = ()
    """How the rules were evaluated, if they decide."""
    plan: Plan | None = None
    channels: tuple[Channel, ...] = ()
    notes: tuple[str, ...] = ()


def read_rules(text: str | None) -> RoutingState:
    """Return the state in which this document puts an operator that has just started; None means no document."""
    if text is None:
        return RoutingState()
    try:
        return RoutingState().accept(read_table(text))
    except RoutingTableError as error:
        return RoutingState().refuse(tuple(error.problems))


def explain(notification: Notification, rules: RoutingState | None, *, now: datetime) -> Explanation:
    """Explain a notification.

    Args:
        notification: as just read.
        rules: the routing rules; None if they cannot be read.
        now: the present time.
    """
    recorded = notification.names_targets or bool(notification.resolved_channels)
    if rules is None and not recorded:
        return Explanation(route=None, origin="The routing rules choose its channels; they cannot be read.")
    route = (rules or RoutingState()).route(notification)
    decides = rules is not None and not recorded
    return Explanation(
        route=route,
        origin=_origin(notification, route),
        steps=_steps(notification.content.labels, rules) if decides else (),
        plan=plan(notification, route, in_flight=frozenset(), now=now),
        channels=channels_of(notification, route, now=now),
        notes=tuple(_notes(notification, route, rules, now=now)),
    )


def channels_of(notification: Notification, route: Route, *, now: datetime) -> tuple[Channel, ...]:
    """Return the progress of each channel of a route."""
    _, steps = follow(notification, route, notification.attempts, now=now)
    return tuple(_channel(notification, step, now) for step in steps)


def _channel(notification: Notification, step: Progress, now: datetime) -> Channel:
    attempts = [attempt for attempt in notification.attempts if attempt.channel == step.channel]
    last = max(attempts, key=lambda attempt: attempt.number, default=None)
    return Channel(
        name=clean(step.channel),
        state=step.state,
        attempts=len(attempts),
        next_at=step.due(notification, {}, now=now),
        circuit_open=step.circuit_open,
        last_error=clean(last.error or "") if last and not last.succeeded else "",
    )


def _origin(notification: Notification, route: Route) -> str:
    if notification.names_targets:
        return "The spec names the channels or receivers; the routing rules do not apply."
    if notification.resolved_channels:
        return f"The status records the choice of the routing rules: {clean(route.message)}."
    return f"The routing rules choose: {clean(route.message)}."


def _steps(labels: Mapping[str, str], rules: RoutingState | None) -> tuple[Step, ...]:
    return evaluate(rules.table, labels) if rules and rules.table else ()


def _notes(
    notification: Notification, route: Route, rules: RoutingState | None, *, now: datetime
) -> Iterator[str]:
    for step in follow(notification, route, notification.attempts, now=now)[1]:
        due = notification.status.next_attempt_at
        if step.open and step.circuit_open and due is not None and due > now:
            yield (
                f"A circuit breaker rejected the last attempt on {clean(step.channel)}. While it stays open, "
                "the operator attempts the channel with its next probe."
            )
    if rules is not None and notification.resolved_channels and not notification.names_targets:
        yield from _changed(notification, rules)


def _changed(notification: Notification, rules: RoutingState) -> Iterator[str]:
    """Yield a note if the present rules would choose other channels."""
    if rules.table is None:
        return
    chosen = rules.table.match(notification.content.labels)
    channels = tuple(dict.fromkeys(channel for each in chosen for channel in each.receiver.channels))
    if channels and channels != notification.resolved_channels:
        yield (
            f"By the present rules, a new notification with these labels would go to {', '.join(channels)}. "
            "This one keeps its channels."
        )
