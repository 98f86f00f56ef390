"""What the parts of the operator report about themselves, and the gauges that publish it at each scrape.

Probes, the shutdown and tests read the same snapshots.
"""

from __future__ import annotations

import asyncio
import threading
from collections import Counter, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from notification_runtime.telemetry.metrics import MAX_RECEIVERS, OTHER, PREFIX

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from datetime import datetime

    from prometheus_client import Metric

    from notification_domain.routing import RoutingState
    from notification_runtime.telemetry.metrics import Metrics, Wait, WaitingMessages

INTERVAL: Final = 0.1
"""Seconds between two beats; a gap that is shorter stays unseen."""
WINDOW: Final = 60.0
"""Seconds for which a gap is reported: no scrape misses it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueStatistics:
    """The work queue, counted in keys."""

    waiting: int = 0
    """Keys that wait for a worker."""
    oldest_seconds: float = 0.0
    """Age of the oldest of these; 0 if there is none."""
    parked: int = 0
    """Keys that wait until a reconciliation is admitted."""
    running: int = 0
    """Keys that are being reconciled."""
    delayed: int = 0
    """Keys that are scheduled for a later time."""
    stalled: int = 0
    """Keys whose status the API server refuses; each waits for a change of its object."""
    incomplete: bool = False
    """Whether keys were dropped because there were too many, and not listed again since."""
    most_failures: int = 0
    """Consecutive failed reconciliations of the key that has most of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptStatistics:
    """The attempt tracker."""

    objects: int = 0
    """Objects with attempts that are running or not yet recorded."""
    running: int = 0
    """Attempts that are running."""
    unrecorded: int = 0
    """Finished attempts that no status write is known to hold."""
    unrecorded_seconds: float = 0.0
    """How long the one of them has waited that has waited longest."""
    waiting: int = 0
    """Attempts that are due and wait for room in the budget of their channel."""
    held_bytes: int = 0
    """Bytes of content that attempts hold or that are reserved for them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopStatistics:
    """The event loop."""

    gap_seconds: float = 0.0
    """The longest time in the last minute in which it ran nothing else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ElectorStatistics:
    """The leader election of this replica, by shard number."""

    shards: int = 1
    """How many shards there are."""
    working: frozenset[int] = frozenset({0})
    """Shards whose notifications this replica works on."""
    owned: frozenset[int] = frozenset({0})
    """The same, and the shards that this replica is about to release."""
    released: frozenset[int] = frozenset()
    """Shards that this replica released last after nothing of them was running."""
    acquisitions: tuple[int, ...] = (0,)
    """How often this replica has acquired each shard."""


