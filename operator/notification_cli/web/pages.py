"""The pages about notifications as HTML, of bounded size. Pure, but for reading the templates."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from notification_cli.views.incidents import STATES, event_of, grouped, incident_of
from notification_cli.views.rows import row_of
from notification_cli.views.text import clean, clock, duration, moment
from notification_cli.web.hints import UNDELIVERED, Hints
from notification_cli.web.layout import (
    LABEL_BYTES,
    NAME_CHARACTERS,
    SUBJECT_BYTES,
    SUBJECT_CHARACTERS,
    TEXT_CHARACTERS,
    Layout,
    fit,
    long,
    short,
    tab_of,
)
from notification_cli.web.source import Filter
from notification_domain.incident import RESOLVE
from notification_domain.status import FINAL

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from notification_cli.views.explaining.explanation import Explanation
    from notification_cli.views.incidents import IncidentEvent
    from notification_cli.views.targets import Link, Target
    from notification_cli.views.timeline import Entry
    from notification_cli.web.source import Listed
    from notification_domain.model import Notification

MOST_ENTRIES: Final = 120
MOST_EVENTS: Final = 20
REASON_CHARACTERS: Final = 80
PHASE_CHARACTERS: Final = 16


class Pages:
    def __init__(self, layout: Layout, hints: Hints) -> None:
        self._layout = layout
        self._hints = hints

    def listing(self, listed: Listed, chosen: Filter, now: datetime) -> str:
        undelivered = bool(chosen.phases) and set(chosen.phases) <= set(UNDELIVERED)
        following = self._layout.list_url(chosen, chosen.phases, start=listed.next)
        return self._layout.render(
            "list.html.j2",
            chosen=chosen,
            here=tab_of(chosen.phases),
            title="Notifications",
            groups=[
                {
                    "incident": fit(clean(incident.key), SUBJECT_CHARACTERS, SUBJECT_BYTES)
                    if incident
                    else "",
                    "rows": [self._row(obj, now, undelivered=undelivered) for obj in objects],
                }
                for incident, objects in grouped(listed.objects)
            ],
            count=len(listed.objects),
            undelivered=undelivered,
            command=self._hints.redrive(chosen) if undelivered and listed.objects else "",
            filter=chosen,
            scanned=listed.scanned,
            next=following if listed.next else "",
            events=self._layout.events_url(chosen, version=listed.version),
        )

    def single(  # noqa: PLR0913 - what the page shows
        self,
        notification: Notification,
        explanation: Explanation,
        entries: Sequence[Entry],
        *,
        incident: Sequence[IncidentEvent] = (),
        version: str,
        now: datetime,
    ) -> str:
        """Return the page of one notification and of its incident, as they were in a version."""
        content, status = notification.content, notification.status
        labels = ", ".join(f"{key}={value}" for key, value in sorted(content.labels.items()))
        here = Filter(
            namespace=notification.namespace,
            name=notification.name,
            incident=content.dedup_key if incident else "",
        )
        resolved = bool(incident) and incident[-1].event is RESOLVE
        again = notification.phase in UNDELIVERED and not (resolved and content.event is not RESOLVE)
        return self._layout.render(
            "single.html.j2",
            chosen=Filter(),
            title=clean(notification.name),
            notification=notification,
            subject=fit(clean(content.subject), 500, 2 * SUBJECT_BYTES),
            reason=short(clean(status.reason)),
            message=fit(clean(status.message), 1000, LABEL_BYTES),
            labels=fit(clean(labels), LABEL_BYTES, LABEL_BYTES),
            created=moment(notification.created),
            age=duration((now - notification.created).total_seconds()),
            window=None if notification.phase in FINAL else _window(notification, now),
            origin=fit(explanation.origin, LABEL_BYTES, LABEL_BYTES),
            notes=[long(note) for note in explanation.notes],
            command=self._hints.replay(notification.namespace, notification.name) if again else "",
            targets=[_target(each, now) for each in explanation.targets],
            incident=long(clean(content.dedup_key)),
            state=STATES[incident[-1].event] if incident else "",
            events_of_incident=[self._event(each, notification) for each in incident[-MOST_EVENTS:]],
            omitted_events=max(len(incident) - MOST_EVENTS, 0),
            receivers=[self._receiver(each) for each in explanation.receivers],
            entries=[_entry(each) for each in entries[-MOST_ENTRIES:]],
            omitted=max(len(entries) - MOST_ENTRIES, 0),
            events=self._layout.events_url(here, version=version),
        )

    def problem(self, message: str, *, here: str = "", chosen: Filter | None = None) -> str:
        """Return the page that says what went wrong; its tabs lead to the others."""
        return self._layout.render(
            "problem.html.j2",
            chosen=replace(chosen or Filter(), phases=(), name=""),
            here=here,
            title="Problem",
            message=fit(clean(message), 1000, LABEL_BYTES),
            events="",
        )

    def _row(self, obj: Mapping[str, Any], now: datetime, *, undelivered: bool) -> dict[str, Any]:
        row = row_of(obj)
        why = ": ".join(filter(None, (row.reason, row.message)))
        return {
            "namespace": row.namespace,
            "name": fit(row.name, NAME_CHARACTERS, SUBJECT_BYTES),
            "url": self._layout.notification_url(row.namespace, row.name),
            "phase": fit(row.phase, PHASE_CHARACTERS, SUBJECT_BYTES),
            "priority": row.priority,
            "attempts": row.attempts,
            "age": row.age(now),
            "subject": fit(row.subject, REASON_CHARACTERS, SUBJECT_BYTES // 2)
            if undelivered
            else short(row.subject),
            "reason": fit(why, REASON_CHARACTERS, SUBJECT_BYTES // 2) if undelivered else "",
            "event": event_of(obj).value if incident_of(obj) else "",
        }

    def _event(self, event: IncidentEvent, shown: Notification) -> dict[str, Any]:
        states = Counter(target.state for target in event.targets)
        return {
            "created": moment(event.created),
            "event": event.event.value,
            "name": fit(event.name, NAME_CHARACTERS, SUBJECT_BYTES),
            "url": ""
            if event.name == shown.name
            else self._layout.notification_url(shown.namespace, event.name),
            "phase": fit(event.phase, PHASE_CHARACTERS, SUBJECT_BYTES),
            "targets": short(", ".join(f"{count} {state}" for state, count in states.items())),
        }

    def _receiver(self, link: Link) -> dict[str, Any]:
        namespace, _, name = link.receiver.partition("/")
        return {
            "name": short(link.receiver),
            "url": self._layout.receiver_url(namespace, name) if link.exists else "",
            "ready": "does not exist" if link.exists is False else link.ready,
            "healthy": "suspended" if link.suspended else link.healthy,
            "unready": link.exists is False or link.ready.startswith("False"),
            "sick": link.healthy.startswith("False"),
            "fallback": short(link.fallback),
            "problem": "it cannot be read" if link.exists is None else long(link.problem),
        }


def _window(notification: Notification, now: datetime) -> str:
    """Return when a notification may be delivered, in words; empty for at any time."""
    begin, end = notification.not_before, notification.deliver_before
    parts = []
    if begin is not None and begin > now:
        parts.append(f"not before {moment(begin)} UTC")
    if end is not None:
        parts.append(f"only before {moment(end)} UTC")
    return ", ".join(parts)


def _target(target: Target, now: datetime) -> dict[str, Any]:
    left = (target.next_at - now).total_seconds() if target.next_at else 0.0
    return {
        "name": short(target.name),
        "state": target.state.value,
        "attempts": target.attempts,
        "reason": fit(target.reason, TEXT_CHARACTERS, SUBJECT_BYTES),
        "delivered": moment(target.delivered_at) if target.delivered_at else "",
        "next": f"in {duration(left)}" if left > 0 else "",
        "message": short(target.message_ref),
        "detail": long("; ".join(filter(None, (target.last_error, target.note)))),
    }


def _entry(entry: Entry) -> dict[str, Any]:
    return {
        "time": clock(entry.at),
        "day": moment(entry.at).split()[0],
        "kind": entry.kind.value,
        "channel": entry.channel,
        "text": long(entry.text),
        "good": entry.good,
    }
