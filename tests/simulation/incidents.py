"""A schedule with incidents: their events come while everything goes wrong, and each far end keeps what it was told."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from notification_contract.kinds.choices import LifecycleEvent, TargetState
from notification_domain.json_values import format_time
from tests.harness.sink.services.pagerduty import State, follow
from tests.simulation.chat import Chat
from tests.simulation.cluster import OTHER_NAMESPACES
from tests.simulation.environment import now
from tests.simulation.invariants import Invariants
from tests.simulation.simulation import Simulation
from tests.simulation.users import CHANNELS, Users
from tests.simulation.violations import require

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from notification_domain.model import Notification
    from tests.simulation.channels import Call
    from tests.simulation.chat import Post

NAMES = tuple("abcdefgh")
KEYS = ("disk", "network")
TRIGGER, ACKNOWLEDGE, RESOLVE = LifecycleEvent.TRIGGER, LifecycleEvent.ACKNOWLEDGE, LifecycleEvent.RESOLVE
NEXT = {
    None: (TRIGGER,),
    TRIGGER: (RESOLVE, RESOLVE, RESOLVE, ACKNOWLEDGE, TRIGGER),
    ACKNOWLEDGE: (RESOLVE, RESOLVE, TRIGGER),
    RESOLVE: (TRIGGER, TRIGGER, RESOLVE, ACKNOWLEDGE),
}
"""What follows an event, most often what really does."""
RANK = {TRIGGER: 0, ACKNOWLEDGE: 1, RESOLVE: 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """An event as its author created it."""

    uid: str
    kind: LifecycleEvent
    created: datetime
    replay: bool
    """Whether it sends an earlier event again, and reports nothing new."""

    @property
    def order(self) -> tuple[datetime, int, str]:
        """The place among the events of the incident."""
        return self.created, RANK[self.kind], self.uid


class IncidentUsers(Users):
    """Create the events of two incidents, one after another."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.names: Sequence[str] = NAMES
        self.told: dict[tuple[str, str], list[Told]] = {}

    def begin(self) -> None:
        """Begin an incident."""
        self.create(self.names[0])

    def go_on(self) -> None:
        """Create the next event of an incident."""
        free = [name for name in self.names if name not in self._cluster.objects]
        if free:
            self.create(free[0])

    def create(self, name: str) -> None:
        """Create an event under a name."""
        choices = self._choices
        place = OTHER_NAMESPACES.get(name, "simulated"), choices.pick(KEYS)
        told = self.told.setdefault(place, [])
        reports = [each for each in told if not each.replay]
        kind = choices.pick(NEXT[reports[-1].kind if reports else None])
        created = now().replace(microsecond=0)
        spec = {
            "type": "simple",
            "priority": "medium",
            "subject": "subject",
            "body": "body",
            "dedupKey": place[1],
            "channels": list(CHANNELS[: 1 + choices.number(3)]),
            "retryPolicy": {
                "maxAttempts": choices.pick((3, 1, 2, 4)),
                "initialBackoffSeconds": choices.pick((1, 3, 30)),
                "backoffMultiplier": 2,
                "maxBackoffSeconds": 60,
            },
        }
        if choices.chance(10):
            spec["notBefore"] = format_time(created.replace(second=min(created.second + 20, 59)))
        if reports and choices.chance(10):
            original = choices.pick(reports)
            kind = original.kind
            spec["replayOf"] = {"name": self._cluster.names[original.uid], "uid": original.uid, "depth": 1}
        spec["event"] = kind.value
        uid = self._cluster.create(name, spec, format_time(created))
        told.append(Told(uid=uid, kind=kind, created=created, replay="replayOf" in spec))
        what = f"replay of a {kind}" if told[-1].replay else kind
        self._log(f"{name} is created ({uid}): {what} of {place[1]}, {', '.join(spec['channels'])}")