def publish(  # noqa: PLR0913 - the parts that are observed
    metrics: Metrics,
    *,
    queue: Callable[[], QueueStatistics],
    attempts: Callable[[], AttemptStatistics],
    ownership: Callable[[], ElectorStatistics],
    routing: Callable[[], RoutingState],
    unavailable: Callable[[], Sequence[str]],
    loop: Callable[[], LoopStatistics],
) -> None:
    """Add the gauges to the metrics; `unavailable` returns the namespaces that the API server has refused for long."""
    watch = metrics.add_gauge
    watch("queue_depth", "Notifications that wait for a worker.", lambda: queue().waiting)
    watch(
        "queue_oldest_seconds",
        "Age in seconds of the oldest notification waiting for a worker.",
        lambda: queue().oldest_seconds,
    )
    watch(
        "queue_held_back",
        "Notifications that wait until this replica may work on them.",
        lambda: queue().parked,
    )
    watch(
        "queue_stalled",
        "Notifications whose status the API server refuses; each waits for a change of the object.",
        lambda: queue().stalled,
    )
    watch(
        "queue_incomplete",
        "Whether the work queue dropped notifications that it has not listed again yet (1); else 0.",
        lambda: float(queue().incomplete),
    )
    watch("queue_running", "Notifications that are being reconciled.", lambda: queue().running)
    watch(
        "queue_delayed",
        "Notifications that are scheduled for a later reconciliation.",
        lambda: queue().delayed,
    )
    watch("in_flight", "Running delivery attempts.", lambda: attempts().running)
    watch(
        "unsaved_attempts",
        "Finished delivery attempts that this replica has to record in a status.",
        lambda: attempts().unrecorded,
    )
    watch(
        "unsaved_attempt_seconds",
        "Seconds since the end of the oldest delivery attempt that this replica has to record; 0 without one.",
        lambda: attempts().unrecorded_seconds,
    )
    watch(
        "in_flight_bytes",
        "Bytes of content that running attempts hold or that are reserved for them.",
        lambda: attempts().held_bytes,
    )
    watch(
        "attempts_waiting",
        "Delivery attempts that are due and wait for room in the memory of their channel.",
        lambda: attempts().waiting,
    )
    watch("runtime_tasks", "Asyncio tasks that are not done.", lambda: len(asyncio.all_tasks()))
    watch("runtime_threads", "Threads that are alive.", threading.active_count)
    watch(
        "event_loop_gap_seconds",
        "Longest time in seconds, in the last minute, for which the event loop was blocked.",
        lambda: loop().gap_seconds,
    )
    watch(
        "leading",
        "Whether this replica works on any shard (1) or stands by (0).",
        lambda: float(bool(ownership().working)),
    )
    watch("shards", "Shards that all notifications are split into.", lambda: ownership().shards)
    watch(
        "shards_owned",
        "Shards whose Lease this replica holds, also while it completes the last attempts before a release.",
        lambda: len(ownership().owned),
    )
    watch(
        "routing_loaded",
        "Whether a routing document exists and its rules are in force (1); else 0.",
        lambda: float(routing().loaded),
    )
    watch(
        "routing_refused",
        "Whether the present routing document is refused as invalid (1); else 0.",
        lambda: float(bool(routing().problems)),
    )
    watch(
        "routing_ignored_keys",
        "Keys of the routing document in force that have no effect, such as mute_time_intervals.",
        lambda: len(table.ignored) if (table := routing().table) else 0,
    )
    watch(
        "routing_generation",
        "Changes of the routing document so far: accepted, refused or removed.",
        lambda: routing().generation,
    )
    watch(
        "namespaces_unavailable",
        "Namespaces of watch.namespaces that the API server has refused to list or watch for a minute.",
        lambda: len(unavailable()),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiverState:
    """What is published of one receiver."""

    name: str
    """Namespace and name."""
    ready: bool | None
    """None while this replica has not looked at it."""
    last_success: datetime | None = None
    drilled: bool = False
    """Whether drills send messages to it."""
    last_drill: datetime | None = None
    """When the latest one was delivered."""


def _bounded(states: Iterable[ReceiverState]) -> Iterator[ReceiverState]:
    """Yield the first receivers by name; the others as one, which is as ready and as drilled as the worst of them."""
    ordered = sorted(states, key=lambda state: state.name)
    yield from ordered[:MAX_RECEIVERS]
    if others := ordered[MAX_RECEIVERS:]:
        drills = [each.last_drill for each in others if each.drilled]
        yield ReceiverState(
            name=OTHER,
            ready=all(each.ready is not False for each in others),
            last_success=max((each.last_success for each in others if each.last_success), default=None),
            drilled=bool(drills),
            last_drill=None if None in drills else min(filter(None, drills), default=None),
        )


class ReceiverGauges(Collector):
    """Publishes the state of the receivers that a function returns, and whether drills are scheduled."""

    def __init__(self, states: Callable[[], Iterable[ReceiverState]], *, drills_scheduled: bool) -> None:
        self._states = states
        self._drills_scheduled = drills_scheduled

    def describe(self) -> Iterator[Metric]:
        """Yield the gauges without receivers."""
        return self._gauges(())

    def collect(self) -> Iterator[Metric]:
        """Yield the gauges with their values."""
        return self._gauges(self._states())

    def _gauges(self, states: Iterable[ReceiverState]) -> Iterator[Metric]:
        ready = GaugeMetricFamily(
            f"{PREFIX}receiver_ready",
            "Whether the NotificationReceiver is valid, has its Secrets, and is not refused by the service (1); else 0.",
            labels=["receiver"],
        )
        last_success = GaugeMetricFamily(
            f"{PREFIX}receiver_last_success_timestamp_seconds",
            "Unix time at which this replica last delivered to the NotificationReceiver; absent before the first time.",
            labels=["receiver"],
        )
        last_drill = GaugeMetricFamily(
            f"{PREFIX}drill_last_success_timestamp_seconds",
            "Unix time at which the latest message of a drill was delivered to the NotificationReceiver; 0 before the first one, "
            "and absent for a receiver that drills skip.",
            labels=["receiver"],
        )
        for state in _bounded(states):
            if state.ready is not None:
                ready.add_metric([state.name], float(state.ready))
            if state.last_success is not None:
                last_success.add_metric([state.name], state.last_success.timestamp())
            if state.drilled:
                time = state.last_drill
                last_drill.add_metric([state.name], 0.0 if time is None else time.timestamp())
        scheduled = GaugeMetricFamily(
            f"{PREFIX}drill_scheduled",
            "Whether the platform sends drills on a schedule (1); else 0.",
            value=float(self._drills_scheduled),
        )
        yield from (ready, last_success, last_drill, scheduled)


class WaitingGauges(Collector):
    """Publishes how many messages wait for each receiver, for what, and how long the oldest has waited."""

    def __init__(self, messages: WaitingMessages, *, clock: Callable[[], datetime]) -> None:
        self._messages = messages
        self._clock = clock

    def describe(self) -> Iterator[Metric]:
        """Yield the gauges without receivers."""
        return self._gauges((), now=0.0)

    def collect(self) -> Iterator[Metric]:
        """Yield the gauges with their values."""
        return self._gauges(tuple(self._messages.totals()), now=self._clock().timestamp())

    def _gauges(self, waits: Sequence[tuple[Wait, int]], *, now: float) -> Iterator[Metric]:
        waiting = GaugeMetricFamily(
            f"{PREFIX}receiver_waiting",
            "Messages that are not delivered yet, by receiver and by the reason of their target; Delivering: an attempt runs. "
            "Messages before spec.notBefore do not count.",
            labels=["receiver", "reason"],
        )
        longest = GaugeMetricFamily(
            f"{PREFIX}receiver_oldest_waiting_seconds",
            "Age in seconds of the oldest message that waits for the receiver, since its creation or its spec.notBefore; absent without any.",
            labels=["receiver"],
        )
        named = set(sorted({wait.receiver for wait, _ in waits})[:MAX_RECEIVERS])
        counts: Counter[tuple[str, str]] = Counter()
        ages: dict[str, float] = {}
        for wait, count in waits:
            label = wait.receiver if wait.receiver in named else OTHER
            counts[label, wait.reason] += count
            ages[label] = max(ages.get(label, 0.0), now - wait.since)
        for labels, count in counts.items():
            waiting.add_metric(labels, count)
        for label, age in ages.items():
            longest.add_metric([label], age)
        yield from (waiting, longest)


class Heartbeat:
    """The heartbeat of the event loop: measures how much later than planned the event loop runs a task.

    Args:
        clock: monotonic seconds.
    """

    def __init__(self, *, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._due: float | None = None
        self._gaps: deque[tuple[float, float]] = deque()
        """Time and seconds of the latest gaps, each longer than all after it."""

    async def run(self) -> None:
        """Measure until cancelled."""
        while True:
            self._due = self._clock() + INTERVAL
            await asyncio.sleep(INTERVAL)
            self._note(self._clock())

    def statistics(self) -> LoopStatistics:
        """Return the largest gap of the last minute, with one that just ended."""
        now = self._clock()
        self._note(now)
        return LoopStatistics(gap_seconds=self._gaps[0][1] if self._gaps else 0.0)

    def _note(self, now: float) -> None:
        while self._gaps and self._gaps[0][0] < now - WINDOW:
            self._gaps.popleft()
        late = 0.0 if self._due is None else now - self._due
        if late <= 0:
            return
        while self._gaps and self._gaps[-1][1] <= late:
            self._gaps.pop()
        self._gaps.append((now, late))
