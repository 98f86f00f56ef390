"""One notification for a person: state, targets, receivers, timeline, route."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from notification_cli.output.table import Column, Table
from notification_cli.views.rows import styled
from notification_cli.views.targets import WAITS_FOR
from notification_cli.views.text import clean, clock, detail_of, duration, moment
from notification_cli.views.timeline import Kind
from notification_contract.kinds.choices import TargetState
from notification_domain.planning.plan import PlanReason
from notification_domain.receivers.standing import Meeting

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from notification_cli.output.screen import Screen, Span
    from notification_cli.views.explaining.explanation import Explanation
    from notification_cli.views.rules import Step
    from notification_cli.views.targets import Link, Target
    from notification_cli.views.timeline import Entry
    from notification_domain.model import Notification

TARGETS = (
    Column(title="TARGET"),
    Column(title="STATE"),
    Column(title="ATTEMPTS", rank=2),
    Column(title="NEXT", rank=1),
    Column(title="DETAIL", rank=3),
)
RECEIVERS = (
    Column(title="RECEIVER"),
    Column(title="READY"),
    Column(title="HEALTHY"),
    Column(title="FALLBACK", rank=2),
    Column(title="PROBLEM", rank=3),
)
TIMELINE = (Column(title="UTC"), Column(title="TARGET", rank=1), Column(title="EVENT"))
STATES: Final[Mapping[str, str]] = {
    TargetState.DELIVERED: "green",
    TargetState.DELIVERING: "cyan",
    TargetState.REFUSED: "bold red",
    TargetState.EXHAUSTED: "bold red",
    TargetState.EXPIRED: "bold red",
    TargetState.SUPPRESSED: "dim",
    TargetState.WAITING: "yellow",
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
    screen.paragraph(("Route  ", "bold"), explanation.origin)
    screen.line()
    _targets(screen, explanation, now)
    screen.line()
    day = notification.created.date()
    table = Table(screen, TIMELINE)
    table.write(
        [_entry(entry, clock(entry.at) if entry.at.date() == day else moment(entry.at)) for entry in entries]
    )


def why(screen: Screen, explanation: Explanation, *, now: datetime) -> None:
    screen.paragraph(explanation.origin)
    rules(screen, explanation.steps)
    if explanation.plan is not None:
        screen.line()
        _targets(screen, explanation, now)
        screen.line()
        for target in explanation.targets:
            if text := _waiting(target, now):
                screen.paragraph(("Waits  ", "bold"), text)
        for text in _next(explanation, now):
            screen.paragraph(("Next  ", "bold"), clean(text))
    for note in explanation.notes:
        screen.paragraph(("Note  ", "bold"), note)


def rules(screen: Screen, steps: Iterable[Step]) -> None:
    for step in steps:
        mark: Span = ("→ ", "bold green") if step.chosen else ("✓ ", "") if step.holds else ("✗ ", "dim")
        name = clean(step.name) or ("root" if not step.depth else "rule")
        screen.line(" " * INDENT * step.depth, mark, (name, "bold"), f"  receiver {clean(step.receiver)}")
        for condition in step.conditions:
            sign = "holds" if condition.holds else f"does not hold: the label is {condition.value!r}"
            screen.line(" " * INDENT * (step.depth + 2), clean(condition.text), f"  {clean(sign)}")


def title(screen: Screen, notification: Notification) -> None:
    reason = clean(notification.status.reason)
    _, style = styled(notification.phase, reason)
    phase: tuple[Span, ...] = (
        (notification.phase.value, style),
        (f"  {reason}" if reason else "", "dim"),
    )
    screen.line((f"{notification.namespace}/{notification.name}", "bold"), "  ", *phase)
    screen.flush()


def head(screen: Screen, notification: Notification, now: datetime, *, replay_of: str = "") -> None:
    """Write what needs nothing but the notification itself; `replay_of` is what it sends again."""
    title(screen, notification)
    content, status = notification.content, notification.status
    screen.paragraph(clean(content.subject))
    age = duration((now - notification.created).total_seconds())
    screen.line(
        f"{clean(content.type)}, {clean(content.priority)}, created {moment(notification.created)} UTC, {age} ago"
    )
    if labels := ", ".join(f"{key}={value}" for key, value in sorted(content.labels.items())):
        screen.paragraph(("Labels  ", "bold"), clean(labels))
    if replay_of:
        screen.line(("Replay of  ", "bold"), clean(replay_of))
    if content.dedup_key:
        screen.paragraph(("Incident  ", "bold"), clean(content.dedup_key), f"  {content.event.value}")
    for link in content.action_links:
        screen.line(("Link  ", "bold"), clean(f"{link.get('label', '')} {link.get('url', '')}"))
    if status.message:
        screen.paragraph(("Status  ", "bold"), clean(status.message))
    screen.flush()


def _targets(screen: Screen, explanation: Explanation, now: datetime) -> None:
    Table(screen, TARGETS).write([_target(target, now) for target in explanation.targets])
    if explanation.receivers:
        screen.line()
        Table(screen, RECEIVERS).write([_receiver(link) for link in explanation.receivers])


def _target(target: Target, now: datetime) -> list[Span | str]:
    return [
        target.name,
        (target.state.value, STATES[target.state]),
        str(target.attempts),
        _when(target, now),
        detail_of(target.last_error, target.suppressed_by, target.message_ref, target.note) or "-",
    ]


def _receiver(link: Link) -> list[Span | str]:
    if link.exists is None:
        return [link.receiver, "-", "-", "-", "it cannot be read"]
    ready = "does not exist" if not link.exists else link.ready
    style = "bold red" if not link.exists or link.ready.startswith("False") else ""
    healthy = "suspended" if link.suspended else link.healthy
    sick = "red" if healthy.startswith("False") else ""
    problem = "" if not link.exists else link.problem
    return [link.receiver, (ready, style), (healthy, sick), link.fallback or "-", problem or "-"]


def _when(target: Target, now: datetime) -> str:
    if not target.waits:
        return "-"
    if target.waits_for is not None and target.held:
        return target.waits_for.value
    if target.next_at is None or target.next_at <= now:
        return "due"
    return f"in {duration((target.next_at - now).total_seconds())}"


def _waiting(target: Target, now: datetime) -> str:
    """Return what a target waits for and since when, as far as its status holds it."""
    if target.waits_for is None or target.undelivered_since is None:
        return ""
    since = target.undelivered_since
    words = WAITS_FOR.get(target.waits_for, target.waits_for.value)
    return (
        f"{target.name} waits for {words} ({target.waits_for.value}). It has not been delivered for "
        f"{duration((now - since).total_seconds())}, since {moment(since)} UTC."
    )


def _entry(entry: Entry, when: str) -> list[Span | str]:
    style = "" if entry.good is None else "green" if entry.good else "red"
    return [when, entry.channel, (entry.text, "dim" if entry.kind is Kind.WAIT else style)]


def _next(explanation: Explanation, now: datetime) -> Iterator[str]:
    """Yield what the operator does next, in sentences."""
    assert explanation.plan is not None, "the caller checked it"
    match explanation.plan.reason:
        case PlanReason.DUE:
            yield from _due(explanation)
        case PlanReason.BACKOFF:
            yield _waits(explanation, now)
        case reason:
            yield f"Nothing: {reason}."


def _waits(explanation: Explanation, now: datetime) -> str:
    """Return what happens first while no attempt is due."""
    assert explanation.due is not None, "what waits for its time has one"
    left = duration((explanation.due - now).total_seconds())
    if explanation.expires:
        return f"It expires in {left}, before its next attempt."
    times = [target.next_at for target in explanation.targets if target.next_at is not None]
    if not times or explanation.due < min(times):
        return f"A fallback joins in {left}."
    return f"The next attempt is due in {left}."


def _starts(target: Target | None) -> str:
    """Return when an attempt that is due starts, by what the status says of its target."""
    if target is not None and target.state is TargetState.DELIVERING:
        return "These attempts are under way"
    if target is not None and target.held:
        return "The operator starts these attempts as soon as their wait ends"
    return "The operator starts these attempts at once"


def _due(explanation: Explanation) -> Iterator[str]:
    due = [each for each in explanation.next if each.outlook.meeting in {Meeting.SENT, Meeting.UNKNOWN}]
    targets = {target.name: target for target in explanation.targets}
    starts: dict[str, list[str]] = {}
    for each in due:
        words = _starts(targets.get(clean(each.send.channel)))
        starts.setdefault(words, []).append(f"{each.send.channel} (attempt {each.send.number})")
    yield from (f"{words}: {', '.join(attempts)}." for words, attempts in starts.items())
    for each in explanation.next:
        target, why = each.send.channel, each.outlook.why
        match each.outlook.meeting:
            case Meeting.HELD:
                yield f"{target} waits and uses no attempt, because {why}."
            case Meeting.FAILS:
                yield f"Attempt {each.send.number} on {target} fails and is retried while attempts are left, because {why}."
            case Meeting.REFUSED:
                yield f"{target} fails for good, because {why}."
            case Meeting.UNKNOWN:
                yield f"What becomes of {target} is not known here: {why}."
