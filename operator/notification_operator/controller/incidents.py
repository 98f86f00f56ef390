"""What this process knows of the incidents of its notifications, in memory and by one listing for each (DD-INCIDENT-001).

All notifications of an incident belong to one process, so whatever happens to one of them is seen here. What was before this
process is listed once. A notification without `dedupKey`, and the Trigger that begins an incident, need no listing.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, TypeAlias
from weakref import WeakValueDictionary

import structlog

from notification_domain.incident import CONCERNS, LATE_AFTER, TRIGGER, Event, Incident, event_of
from notification_domain.key import Key, shard_of
from notification_domain.model import parse
from notification_domain.planning.hold import Hold, HoldReason
from notification_operator.controller.incident_table import IncidentTable, Known
from notification_operator.controller.membership import Membership, NoMembership
from notification_runtime.fair.fair_queue import FairSemaphore
from notification_runtime.fair.lru import LruMap
from notification_runtime.kube.requests import KubeError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
    from datetime import datetime

    from notification_domain.attempt import Attempt
    from notification_domain.model import Notification
    from notification_domain.status import Reason
    from notification_operator.controller.reconciliation import Reconciliation
    from notification_runtime.telemetry.gauges import ElectorStatistics

MOST_HUNG: Final = 5_000
"""Namespaces whose hung listings are remembered."""
LISTINGS: Final = 2
"""Listings at a time: a page is the whole text of many notifications (DD-BOUNDS-001)."""
RETRY_AFTER: Final = timedelta(seconds=5)
"""After a listing that failed."""
BEHIND: Final = timedelta(minutes=1)
"""The memory of an API server is not further behind than this."""
BLIND_AFTER: Final = 60.0
"""After so many seconds without a listing, a message is sent whatever the others are: late is better than never."""
UNLISTED: Final = "the other messages of its incident could not be listed"
MARGIN: Final = timedelta(seconds=10)
"""An event waits for an older one as long as an attempt may take, and so much longer."""

FindEvents: TypeAlias = "Callable[[str, str, str], AsyncIterator[Sequence[dict[str, Any]]]]"
"""Lists the notifications of a namespace with a `dedupKey`, page by page, as old as a version or consistent; raises `KubeError`."""

logger = structlog.get_logger(__name__)


class Incidents:
    """The incidents of the notifications that this process works on.

    Args:
        find: lists the events of an incident.
        request: requests a reconciliation.
        clock: the wall-clock time.
        seconds: monotonic seconds.
    """

    def __init__(
        self,
        find: FindEvents,
        *,
        request: Callable[[Key], None],
        clock: Callable[[], datetime],
        seconds: Callable[[], float],
    ) -> None:
        self._find = find
        self._request = request
        self._clock = clock
        self._seconds = seconds
        self._started = clock()
        self._served_since: dict[str, datetime] = {}
        """When a namespace was first served, if that was after the start."""
        self._shards = 1
        self._acquisitions: Mapping[int, int] = {}
        """As which acquisition this process owns each of its shards."""
        self._acquired: dict[int, datetime] = {}
        """When it acquired them last."""
        self._incidents = IncidentTable(seconds)
        self._fetching: WeakValueDictionary[tuple[str, str], asyncio.Lock] = WeakValueDictionary()
        """The locks of the incidents that are listed now."""
        self._listings = FairSemaphore(LISTINGS)
        self._hung: LruMap[str, float] = LruMap(MOST_HUNG)
        """When a listing of a namespace failed last after so long that those which wait for their turn give up, too."""

    def membership(self, reconciliation: Reconciliation) -> NoMembership:
        """Return what a reconciliation that has read its notification has to do with the incident of that."""
        if not reconciliation.notification.content.dedup_key:
            return NoMembership(reconciliation)
        return Membership(reconciliation, self)

    def has_to_fetch(self, key: Key, notification: Notification, *, threads: Callable[[], bool]) -> bool:
        """Return whether what is not known of the incident may decide on the next attempts of a notification.

        `threads` tells whether one of its targets keeps the messages of an incident together.
        """
        if self._of(key, notification).complete:
            return False
        return not self.of(key, notification).begins or threads()

    async def fetch(self, key: Key, dedup_key: str, version: str) -> None:
        """List the notifications of an incident, unless that has been tried meanwhile; a failure is logged.

        `key` and `version` belong to a notification of the incident as it was read.
        """
        known, began = self._incidents.use(key.namespace, dedup_key), self._seconds()
        async with self._fetching.setdefault((key.namespace, dedup_key), asyncio.Lock()):
            if known.complete or self._failed_recently(known):
                return
            async with self._listings.slot(key.namespace):
                if self._hung.get(key.namespace, began) > began:
                    known.fail(since=began, now=self._seconds())
                else:
                    await self._list(key, dedup_key, self._oldest(key, version), known, began=began)

    def doubt(self, key: Key, notification: Notification) -> str:
        """Return what a message that is sent now has to note, because not all of its incident is known."""
        return "" if self._of(key, notification).complete else UNLISTED

    def note(
        self,
        key: Key,
        notification: Notification,
        running: Collection[str] = (),
        finished: Collection[Attempt] = (),
    ) -> None:
        """Note how far a notification is, and request the others of its incident that this may concern.

        Args:
            key: that of the notification.
            notification: as read or written.
            running: the targets with an attempt that is running.
            finished: the attempts that its status may not show yet.
        """
        known = self._of(key, notification)
        before = known.events.get(key.uid)
        event = event_of(
            key,
            notification,
            running,
            finished,
            seen=self._seconds() if before is None else before.seen,
            noted=self._seconds(),
            witnessed=self._witnesses(notification) if before is None else before.witnessed,
        )
        self._incidents.put(known, event)
        if before is not None and _ended(before, event):
            self._tell(event, known)
        elif before is None or event.routed > before.routed:
            self._announce(event, known)
        if before is not None and _stopped(before, event):
            self._go_on(known)

    def finish(self, key: Key, target: str, attempt: Attempt | None) -> None:
        """Note the end of an attempt; the API server may not take its record for long, or have deleted the notification."""
        found = self._lookup(key)
        if found is None:
            return
        known, event = found
        after = event.after(target, attempt)
        self._incidents.put(known, after)
        if _ended(event, after):
            self._tell(after, known)
        self._go_on(known)

    def leave(self, key: Key) -> None:
        """Note that a notification is final or deleted: the others do not wait for it any more."""
        found = self._lookup(key)
        if found is None or found[1].ended:
            return
        known, event = found
        self._incidents.put(known, replace(event, ended=True))
        self._tell(event, known)
        self._go_on(known)

    def on_shards(self, elector: ElectorStatistics) -> None:
        """Forget the incidents of shards that this process has lost or acquired: another one may work, or have worked, on them.

        Of the shards that it kept everything is still known, and attempts may be running.
        """
        before, self._shards = self._acquisitions, elector.shards
        self._acquisitions = {shard: elector.acquisitions[shard] for shard in elector.owned}
        shards = before.keys() | self._acquisitions.keys()
        changed = {shard for shard in shards if before.get(shard) != self._acquisitions.get(shard)}
        for place in [place for place in self._incidents if self._shard(*place) in changed]:
            self._incidents.forget(*place)
        self._acquired.update(dict.fromkeys(changed, self._clock()))

    def on_namespace(self, namespace: str, *, served: bool) -> None:
        """Forget what is known of a namespace that is served from now on, or no longer: another process may have worked on it."""
        for place in [place for place in self._incidents if place[0] == namespace]:
            self._incidents.forget(*place)
        if served:
            self._served_since[namespace] = self._clock()
        else:
            self._served_since.pop(namespace, None)

    def of(self, key: Key, notification: Notification) -> Incident:
        """Return the incident as one of its notifications sees it."""
        known = self._of(key, notification)
        own = self._own(key, notification, known)
        return self._as_seen_by(own, known.events.values())

    def reached(self, key: Key, notification: Notification, own: Sequence[str]) -> Mapping[str, bool]:
        """Return where a notification goes because a Trigger may have arrived there, as `Incident.reached` does.

        As long as it is not known where Triggers went, its `own` targets are among them.
        """
        incident = self.of(key, notification)
        known = self._of(key, notification).complete and not incident.may_be_anywhere
        if incident.own.kind is TRIGGER or known:
            return incident.reached
        return {**dict.fromkeys(own, False), **incident.reached}

    def outdates(self, key: Key, notification: Notification, target: str) -> Callable[[], bool]:
        """Return what tells whether the incident ends a notification at a target while an attempt waits there for a slot.

        That attempt itself has not begun. What is forgotten outdates nothing.
        """
        tried = self.of(key, notification).tried(target)
        place = key.namespace, notification.content.dedup_key

        def is_outdated() -> bool:
            known = self._incidents.get(*place)
            own = known.events.get(key.uid) if known else None
            if known is None or own is None:
                return False
            return self._as_seen_by(own, known.events.values()).outdated(target, tried=tried) is not None

        return is_outdated

    def _as_seen_by(self, own: Event, noted: Collection[Event]) -> Incident:
        events = sorted(noted, key=lambda each: each.order)
        place = events.index(own)
        return Incident(
            own=own,
            older=events[:place],
            younger=events[place + 1 :],
            now=self._clock(),
            seconds=self._seconds(),
        )

    def decide(
        self,
        key: Key,
        notification: Notification,
        targets: Mapping[str, float],
        *,
        threads: Collection[str] = (),
    ) -> Mapping[str, Reason | Hold]:
        """Decide on the next attempts of a notification; a target without a decision is none of its incident's.

        Args:
            key: that of the notification.
            notification: as read.
            targets: those that remain and have no attempt running, each with the seconds that an attempt may take.
            threads: those of them that keep the messages of an incident together.
        """
        known, incident = self._of(key, notification), self.of(key, notification)
        blind = self._is_blind(known)
        decisions: dict[str, Reason | Hold] = {}
        for target, seconds in targets.items():
            if blind and (target in threads or not incident.begins):
                decisions[target] = Hold(until=incident.now + RETRY_AFTER, reason=HoldReason.UNKNOWN_INCIDENT)
                continue
            decision = incident.decide(
                target, patience=timedelta(seconds=seconds) + MARGIN, threads=target in threads
            )
            if decision is not None:
                decisions[target] = decision
            if isinstance(decision, Hold):
                self._ask(incident, target)
                if decision.reason is HoldReason.THREAD:
                    known.waiting |= {key}
        return decisions

    def _is_blind(self, known: Known) -> bool:
        """Return whether a message waits because its incident is not listed."""
        if known.complete or known.failing_since is None:
            return not known.complete
        return self._seconds() - known.failing_since < BLIND_AFTER

    def _go_on(self, known: Known) -> None:
        """Request what waits for the end of an attempt."""
        for waiting in known.waiting:
            self._request(waiting)
        known.waiting = frozenset()

    def _ask(self, incident: Incident, target: str) -> None:
        """Request what is waited for and is late: it may be outdated."""
        for event in incident.awaited(target):
            if incident.is_late(event) and not event.ended:
                self._request(event.key)

    def _tell(self, event: Event, known: Known) -> None:
        """Request the other events of the incident that an event may concern."""
        for other in self._concerned(event, known):
            self._request(other.key)

    def _announce(self, event: Event, known: Known) -> None:
        """Request the other events that an event without attempts changes: what only waits for its receiver is not read again."""
        for other in self._concerned(event, known):
            if self._as_seen_by(other, (other, event)).is_concerned_by(event):
                self._request(other.key)

    def _concerned(self, event: Event, known: Known) -> Sequence[Event]:
        """Return the other events of the incident that may be decided on otherwise because of an event."""
        kinds = CONCERNS[event.kind]
        return [other for other in known.events.values() if other.kind in kinds and not other.ended]

    def _lookup(self, key: Key) -> tuple[Known, Event] | None:
        """Return an incident and the event of one of its notifications, if both are known."""
        known = self._incidents.get(key.namespace, key.incident)
        event = known.events.get(key.uid) if known else None
        return None if known is None or event is None else (known, event)

    def _of(self, key: Key, notification: Notification) -> Known:
        return self._incidents.use(key.namespace, notification.content.dedup_key)

    def _own(self, key: Key, notification: Notification, known: Known) -> Event:
        """Return the event of a notification; what was known of it may have been forgotten."""
        if key.uid not in known.events:
            self._incidents.put(known, event_of(key, notification, seen=self._seconds()))
        return known.events[key.uid]

    def _witnesses(self, notification: Notification) -> bool:
        """Return whether no other process can have begun an attempt of a notification that is seen for the first time."""
        untouched = not notification.attempts and not notification.status.targets
        since = self._served_since.get(notification.namespace)
        worked_since = self._worked_since(notification.namespace, notification.content.dedup_key)
        return (
            untouched
            and worked_since < notification.created
            # The creation time has whole seconds; a new namespace is served, and may have a notification, within one.
            and (since is None or since.replace(microsecond=0) <= notification.created)
            and self._clock() < notification.created + LATE_AFTER
        )

    def _oldest(self, key: Key, version: str) -> str:
        """Return the version that a listing may be as old as, or nothing if it has to be consistent.

        It has to show what another process wrote before this one took over. Since then, this process has seen everything.
        """
        since = self._worked_since(key.namespace, key.incident)
        since = max(since, self._served_since.get(key.namespace, since))
        return version if since + BEHIND < self._clock() else ""

    def _worked_since(self, namespace: str, dedup_key: str) -> datetime:
        """Return since when no other process has worked on an incident, if the namespace was served all the time."""
        return self._acquired.get(self._shard(namespace, dedup_key), self._started)

    def _shard(self, namespace: str, dedup_key: str) -> int:
        return shard_of(Key(namespace, "", "", dedup_key).shard_key, self._shards)

    def _failed_recently(self, known: Known) -> bool:
        """Return whether the next listing has to wait."""
        return known.failed is not None and self._seconds() < known.failed + RETRY_AFTER.total_seconds()

    async def _list(self, key: Key, dedup_key: str, oldest: str, known: Known, *, began: float) -> None:
        """List an incident, for an event that waits since it `began` to."""
        started = self._seconds()
        try:
            async for page in self._find(key.namespace, dedup_key, oldest):
                self._learn(key, page, known)
                # The next page is read without this one in memory.
                del page
        except KubeError as error:
            now = self._seconds()
            if now >= started + RETRY_AFTER.total_seconds():
                self._hung.put(key.namespace, now)
            known.fail(since=began, now=now)
            logger.warning(
                "other notifications of an incident not listed; retrying",
                namespace=key.namespace,
                dedup_key=dedup_key,
                error=str(error),
            )
        else:
            known.complete = True

    def _learn(self, key: Key, page: Sequence[dict[str, Any]], known: Known) -> None:
        """Note the listed notifications of which no more is known already; `key` is that of one of the incident."""
        for notification in map(parse, page):
            if notification.uid not in known.events:
                sibling = key._replace(name=notification.name, uid=notification.uid)
                self._incidents.put(known, event_of(sibling, notification, seen=self._seconds()))


def _stopped(before: Event, after: Event) -> bool:
    """Return whether an attempt ended since."""
    return any(stage.running and not after.at(target).running for target, stage in before.stages.items())


def _ended(before: Event, after: Event) -> bool:
    """Return whether an event ended at a target since."""
    targets = (*before.stages, *after.stages)
    return any(before.at(target).open and not after.at(target).open for target in targets)
