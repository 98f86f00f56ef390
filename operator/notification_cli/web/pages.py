"""The pages as HTML, of bounded size. Pure, but for reading the templates."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from notification_cli.views.rows import row_of
from notification_cli.views.text import clean, clock, duration, moment
from notification_operator.domain.status import Phase

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from notification_cli.views.explanation import Explanation
    from notification_cli.views.targets import Link, Target
    from notification_cli.views.timeline import Entry
    from notification_cli.web.source import Filter, Listed
    from notification_operator.domain.model import Notification

FOLDER: Final = Path(__file__).parent
NAME_CHARACTERS, SUBJECT_CHARACTERS, TEXT_CHARACTERS = 60, 100, 300
SUBJECT_BYTES, TEXT_BYTES, LABEL_BYTES = 200, 450, 4000
"""Bytes of a text in HTML: a page of 100 notifications has at most 100 KB, whatever its texts are."""
MOST_ENTRIES: Final = 120
TABS: Final = (
    ("All", ()),
    ("Open", (Phase.PENDING, Phase.SENDING, Phase.RETRYING)),
    ("Failed", (Phase.FAILED, Phase.PARTIALLY_SENT)),
    ("Sent", (Phase.SENT,)),
)


class Pages:
    """Renders the pages; links are relative to `root`, the path that holds the secret."""

    def __init__(self, root: str, *, scope: str) -> None:
        self._root = root
        self._scope = scope
        self._templates = Environment(
            loader=FileSystemLoader(FOLDER / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )

    def listing(self, listed: Listed, chosen: Filter, now: datetime) -> str:
        """Return the page with a list."""
        return self._render(
            "list.html.j2",
            title="Notifications",
            rows=[self._row(obj, now) for obj in listed.objects],
            tabs=[
                {"name": name, "url": self._url(chosen, phases), "here": set(phases) == set(chosen.phases)}
                for name, phases in TABS
            ],
            chosen=chosen,
            next=self._url(chosen, chosen.phases, start=listed.next) if listed.next else "",
            events=self._events(chosen, listed.version),
        )

    def single(
        self,
        notification: Notification,
        explanation: Explanation,
        entries: Sequence[Entry],
        *,
        events: str,
        now: datetime,
    ) -> str:
        """Return the page of one notification."""
        content = notification.content
        labels = ", ".join(f"{key}={value}" for key, value in sorted(content.labels.items()))
        return self._render(
            "single.html.j2",
            title=clean(notification.name),
            notification=notification,
            subject=fit(clean(content.subject), 500, 2 * SUBJECT_BYTES),
            message=fit(clean(notification.status.message), 1000, LABEL_BYTES),
            labels=fit(clean(labels), LABEL_BYTES, LABEL_BYTES),
            created=moment(notification.created),
            age=duration((now - notification.created).total_seconds()),
            origin=fit(explanation.origin, LABEL_BYTES, LABEL_BYTES),
            notes=[fit(note, TEXT_CHARACTERS, TEXT_BYTES) for note in explanation.notes],
            targets=[_target(each, now) for each in explanation.targets],
            receivers=[_receiver(each) for each in explanation.receivers],
            entries=[_entry(each) for each in entries[-MOST_ENTRIES:]],
            omitted=max(len(entries) - MOST_ENTRIES, 0),
            events=f"{self._root}/events?{events}",
        )

    def problem(self, message: str) -> str:
        """Return the page that says what went wrong."""
        return self._render("problem.html.j2", title="Problem", message=clean(message), events="")

    def _render(self, template: str, **values: Any) -> str:  # noqa: ANN401 - values of a template
        return self._templates.get_template(template).render(root=self._root, scope=self._scope, **values)

    def _row(self, obj: Mapping[str, Any], now: datetime) -> dict[str, Any]:
        row = row_of(obj)
        return {
            "namespace": row.namespace,
            "name": fit(row.name, NAME_CHARACTERS, SUBJECT_BYTES),
            "url": f"{self._root}/n/{quote(row.namespace)}/{quote(row.name)}",
            "phase": row.phase,
            "priority": row.priority,
            "attempts": row.attempts,
            "age": row.age(now),
            "subject": fit(row.subject, SUBJECT_CHARACTERS, SUBJECT_BYTES),
        }

    def _url(self, chosen: Filter, phases: Sequence[str], *, start: str = "") -> str:
        return f"{self._root}/?{query(chosen, phases=phases, start=start)}"

    def _events(self, chosen: Filter, version: str) -> str:
        return f"{self._root}/events?{query(chosen, phases=chosen.phases, version=version)}"


def query(chosen: Filter, *, phases: Sequence[str] = (), **more: str) -> str:
    """Return a filter as the query of a URL."""
    pairs = [("namespace", chosen.namespace), ("labels", chosen.labels), ("name", chosen.name), *more.items()]
    return urlencode(
        [*((key, value) for key, value in pairs if value), *(("phase", str(each)) for each in phases)]
    )


def fit(text: str, characters: int, size: int) -> str:
    """Return a text of at most so many characters, and of at most so many bytes in HTML."""
    shown = text[:characters]
    while shown and len(escape(shown).encode(errors="replace")) > size:
        shown = shown[: len(shown) * 3 // 4]
    return shown if shown == text else f"{shown}…"


def _target(target: Target, now: datetime) -> dict[str, Any]:
    left = (target.next_at - now).total_seconds() if target.next_at else 0.0
    suppressed = f"suppressed: {target.suppressed_by}" if target.suppressed_by else ""
    details = "; ".join(filter(None, (target.last_error, suppressed, target.message_ref, target.note)))
    return {
        "name": fit(target.name, TEXT_CHARACTERS, SUBJECT_BYTES),
        "state": target.state.value,
        "attempts": target.attempts,
        "next": f"in {duration(left)}" if left > 0 else "",
        "detail": fit(details, TEXT_CHARACTERS, TEXT_BYTES),
    }


def _receiver(link: Link) -> dict[str, Any]:
    return {
        "name": fit(link.receiver, TEXT_CHARACTERS, SUBJECT_BYTES),
        "ready": "does not exist" if link.exists is False else link.ready,
        "healthy": "suspended" if link.suspended else link.healthy,
        "bad": link.exists is False or link.ready.startswith("False") or link.healthy.startswith("False"),
        "fallback": fit(link.fallback, TEXT_CHARACTERS, SUBJECT_BYTES),
        "problem": fit(link.problem, TEXT_CHARACTERS, TEXT_BYTES),
    }


def _entry(entry: Entry) -> dict[str, Any]:
    return {
        "time": clock(entry.at),
        "day": moment(entry.at).split()[0],
        "kind": entry.kind.value,
        "channel": entry.channel,
        "text": fit(entry.text, TEXT_CHARACTERS, TEXT_BYTES),
        "good": entry.good,
    }
