"""The targets of a notification for people, and the receivers behind them. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from notification_cli.views.receivers import in_words
from notification_cli.views.text import clean
from notification_contract.kinds.choices import TargetReason, TargetState
from notification_contract.kinds.target import WITHOUT_EFFECT, without_effect
from notification_domain.decisions.waits import wait
from notification_domain.folding.outcome import target_statuses
from notification_domain.receivers.targets import receiver_of
from notification_domain.status import FINAL

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from notification_cli.views.explaining.known import Known
    from notification_domain.model import Notification
    from notification_domain.planning.progress import Progress
    from notification_domain.receivers.catalog import ReceiverKey
    from notification_domain.routing import Route
    from notification_domain.situation import Situation
    from notification_domain.status import TargetStatus


WAITS_FOR: Final[Mapping[TargetReason, str]] = MappingProxyType(
    {
        TargetReason.QUEUED: "room for its content in the operator's memory",
        TargetReason.BACKOFF: "the end of the backoff after its latest attempt",
        TargetReason.CIRCUIT_OPEN: "the circuit breaker of its receiver, which is open",
        TargetReason.PAUSED: "the end of the pause that its receiver has asked for",
        TargetReason.RATE_LIMITED: "the rate limit of its receiver",
        TargetReason.SUSPENDED: "its receiver, which is suspended",
        TargetReason.WAITING_FOR_INCIDENT: "an earlier message of its incident",
        TargetReason.RECEIVER_NOT_READY: "its receiver, which is not ready",
        TargetReason.RECEIVER_NOT_ALLOWED: "its receiver, which this namespace may not use",
    }
)
"""What a target waits for, in words that follow "waits for"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One target of a notification: how far it is, and when it continues."""

    name: str
    state: TargetState
    attempts: int = 0
    """The number of attempts that count."""
    next_at: datetime | None = None
    """The time before which no attempt starts; None for at once, and after the last attempt."""
    circuit_open: bool = False
    last_error: str = ""
    reason: str = ""
    """Why nothing is sent to it, or why the last attempt failed, in one word where the operator knows that."""
    delivered_at: datetime | None = None
    message_ref: str = ""
    """The message at the receiver, in the receiver's terms."""
    suppressed_by: str = ""
    note: str = ""
    waits_for: TargetReason | None = None
    """What the operator has recorded that it waits for; None if it does not wait, or that is not recorded."""
    undelivered_since: datetime | None = None
    """The time from which a target that waits might have been delivered."""

    @property
    def waits(self) -> bool:
        """Whether a further attempt may follow."""
        return self.state is TargetState.WAITING

    @property
    def held(self) -> bool:
        """Whether its next attempt waits for something else than its time."""
        return self.waits_for not in {None, TargetReason.BACKOFF}


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """The receiver behind a target, as far as it could be read."""

    receiver: str
    """The receiver as `NAMESPACE/NAME`."""
    targets: tuple[str, ...]
    exists: bool | None
    """Whether the receiver exists; None if it cannot be read."""
    allowed: bool | None = None
    """Whether the notification's namespace may use it; None if that is not known."""
    type: str = ""
    ready: str = "-"
    healthy: str = "-"
    suspended: bool = False
    fallback: str = ""
    problem: str = ""
    """Why it cannot be used, in a sentence; empty if it can, or if that is not known."""


def unused_addresses(recipients: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """Return a sentence for each kind of address that has no effect, without its full stop."""
    given = {field for recipient in recipients for field in WITHOUT_EFFECT if recipient.get(field)}
    return tuple(without_effect(field) for field in WITHOUT_EFFECT if field in given)


def targets_of(situation: Situation, steps: Iterable[Progress]) -> tuple[Target, ...]:
    """Return the targets of a notification, with what its status records of each."""
    steps, notification = tuple(steps), situation.notification
    recorded = {each.name: each for each in notification.status.targets}
    counted = target_statuses(steps, notification.attempts, running=frozenset())
    final = notification.phase in FINAL
    targets = []
    for step, status in zip(steps, counted, strict=True):
        stored = recorded.pop(step.channel, None)
        # What runs, and how an attempt of a large notification was refused, only the operator knows.
        known = stored if stored and (final or stored.state is TargetState.DELIVERING) else status
        target = _target(known, step, situation)
        if target.waits:
            target = replace(
                target,
                waits_for=stored.reason if stored and stored.state is TargetState.WAITING else None,
                undelivered_since=notification.deliverable_from,
            )
        targets.append(target)
    # A recorded target that is none any more: a receiver has been replaced by its real type, for instance.
    return (*targets, *(_recorded(each, notification) for each in recorded.values()))


def _target(status: TargetStatus, step: Progress, situation: Situation) -> Target:
    waits = status.state is TargetState.WAITING
    return replace(
        _recorded(status, situation.notification),
        next_at=found.until if waits and (found := wait(situation, step)) is not None else None,
        circuit_open=step.circuit_open and waits,
    )


def _recorded(status: TargetStatus, notification: Notification) -> Target:
    return Target(
        name=clean(status.name),
        state=status.state,
        attempts=status.attempts,
        last_error=clean(status.last_error),
        reason=clean(status.suppressed_by or _last_reason(status, notification)),
        delivered_at=status.delivered_at,
        message_ref=clean(status.message_ref),
        suppressed_by=clean(status.suppressed_by),
        note=clean(status.note),
    )


def _last_reason(status: TargetStatus, notification: Notification) -> str:
    """Return the reason of the last attempt on a target that did not get the message; empty if it has none."""
    attempts = [each for each in notification.attempts if each.channel == status.name]
    if status.state is TargetState.DELIVERED or not attempts:
        return ""
    return max(attempts, key=lambda attempt: attempt.number).reason


def links_of(notification: Notification, route: Route, known: Known) -> tuple[Link, ...]:
    """Return the receivers behind the targets of a route, each once."""
    targets: dict[ReceiverKey, list[str]] = {}
    for target in route.targets:
        key = receiver_of(target, notification.namespace)
        if key is not None:
            targets.setdefault(key, []).append(clean(target))
    return tuple(_link(key, tuple(names), notification, known) for key, names in targets.items())


def _link(key: ReceiverKey, targets: tuple[str, ...], notification: Notification, known: Known) -> Link:
    view, receiver = known.views.get(key), known.catalog.get(key)
    name = clean(key)
    if key in known.unreadable:
        return Link(receiver=name, targets=targets, exists=None)
    if view is None:
        problem = f"it does not exist; create NotificationReceiver {key.name} in namespace {key.namespace}"
        return Link(receiver=name, targets=targets, exists=False, problem=clean(problem))
    allowed: bool | None = None
    if receiver is not None and known.resolver.allows(notification, receiver):
        allowed = True
    elif receiver is not None and not known.catalog.is_undecided(receiver, notification.namespace):
        allowed = False
    return Link(
        receiver=name,
        targets=targets,
        exists=True,
        allowed=allowed,
        type=clean(view.type),
        ready=in_words(view.ready),
        healthy=in_words(view.healthy),
        suspended=view.suspended,
        fallback=view.fallback,
        problem=_problem(allowed, key, notification.namespace) or clean(view.problem),
    )


def _problem(allowed: bool | None, key: ReceiverKey, namespace: str) -> str:  # noqa: FBT001 - three values
    if allowed is not False:
        return ""
    return f"it is not for notifications of namespace {namespace}; its owner may extend spec.allowedNamespaces of {key}"
