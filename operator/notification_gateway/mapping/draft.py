"""From what a module of a type finds in a payload to the notification, by the mapping of the source."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from notification_contract import names
from notification_contract.kinds.choices import MessageType, Priority
from notification_contract.sources.source import SourceType
from notification_gateway.mapping.labels import agreed, labels_of, originals
from notification_gateway.mapping.text import body, clean, link, one_line
from notification_gateway.mapping.translation import Notification
from notification_gateway.mapping.values import name_at

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from notification_contract.kinds.choices import LifecycleEvent
    from notification_contract.sources.mapping import PriorityMapping
    from notification_contract.sources.source import NotificationSource
    from notification_gateway.mapping.identity import Identity
    from notification_gateway.mapping.labels import Read
    from notification_gateway.mapping.translation import Limits

RANK: Final = {priority: rank for rank, priority in enumerate(Priority)}
MAX_SERVICE, MAX_LABEL = 256, 512


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A link that a payload contains; one to anything but the web is left out."""

    service: str
    url: str
    label: str


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
        values = agreed(self.facts, mapping.labels)
        is_labels = source.spec.type is SourceType.ALERTMANAGER
        labels = labels_of(values, mapping.labels, str if is_labels else name_at)
        found = action_links(self.links)
        links = [each for each in found if each["url"].partition(":")[0] in limits.link_schemes]
        links = links[: limits.action_links]
        beyond = len(found) - len(links)
        notes = (f"… {beyond} further link{'s' if beyond > 1 else ''}",) if beyond else ()
        subject = one_line(self.subject) or one_line(f"Message from {source.name}")
        text = self.body if clean(self.body).strip() else subject
        optional = {
            "receiverRefs": [
                each.model_dump(mode="json", by_alias=True, exclude_none=True)
                for each in source.spec.receiver_refs
            ],
            "event": self.event and str(self.event),
            "dedupKey": self.dedup_key,
            "metadata": originals(values, limits),
            "actionLinks": links,
        }
        spec = {
            "type": str(mapping.type or (MessageType.ESCALATION if is_labels else MessageType.SIMPLE)),
            "priority": str(_priority(self.facts, mapping.priority)),
            "subject": subject,
            "body": body(text, notes, limits.body),
            **{key: value for key, value in optional.items() if value},
        }
        templates = {"subject": mapping.subject, "body": mapping.body}
        return Notification(
            name=self.identity.name,
            previous_name=self.identity.previous_name,
            previous_within=self.identity.previous_within,
            spec=spec,
            labels={**labels, names.SOURCE_LABEL: source.name},
            annotations=dict(self.annotations),
            templates={key: template for key, template in templates.items() if template},
            data={"payload": self.payload},
            text=text,
            notes=notes,
            limits=limits,
        )


def admits(source: NotificationSource, read: Read) -> bool:
    """Return whether an alert or a payload meets every condition of the filter."""
    return all(each.holds({each.label: read(each.label)}) for each in source.spec.matchers)


def action_links(found: Iterable[Link]) -> list[dict[str, str]]:
    """Return links as the spec has them, each address once."""
    result: dict[str, dict[str, str]] = {}
    for each in found:
        if url := link(each.url):
            label = one_line(each.label, MAX_LABEL) or one_line(url, MAX_LABEL)
            result.setdefault(url, {"service": each.service[:MAX_SERVICE], "url": url, "label": label})
    return list(result.values())


def _priority(facts: Sequence[Read], mapping: PriorityMapping) -> Priority:
    if not mapping.from_label:
        return mapping.default
    found = (mapping.values.get(read(mapping.from_label), mapping.default) for read in facts)
    return min(found, key=RANK.__getitem__)