class IncidentInvariants(Invariants):
    """Also observes what each far end knows of the incidents."""

    users: IncidentUsers
    chat: Chat
    READS = 2
    """A notification that waits for the listing of its incident is read again."""

    def end(self, notifications: Iterable[Notification]) -> None:
        """Check the far ends after everything has ended."""
        notifications = list(notifications)
        super().end(notifications)
        by_uid = {each.uid: each for each in notifications}
        self.incidents = len(self.users.told)
        for place, told in self.users.told.items():
            self._far_ends(place, sorted(told, key=lambda each: each.order), by_uid)
            # A replay may arrive after the Resolve, and another event be sent in its thread.
            if not any(each.replay for each in told):
                self._threads(place, {each.uid: each for each in told}, by_uid)

    def _far_ends(
        self, place: tuple[str, str], told: Sequence[Told], by_uid: dict[str, Notification]
    ) -> None:
        events, name = {each.uid: each for each in told}, place[1]
        last = [each for each in told if not (each.replay or each.kind is ACKNOWLEDGE)][-1]
        for target in {channel for uid, channel in self.calls if uid in events}:
            calls = sorted(self._accepted(events, target), key=lambda call: call.ended_at)
            self._in_order(f"{name} at {target}", calls, events, by_uid)
            # What a dead process has told may have arrived late.
            if last.uid not in by_uid or any(call.excused for call in calls):
                continue
            states = {each.name: each.state for each in by_uid[last.uid].status.targets}
            state = states.get(target)
            # After a restart, nobody knows where a Trigger went that is deleted, or that there was one.
            if state in {None, TargetState.SUPPRESSED} and any(uid not in by_uid for uid in events):
                continue
            # A replay after it reports nothing new.
            reports = [
                call
                for call in calls
                if not (events[call.uid].replay and events[call.uid].order > last.order)
            ]
            is_open = _incident(reports, events) in {State.TRIGGERED, State.ACKNOWLEDGED}
            if last.kind is RESOLVE and state in {None, TargetState.DELIVERED, TargetState.SUPPRESSED}:
                require(not is_open, f"{name} at {target} stays open: its Resolve is {state}")
            if last.kind is TRIGGER and state is TargetState.DELIVERED:
                require(is_open, f"{name} at {target} is closed, although it was reported again")

    def _in_order(
        self,
        name: str,
        calls: Sequence[Call],
        events: Mapping[str, Told],
        by_uid: Mapping[str, Notification],
    ) -> None:
        """Check that no Trigger opens what its Resolve has closed; who died, or is deleted, is known to nobody."""
        for number, call in enumerate(calls):
            trigger = events[call.uid]
            if trigger.kind is not TRIGGER or call.excused:
                continue
            for earlier in calls[:number]:
                resolve = events[earlier.uid]
                known = resolve.uid in by_uid and not earlier.excused and earlier.ended_at <= call.at
                reports = resolve.kind is RESOLVE and not resolve.replay
                overtaken = reports and resolve.order > trigger.order
                require(not (known and overtaken), f"{name} is opened by {call.id}, after its Resolve")

    def _threads(
        self, place: tuple[str, str], events: Mapping[str, Told], kept: Mapping[str, Notification]
    ) -> None:
        """Check that the chat has one message for each report of an incident, which a Resolve updates.

        A Trigger reports it again even if it does not arrive: the Resolve after it belongs to no earlier message, unless that is
        of a younger notification than the Trigger. Of a Trigger that is deleted, or that a process has not read when it sends a
        younger Resolve, no process may know. A message after such a Resolve joins it.
        """
        head: Post | None = None
        ended: Told | None = None
        joined: set[str] = set()
        for post in self.chat.posts.values():
            if post.call.uid not in events:
                continue
            name, event = f"{place[1]} in the chat", events[post.call.uid]
            again = {each.uid for each in events.values() if ended and _reports_again(each, ended, event)}
            again -= joined
            known = {uid for uid in again & kept.keys() if self._has_begun(kept[uid], before=post.call)}
            older = {
                each.uid for each in events.values() if each.kind is TRIGGER and each.order < event.order
            }
            if head is None or known or (again and not post.thread):
                require(not post.thread, f"{name}: {post.ref} does not begin a thread")
                head, ended = post, None
                joined |= older
            elif not (post.call.excused and post.call.at <= head.call.ended_at):
                # A call of a deleted notification may still run when the next one is sent.
                require(post.thread == head.ref, f"{name}: {post.ref} is not in the thread of {head.ref}")
                joined |= older
            if event.kind is RESOLVE and (ended is None or event.order < ended.order):
                ended = event
            # After a restart, nobody knows a message whose notification is deleted or has no record of it.
            if post.call.excused or post.call.uid not in kept:
                return
            if post.event is RESOLVE and post is not head:
                require(head.resolved, f"{name}: {head.ref} is not updated")

    def _has_begun(self, notification: Notification, *, before: Call) -> bool:
        """Return whether a notification was sent, or has ended, before a call."""
        ended = notification.status.completed_at
        return any(
            call.at < before.at for channel in CHANNELS for call in self.calls[notification.uid, channel]
        ) or (self.clocks_agree and ended is not None and ended < before.wall)

    def _accepted(self, events: Mapping[str, Told], target: str) -> Iterator[Call]:
        for uid in events:
            yield from (call for call in self.calls[uid, target] if call.end == "success")


def _reports_again(event: Told, resolve: Told, last: Told) -> bool:
    """Return whether an event reports an incident again after a Resolve, up to another event."""
    return event.kind is TRIGGER and resolve.order < event.order <= last.order


def _incident(calls: Iterable[Call], events: Mapping[str, Told]) -> State | None:
    """Return what PagerDuty makes of these calls."""
    state: State | None = None
    for call in calls:
        state = follow(state, events[call.uid].kind.value.lower())
    return state


class IncidentSimulation(Simulation):
    """Runs the schedule that the choices describe."""

    invariants: IncidentInvariants
    users: IncidentUsers

    def _prepare(self) -> None:
        self.chat = Chat()

    def _chat(self) -> Chat:
        return self.chat

    def _invariants(self, *, breakers: bool) -> Invariants:
        invariants = IncidentInvariants(self._find, gaps=breakers)
        invariants.chat = self.chat
        return invariants

    def _users(self) -> Users:
        users = IncidentUsers(self.cluster, self.choices, log=self.log, spawn=self._spawn)
        self.invariants.users = users
        return users

    async def _end_faults(self) -> None:
        """End all faults, and the wait for a time by a clock that is behind."""
        await super()._end_faults()
        self.processes.mend_clocks()

    def _disturb(self) -> None:
        if self.choices.chance(50):
            self.users.go_on()
        else:
            super()._disturb()

    def _begin(self) -> None:
        self.users.begin()
        asyncio.get_running_loop().call_later(0.5, self.users.go_on)
