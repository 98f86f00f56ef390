"""Sources for a person: the list, and one with its conditions and what each replica of the gateway has received."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from notification_cli.output import conditions
from notification_cli.output.table import Column, Table
from notification_cli.views.sources import Received
from notification_cli.views.text import ago, clean, duration, moment
from notification_contract.routing.reach import Reach
from notification_domain.json_values import text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from notification_cli.output.screen import Screen, Span
    from notification_cli.views.format import Output
    from notification_cli.views.sources import SourceView

COLUMNS = (
    Column(title="NAMESPACE"),
    Column(title="NAME"),
    Column(title="TYPE", rank=2),
    Column(title="READY"),
    Column(title="RECEIVED", rank=3),
    Column(title="REJECTED", rank=2),
    Column(title="LAST RECEIVED", rank=1),
    Column(title="LAST BEAT", rank=4),
    Column(title="CREATED", is_wide=True),
    Column(title="DUPLICATES", is_wide=True),
    Column(title="FILTERED", is_wide=True),
    Column(title="DELIVERS TO", is_wide=True),
)
REPLICAS = (
    Column(title="REPLICA"),
    Column(title="RECEIVED"),
    Column(title="REJECTED"),
    Column(title="LAST RECEIVED", rank=1),
    Column(title="PROBLEM", rank=2),
)

FIRST_BEAT: Final = "waits for its first beat"


class SourceTable:
    """Writes sources page by page; without the namespace where there is only one."""

    def __init__(self, screen: Screen, output: Output, *, namespaces: bool) -> None:
        self._first = 0 if namespaces else 1
        self._table = Table(screen, COLUMNS[self._first :], output)

    def write(self, views: Sequence[SourceView], now: datetime) -> None:
        if views:
            self._table.write([_row(view, now)[self._first :] for view in views])


def _row(view: SourceView, now: datetime) -> list[Span | str]:
    return [
        clean(view.namespace),
        clean(view.name),
        clean(view.type),
        _ready(view),
        str(view.received.received),
        _rejected(view.received),
        ago(view.received.last_received, now),
        FIRST_BEAT if view.is_heartbeat and view.last_beat is None else ago(view.last_beat, now),
        str(view.received.created),
        str(view.received.duplicates),
        str(view.received.filtered),
        clean(view.destinations),
    ]


def _ready(view: SourceView) -> Span:
    """Return the condition Ready; a source that is ready for messages that only the log gets is not green."""
    words, style = conditions.cell(view.ready)
    return (
        (f"{words} ({Reach.REACHES_NOBODY})", "yellow")
        if view.is_only_logged and style == "green"
        else (words, style)
    )


def _rejected(received: Received) -> Span:
    return str(received.rejected), "yellow" if received.rejected else ""


def show(screen: Screen, view: SourceView, *, home: str, now: datetime, reach: str = "") -> None:
    screen.line((clean(f"{view.namespace}/{view.name}"), "bold"), f"  {clean(view.type)}")
    screen.paragraph(("URL path  ", "bold"), clean(view.url_path(home)))
    for each in view.authentication:
        screen.paragraph(("Accepts  ", "bold"), clean(each))
    screen.paragraph(("Delivers to  ", "bold"), clean(view.destinations))
    if reach:
        screen.paragraph(("Warning  ", "bold"), (reach, "yellow"))
    if view.rate:
        screen.paragraph(("Limit  ", "bold"), clean(view.rate))
    if view.is_heartbeat:
        _beats(screen, view, now)
    counts = view.received
    screen.paragraph(
        ("Received  ", "bold"),
        f"{counts.received}: {counts.created} created, {counts.duplicates} duplicates, {counts.filtered} filtered, ",
        (f"{counts.rejected} rejected", "yellow" if counts.rejected else ""),
    )
    screen.line(("Last received  ", "bold"), _time(counts.last_received, now))
    screen.line()
    if view.conditions:
        conditions.write_table(screen, view.conditions, now)
    else:
        screen.paragraph("No gateway has reported about it yet.")
    if view.replicas:
        screen.line()
        Table(screen, REPLICAS).write([_replica(each, now) for each in view.replicas])


def _beats(screen: Screen, view: SourceView, now: datetime) -> None:
    screen.paragraph(("Beats  ", "bold"), clean(view.beats))
    screen.line(("Last beat  ", "bold"), _time(view.last_beat, now))
    if view.next_beat is None:
        screen.line(("Next beat  ", "bold"), "not awaited before the first one")
        return
    due, missed = view.next_beat
    if now <= due:
        when: Span | str = f"due in {duration((due - now).total_seconds())}"
    elif now <= missed:
        when = f"late, missed in {duration((missed - now).total_seconds())}", "yellow"
    else:
        when = f"missed since {duration((now - missed).total_seconds())}", "bold red"
    screen.line(("Next beat  ", "bold"), f"{moment(due)} UTC, ", when)


def _time(time: datetime | None, now: datetime) -> str:
    return f"{moment(time)} UTC, {ago(time, now)}" if time else "-"


def _replica(entry: Mapping[str, Any], now: datetime) -> list[Span | str]:
    received = Received.parse(entry)
    problem = ": ".join(filter(None, (text(entry.get("problem")), text(entry.get("message")))))
    return [
        clean(text(entry.get("name"))),
        str(received.received),
        _rejected(received),
        ago(received.last_received, now),
        clean(problem) or "-",
    ]
