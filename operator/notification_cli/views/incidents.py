"""Incidents: the notifications of one namespace with the same `spec.dedupKey`, and their order. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from notification_cli.views.rows import created_at, row_of
from notification_cli.views.text import clean, detail_of
from notification_contract.kinds.choices import LifecycleEvent
from notification_domain.incident import RANK
from notification_domain.json_values import entries, mapping, text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime


class Incident(NamedTuple):
    namespace: str
    key: str


class Position(NamedTuple):
    """The place of an event in its incident.

    The API server stores whole seconds: within a second, a Resolve is younger than an Acknowledge, and that than a Trigger.
    """

    created: datetime
    rank: int
    uid: str


def incident_of(obj: Mapping[str, Any]) -> Incident | None:
    """Return the incident of a notification; None if it has no key."""
    key = text(mapping(obj.get("spec")).get("dedupKey"))
    return Incident(obj["metadata"]["namespace"], key) if key else None


def event_of(obj: Mapping[str, Any]) -> LifecycleEvent:
    event = text(mapping(obj.get("spec")).get("event"))
    return LifecycleEvent(event) if event in set(LifecycleEvent) else LifecycleEvent.TRIGGER


def position_of(obj: Mapping[str, Any]) -> Position:
    return Position(created_at(obj), RANK[event_of(obj)], text(obj["metadata"].get("uid")))


ANY_INCIDENT = "spec.dedupKey!="
"""The field selector of the notifications that belong to any incident."""


@dataclass(slots=True)
class YoungestEvents:
    """The youngest event of each kind in each incident. A replay is left out: it reports nothing new."""

    _positions: dict[tuple[Incident, LifecycleEvent], Position] = field(default_factory=dict)

    def add(self, obj: Mapping[str, Any]) -> None:
        incident = incident_of(obj)
        if incident is not None and not mapping(obj["spec"]).get("replayOf"):
            key, position = (incident, event_of(obj)), position_of(obj)
            self._positions[key] = max(position, self._positions.get(key, position))

    def overtaken_by(self, event: LifecycleEvent, obj: Mapping[str, Any]) -> bool:
        """Return whether an event of the same incident is younger than a notification."""
        incident = incident_of(obj)
        youngest = None if incident is None else self._positions.get((incident, event))
        return youngest is not None and youngest > position_of(obj)


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetResult:
    """What became of an event at one target."""

    name: str
    state: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentEvent:
    """One notification about an incident; every text is fit for a terminal."""

    created: datetime
    event: LifecycleEvent
    name: str
    phase: str
    subject: str
    targets: tuple[TargetResult, ...]
    """As the status records them; none before the first attempt."""


STATES = {
    LifecycleEvent.TRIGGER: "open",
    LifecycleEvent.ACKNOWLEDGE: "acknowledged",
    LifecycleEvent.RESOLVE: "resolved",
}
"""The state of an incident by its youngest event."""


def grouped(
    objects: Iterable[Mapping[str, Any]],
) -> tuple[tuple[Incident | None, Sequence[Mapping[str, Any]]], ...]:
    """Return notifications with those of each incident together and in their order, at the place of the first one.

    An incident of which there is one notification alone is no group: it is among those without an incident.
    """
    groups: dict[object, list[Mapping[str, Any]]] = {}
    for number, obj in enumerate(objects):
        groups.setdefault(incident_of(obj) or number, []).append(obj)
    result: list[tuple[Incident | None, list[Mapping[str, Any]]]] = []
    for key, members in groups.items():
        if len(members) > 1 and isinstance(key, Incident):
            result.append((key, sorted(members, key=position_of)))
        elif result and result[-1][0] is None:
            result[-1][1].extend(members)
        else:
            result.append((None, members))
    return tuple(result)


def events_of(objects: Iterable[Mapping[str, Any]], key: str) -> tuple[IncidentEvent, ...]:
    """Return the events of an incident, the oldest first; notifications of other incidents are left out."""
    mine = [obj for obj in objects if (incident := incident_of(obj)) is not None and incident.key == key]
    return tuple(map(_event, sorted(mine, key=position_of)))


def _event(obj: Mapping[str, Any]) -> IncidentEvent:
    row = row_of(obj)
    targets = map(mapping, entries(mapping(obj.get("status")).get("targets")))
    return IncidentEvent(
        created=row.created,
        event=event_of(obj),
        name=row.name,
        phase=row.phase,
        subject=row.subject,
        targets=tuple(map(_result, targets)),
    )


def _result(target: Mapping[str, Any]) -> TargetResult:
    error, suppressed_by, reference = (
        text(target.get(key)) for key in ("lastError", "suppressedBy", "messageRef")
    )
    return TargetResult(
        name=clean(text(target.get("name"))),
        state=clean(text(target.get("state"))),
        detail=clean(detail_of(error, suppressed_by, reference)),
    )
