"""The gauges of receivers, read at each scrape: receivers come and go."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from notification_operator.telemetry.metrics import PREFIX

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from datetime import datetime

    from prometheus_client import Metric


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiverState:
    """What is published of one receiver."""

    name: str
    """Namespace and name."""
    ready: bool
    last_success: datetime | None = None
    drilled: bool = False
    """Whether drills send messages to it."""
    last_drill: datetime | None = None
    """When the latest one was delivered."""


class ReceiverGauges(Collector):
    """Publishes the state of the receivers that a function returns, and whether drills are scheduled."""

    def __init__(self, states: Callable[[], Iterable[ReceiverState]], *, drills_scheduled: bool) -> None:
        self._states = states
        self._drills_scheduled = drills_scheduled

    def describe(self) -> Iterator[Metric]:
        """Yield the gauges without values."""
        yield _ready()
        yield _last_success()
        yield _last_drill()
        yield _scheduled()

    def collect(self) -> Iterator[Metric]:
        """Yield the gauges with their values."""
        ready, last_success, last_drill = _ready(), _last_success(), _last_drill()
        for state in self._states():
            ready.add_metric([state.name], float(state.ready))
            if state.last_success is not None:
                last_success.add_metric([state.name], state.last_success.timestamp())
            if state.drilled:
                time = state.last_drill
                last_drill.add_metric([state.name], 0.0 if time is None else time.timestamp())
        yield ready
        yield last_success
        yield last_drill
        scheduled = _scheduled()
        scheduled.add_metric([], float(self._drills_scheduled))
        yield scheduled


def _ready() -> GaugeMetricFamily:
    return GaugeMetricFamily(
        f"{PREFIX}receiver_ready",
        "Whether the NotificationReceiver is valid, has its Secrets, and is not refused by the far end (1); else 0.",
        labels=["receiver"],
    )


def _last_success() -> GaugeMetricFamily:
    return GaugeMetricFamily(
        f"{PREFIX}receiver_last_success_timestamp_seconds",
        "Unix time at which this replica last delivered to the NotificationReceiver; absent before the first time.",
        labels=["receiver"],
    )


def _last_drill() -> GaugeMetricFamily:
    return GaugeMetricFamily(
        f"{PREFIX}drill_last_success_timestamp_seconds",
        "Unix time at which the latest message of a drill was delivered to the NotificationReceiver; 0 before the first one, "
        "and absent for a receiver that drills skip.",
        labels=["receiver"],
    )


def _scheduled() -> GaugeMetricFamily:
    return GaugeMetricFamily(
        f"{PREFIX}drill_scheduled", "Whether the platform sends drills on a schedule (1); else 0.", labels=[]
    )
