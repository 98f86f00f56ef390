"""Why a notification goes where it goes, and what the operator does next: by the operator's own decisions."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from notification_cli.views.explaining.known import NOTHING_KNOWN
from notification_cli.views.explaining.outlook import Outlook, is_unavailable, outlook
from notification_cli.views.targets import Link, Target, links_of, targets_of, unused_addresses
from notification_cli.views.text import clean
from notification_domain.decisions.endings import expires_at
from notification_domain.folding.fold import earliest_attempt
from notification_domain.planning.fallback import follow
from notification_domain.planning.plan import Plan, PlanReason, Send, plan
from notification_domain.receivers.targets import receiver_of
from notification_domain.routing import RoutingState
from notification_domain.situation import Situation

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from notification_cli.views.explaining.known import Known
    from notification_cli.views.rules import Step
    from notification_domain.model import Notification
    from notification_domain.planning.progress import Progress
    from notification_domain.routing import Route


@dataclass(frozen=True, slots=True, kw_only=True)
class Next:
    """One attempt that is due, and what becomes of it."""

    send: Send
    outlook: Outlook


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """The answer of `why`."""

    route: Route | None
    """The route; None if routing decides and its rules are not known."""
    origin: str
    """Where the route comes from, in a sentence."""
    steps: tuple[Step, ...] = ()
    """How the rules were evaluated, if they decide."""
    plan: Plan | None = None
    next: tuple[Next, ...] = ()
    """The attempts of the plan."""
    due: datetime | None = None
    """The time of the next step if no attempt is due: an attempt, the start of a fallback, or the expiry."""
    expires: bool = False
    """Whether that step is the expiry."""
    targets: tuple[Target, ...] = ()
    receivers: tuple[Link, ...] = ()
    """The receivers behind the targets."""
    notes: tuple[str, ...] = ()


def read_rules(text: str | None) -> RoutingState:
    """Return the state in which this document puts an operator that has just started; None means no document."""
    if text is None:
        return RoutingState()
    # The engine of regular expressions is loaded only where there are rules.
    from notification_contract.routing.document import read_table  # noqa: PLC0415
    from notification_contract.routing.table import RoutingTableError  # noqa: PLC0415

    try:
        return RoutingState().accept(read_table(text))
    except RoutingTableError as error:
        return RoutingState().refuse(tuple(error.problems))


def explain(
    notification: Notification, rules: RoutingState | None, known: Known = NOTHING_KNOWN, *, now: datetime
) -> Explanation:
    """Explain a notification.

    Args:
        notification: as just read.
        rules: the routing rules; None if they cannot be read.
        known: the receivers that it can reach.
        now: the present time.
    """
    recorded = notification.names_targets or bool(notification.resolved_channels)
    if rules is None and not recorded:
        return Explanation(route=None, origin="The routing rules choose its channels; they cannot be read.")
    known = known.under(rules)
    route = (rules or RoutingState()).route(notification, known.resolver)
    unavailable = _unavailable(notification, route, known)
    situation, steps = follow(
        Situation(now=now, notification=notification, route=route, unavailable=unavailable)
    )
    planned = plan(situation, steps)
    decides = rules is not None and not recorded
    due = earliest_attempt(situation, steps) if planned.reason is PlanReason.BACKOFF else None
    return Explanation(
        route=route,
        origin=_origin(notification, route),
        steps=_steps(notification, rules) if decides else (),
        plan=planned,
        next=tuple(
            Next(send=send, outlook=outlook(send.channel, notification, known)) for send in planned.sends
        ),
        due=due,
        expires=due is not None and due == expires_at(notification),
        targets=targets_of(situation, steps),
        receivers=links_of(notification, situation.route, known),
        notes=tuple(_notes(notification, route, steps, rules, known)),
    )


def _unavailable(notification: Notification, route: Route, known: Known) -> frozenset[str]:
    """Return the targets whose receiver is known to take no message now, so that its fallback joins earlier."""
    return frozenset(
        target
        for target in route.targets
        if target in route.rules and is_unavailable(target, notification, known)
    )


def _origin(notification: Notification, route: Route) -> str:
    if notification.names_targets:
        return "The spec names the channels or receivers; the routing rules do not apply."
    if notification.resolved_channels:
        return f"The status records the choice of the routing rules: {clean(route.message)}."
    return f"The routing rules choose: {clean(route.message)}."


def _steps(notification: Notification, rules: RoutingState | None) -> tuple[Step, ...]:
    if rules is None or rules.table is None:
        return ()
    from notification_cli.views.rules import evaluate  # noqa: PLC0415 - as above

    return evaluate(rules.table, notification.content.labels)


def _notes(
    notification: Notification,
    route: Route,
    steps: tuple[Progress, ...],
    rules: RoutingState | None,
    known: Known,
) -> Iterator[str]:
    if route.refusal:
        yield f"Nothing is sent: {clean(route.refusal)}."
    for step in steps:
        if step.open and step.circuit_open:
            yield (
                f"A circuit breaker rejected the last attempt on {clean(step.channel)}. While it stays open, "
                "the operator attempts the channel with its next probe."
            )
    if rules is not None and notification.resolved_channels and not notification.names_targets:
        yield from _changed(notification, rules, known)
    for key, problems in known.problems.items():
        yield f"The present spec of receiver {key} is refused ({clean('; '.join(problems))}); an earlier one that was valid stays in force."
    if known.channels is None and not notification.status.targets:
        yield from _assumed(notification, known)
    yield from (f"{each}." for each in unused_addresses(notification.content.recipients))


def _changed(notification: Notification, rules: RoutingState, known: Known) -> Iterator[str]:
    """Yield a note if the present rules would choose other targets."""
    if rules.table is None:
        return
    status = replace(notification.status, resolved_channels=(), targets=())
    chosen = rules.route(replace(notification, status=status), known.resolver)
    places = [
        {receiver_of(target, notification.namespace) or target for target in targets}
        for targets in (chosen.targets, notification.resolved_channels)
    ]
    if chosen.targets and places[0] != places[1]:
        yield (
            f"By the present rules, a new notification with these labels would go to {clean(', '.join(chosen.targets))}. "
            "This one keeps its channels."
        )


def _assumed(notification: Notification, known: Known) -> Iterator[str]:
    """Yield a note for each channel that a default receiver stands for, unless the operator's settings have it."""
    resolver = known.resolver
    for name in dict.fromkeys(notification.channels):
        default = None if name in resolver.configured else known.catalog.default(name, notification.namespace)
        if default is not None:
            yield (
                f"The channel {clean(name)} goes to the default receiver {default.key}, unless the operator's own settings "
                "have this channel."
            )
