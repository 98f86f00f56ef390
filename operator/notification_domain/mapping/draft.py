"""From what a module of a type finds in a payload to the notification, by the mapping of the source."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from notification_contract import names
from notification_contract.kinds.choices import MessageType, Priority
from notification_contract.sources.source import SourceType
from notification_domain.mapping.labels import agreed, labels_of, originals
from notification_domain.mapping.links import Link, action_links
from notification_domain.mapping.text import MAX_NOTE, body, clean, one_line
from notification_domain.mapping.translation import Notification
from notification_domain.mapping.values import excerpt, name_at

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from notification_contract.kinds.choices import LifecycleEvent
    from notification_contract.sources.mapping import EventMapping, PriorityMapping
    from notification_contract.sources.source import NotificationSource
    from notification_domain.mapping.admission_limits import Limits
    from notification_domain.mapping.identity import Identity
    from notification_domain.mapping.labels import Read

RANK: Final = {priority: rank for rank, priority in enumerate(Priority)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What a payload says, before the mapping of the source is applied."""

    identity: Identity
    payload: Any
    """What templates read."""
    facts: Sequence[Read]
    """Each reads one alert; the priority and the labels follow from all of them. Other payloads are one fact."""
    subject: str
    """The built-in text."""
    body: str
    """The built-in text."""
    links: Sequence[Link] = ()
    event: LifecycleEvent | None = None
    dedup_key: str | None = None
    annotations: Mapping[str, str] = field(default_factory=dict)

    def notification(self, source: NotificationSource, limits: Limits) -> Notification:
        """Return the notification by the mapping of the source."""
        mapping = source.spec.mapping
        values = agreed(self.facts, source.spec.labels)
        links, notes = action_links(self.links, limits)
        event, note = self._event(mapping.event)
        notes = (*notes, *filter(None, (note,)))
        subject = one_line(self.subject) or one_line(f"Message from {source.name}")
        text = self.body if clean(self.body).strip() else subject
        is_group = source.spec.type is SourceType.ALERTMANAGER
        spec = {
            "type": str(mapping.type or (MessageType.ESCALATION if is_group else MessageType.SIMPLE)),
            "priority": str(_priority(self.facts, source.spec.priority)),
            "subject": subject,
            "body": body(text, notes, limits.body),
            "receiverRefs": _refs(source),
            "event": event and str(event),
            "dedupKey": self.dedup_key,
            "metadata": originals(values, limits),
            "actionLinks": links,
        }
        templates = {"subject": mapping.subject, "body": mapping.body, "dedupKey": mapping.dedup_key}
        return Notification(
            name=self.identity.name,
            previous_name=self.identity.previous_name,
            previous_within=self.identity.previous_within,
            fires_since=self.identity.fires_since,
            spec={key: value for key, value in spec.items() if value},
            labels={
                **labels_of(values, source.spec.labels, str if is_group else name_at),
                names.SOURCE_LABEL: source.name,
            },
            annotations={**self.annotations, **({names.SOURCE_NOTE_ANNOTATION: note} if note else {})},
            templates={key: template for key, template in templates.items() if template},
            data={"payload": self.payload},
            text=text,
            notes=notes,
            limits=limits,
        )

    def _event(self, mapping: EventMapping | None) -> tuple[LifecycleEvent | None, str]:
        """Return the event, and a note if the payload has none that the mapping knows."""
        if mapping is None:
            return self.event, ""
        value = self.facts[0](mapping.from_path)
        if value in mapping.values:
            return mapping.values[value], ""
        found = f"{excerpt(value)}, which is not in mapping.event.map" if value else "no value"
        return None, one_line(f"counts as Trigger: {mapping.from_path} has {found}", MAX_NOTE)


def admits(source: NotificationSource, read: Read) -> bool:
    """Return whether an alert or a payload meets every condition of the filter."""
    return all(each.holds({each.label: read(each.label)}) for each in source.spec.matchers)


def _priority(facts: Sequence[Read], mapping: PriorityMapping) -> Priority:
    if not mapping.from_label:
        return mapping.default
    found = (mapping.values.get(read(mapping.from_label), mapping.default) for read in facts)
    return min(found, key=RANK.__getitem__)


def _refs(source: NotificationSource) -> list[dict[str, str]]:
    return [
        each.model_dump(mode="json", by_alias=True, exclude_none=True) for each in source.spec.receiver_refs
    ]
