"""The incidents that a process remembers, bounded in bytes and by namespace. What is forgotten is listed again (DD-INCIDENT-001)."""

from __future__ import annotations

from collections import Counter, OrderedDict
from dataclasses import dataclass, field
from sys import getsizeof
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from notification_domain.incident import Event
    from notification_domain.key import Key

MOST_EVENTS: Final = 50
"""Those of an incident that are remembered."""
MOST_BYTES: Final = 16_000_000
"""The estimated memory of all incidents: about 20,000 events. The namespace with the most gives way."""
INCIDENT_BYTES, EVENT_BYTES, TARGET_BYTES = 700, 450, 130
"""The estimated memory of an incident, of an event and of a target of it, without their texts."""
KEPT_SECONDS: Final = 3600.0
"""How long an incident is remembered after its last use, if all its events have ended."""


@dataclass(slots=True, kw_only=True)
class Known:
    """What is known of one incident."""

    namespace: str
    dedup_key: str
    used: float
    """When it was used last, in monotonic seconds."""
    events: dict[str, Event] = field(default_factory=dict)
    """By uid."""
    complete: bool = False
    """Whether it was listed."""
    failing_since: float | None = None
    """Since when an event waits for a listing although some have failed, in monotonic seconds."""
    failed: float | None = None
    """When the latest listing failed."""
    waiting: frozenset[Key] = frozenset()
    """The notifications that wait for the end of an attempt that may begin their thread."""

    @property
    def ended(self) -> bool:
        """Whether all its events have ended."""
        return all(event.ended for event in self.events.values())

    @property
    def bytes(self) -> int:
        """The estimated memory without its events."""
        return INCIDENT_BYTES + getsizeof(self.dedup_key)

    def fail(self, *, since: float, now: float) -> None:
        """Note that there is no listing yet, for an event that waits since this time."""
        self.failed = now
        self.failing_since = since if self.failing_since is None else self.failing_since

    def put(self, event: Event) -> int:
        """Remember an event, and return by how many bytes the incident has grown.

        Beyond the limit another event is forgotten: the one that decides least, or the oldest of these.
        """
        uid = event.key.uid
        before = self.events.get(uid)
        self.events[uid] = event = event.compact() if event.ended else event
        grown = _bytes(event) - (0 if before is None else _bytes(before))
        if len(self.events) > MOST_EVENTS:
            others = (each for each in self.events.values() if each is not event)
            grown -= _bytes(self.events.pop(min(others, key=_weight).key.uid))
        return grown


def _weight(event: Event) -> tuple[bool, bool, tuple[datetime, int, str]]:
    """Sort the events that went nowhere before those that may have arrived, and both before those that have not ended."""
    return not event.ended, any(stage.begun for stage in event.stages.values()), event.order


def _bytes(event: Event) -> int:
    """Return the estimated memory of an event."""
    messages = (stage.message for stage in event.stages.values())
    texts = (*event.stages, *(message.first for message in messages if message))
    return EVENT_BYTES + len(event.stages) * TARGET_BYTES + sum(map(getsizeof, texts))


class IncidentTable:
    """Remembers the incidents that were used most recently.

    Args:
        seconds: monotonic seconds.
    """

    def __init__(self, seconds: Callable[[], float]) -> None:
        self._seconds = seconds
        self._incidents: OrderedDict[str, OrderedDict[str, Known]] = OrderedDict()
        """By namespace and `dedupKey`; within a namespace, the one that gives way first is first."""
        self._bytes: Counter[str] = Counter()
        """The estimated memory by namespace."""
        self._total = 0

    def __iter__(self) -> Iterator[tuple[str, str]]:
        """Iterate over namespaces and keys of incidents."""
        return ((namespace, key) for namespace, incidents in self._incidents.items() for key in incidents)

    def get(self, namespace: str, dedup_key: str) -> Known | None:
        incidents = self._incidents.get(namespace)
        return None if incidents is None else incidents.get(dedup_key)

    def use(self, namespace: str, dedup_key: str) -> Known:
        """Return what is known of an incident."""
        known, now = self.get(namespace, dedup_key), self._seconds()
        if known is None:
            self._forget_old(now)
            known = Known(namespace=namespace, dedup_key=dedup_key, used=now)
            self._incidents.setdefault(namespace, OrderedDict())[dedup_key] = known
            self._grow(known, known.bytes)
        self._incidents[namespace].move_to_end(dedup_key)
        known.used = now
        return known

    def put(self, known: Known, event: Event) -> None:
        """Remember an event of an incident."""
        grown = known.put(event)
        # It may have been forgotten while its caller waited for a listing.
        if self.get(known.namespace, known.dedup_key) is known:
            self._grow(known, grown)

    def forget(self, namespace: str, dedup_key: str) -> None:
        incidents = self._incidents[namespace]
        known = incidents.pop(dedup_key)
        size = known.bytes + sum(map(_bytes, known.events.values()))
        self._total -= size
        self._bytes[namespace] -= size
        if not incidents:
            del self._incidents[namespace], self._bytes[namespace]

    def _grow(self, known: Known, size: int) -> None:
        """Count more bytes of an incident, for which the oldest ones of the largest namespace give way."""
        self._total += size
        self._bytes[known.namespace] += size
        while self._total > MOST_BYTES:
            largest = max(self._bytes, key=self._bytes.__getitem__)
            oldest = next(iter(self._incidents[largest].values()))
            if oldest is known:
                break
            self.forget(largest, oldest.dedup_key)

    def _forget_old(self, now: float) -> None:
        """Forget an incident that ended long ago: look at two, of namespaces that take turns, for each that is added."""
        for _ in range(2):
            namespace = next(iter(self._incidents), None)
            if namespace is None:
                return
            oldest = next(iter(self._incidents[namespace].values()))
            self._incidents.move_to_end(namespace)
            if not oldest.ended:
                self._incidents[namespace].move_to_end(oldest.dedup_key)
            elif oldest.used + KEPT_SECONDS < now:
                self.forget(namespace, oldest.dedup_key)
