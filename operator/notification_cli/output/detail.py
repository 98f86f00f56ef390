"""One notification for a person: state, channels, timeline, route."""

from __future__ import annotations

from typing import TYPE_CHECKING

from notification_cli.output.table import Column, Table
from notification_cli.views.rows import STYLES
from notification_cli.views.text import clean, clock, duration, moment
from notification_cli.views.timeline import Kind
from notification_operator.domain.plan import PlanReason
from notification_operator.domain.progress import State

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from notification_cli.output.screen import Screen, Span
    from notification_cli.views.explanation import Channel, Explanation
    from notification_cli.views.rules import Step
    from notification_cli.views.timeline import Entry
    from notification_operator.domain.model import Notification

CHANNELS = (
    Column(title="CHANNEL"),
    Column(title="STATE"),
    Column(title="ATTEMPTS", rank=2),
    Column(title="NEXT", rank=1),
    Column(title="LAST ERROR", rank=3),
)
TIMELINE = (Column(title="UTC"), Column(title="CHANNEL", rank=1), Column(title="EVENT"))
STATES = {
    State.SUCCEEDED: "green",
    State.REFUSED: "bold red",
    State.EXHAUSTED: "bold red",
    State.BACKING_OFF: "yellow",
}
INDENT = 2


def show(
    screen: Screen,
    notification: Notification,
    explanation: Explanation,
    entries: Sequence[Entry],
    *,
    now: datetime,
) -> None:
    """Write a notification."""
    _head(screen, notification, now)
    screen.paragraph(("Route  ", "bold"), explanation.origin)
    screen.line()
    _channels(screen, explanation.channels, now)
    screen.line()
    day = notification.created.date()
    table = Table(screen, TIMELINE)
    table.write(
        [_entry(entry, clock(entry.at) if entry.at.date() == day else moment(entry.at)) for entry in entries]
    )


def why(screen: Screen, notification: Notification, explanation: Explanation, *, now: datetime) -> None:
    """Write an explanation."""
    screen.line((f"{notification.namespace}/{notification.name}", "bold"), "  ", *_phase(notification))
    screen.paragraph(explanation.origin)
    rules(screen, explanation.steps)
    if explanation.plan is not None:
        screen.line()
        _channels(screen, explanation.channels, now)
        screen.line()
        screen.paragraph(("Next  ", "bold"), _next(explanation, now))
    for note in explanation.notes:
        screen.paragraph(("Note  ", "bold"), note)


def rules(screen: Screen, steps: Iterable[Step]) -> None:
    """Write how the rules were evaluated."""
    for step in steps:
        mark: Span = ("→ ", "bold green") if step.chosen else ("✓ ", "") if step.holds else ("✗ ", "dim")
        name = clean(step.name) or ("root" if not step.depth else "rule")
        screen.line(" " * INDENT * step.depth, mark, (name, "bold"), f"  receiver {clean(step.receiver)}")
        for condition in step.conditions:
            sign = "holds" if condition.holds else f"does not hold: the label is {condition.value!r}"
            screen.line(" " * INDENT * (step.depth + 2), clean(condition.text), f"  {clean(sign)}")


def _head(screen: Screen, notification: Notification, now: datetime) -> None:
    content, status = notification.content, notification.status
    screen.line((f"{notification.namespace}/{notification.name}", "bold"), "  ", *_phase(notification))
    screen.paragraph(clean(content.subject))
    age = duration((now - notification.created).total_seconds())
    screen.line(
        f"{clean(content.type)}, {clean(content.priority)}, created {moment(notification.created)} UTC, {age} ago"
    )
    if labels := ", ".join(f"{key}={value}" for key, value in sorted(content.labels.items())):
        screen.paragraph(("Labels  ", "bold"), clean(labels))
    for link in content.action_links:
        screen.line(("Link  ", "bold"), clean(f"{link.get('label', '')} {link.get('url', '')}"))
    if status.message:
        screen.paragraph(("Status  ", "bold"), clean(status.message))


def _phase(notification: Notification) -> tuple[Span, ...]:
    reason = clean(notification.status.reason)
    return (notification.phase.value, STYLES[notification.phase]), (f"  {reason}" if reason else "", "dim")


def _channels(screen: Screen, channels: Iterable[Channel], now: datetime) -> None:
    table = Table(screen, CHANNELS)
    table.write(
        [
            [
                channel.name,
                (channel.state.value, STATES.get(channel.state, "")),
                str(channel.attempts),
                _when(channel, now),
                channel.last_error,
            ]
            for channel in channels
        ]
    )


def _when(channel: Channel, now: datetime) -> str:
    if channel.state not in {State.NOT_ATTEMPTED, State.BACKING_OFF}:
        return "-"
    if channel.next_at is None or channel.next_at <= now:
        return "due"
    return f"in {duration((channel.next_at - now).total_seconds())}"


def _entry(entry: Entry, when: str) -> list[Span | str]:
    style = "" if entry.good is None else "green" if entry.good else "red"
    return [when, entry.channel, (entry.text, "dim" if entry.kind is Kind.WAIT else style)]


def _next(explanation: Explanation, now: datetime) -> str:
    assert explanation.plan is not None, "the caller checked it"
    match explanation.plan.reason:
        case PlanReason.DUE:
            due = ", ".join(f"{send.channel} (attempt {send.number})" for send in explanation.plan.sends)
            return f"The operator starts these attempts at once: {due}."
        case PlanReason.BACKOFF:
            times = [channel.next_at for channel in explanation.channels if channel.next_at is not None]
            left = duration((min(times) - now).total_seconds())
            return f"The next attempt is due in {left}, when its backoff ends."
        case reason:
            return f"Nothing: {reason}."
