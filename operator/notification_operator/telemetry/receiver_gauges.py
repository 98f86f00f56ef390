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
    last_success: datetime | None


class ReceiverGauges(Collector):
    """Publishes the state of the receivers that a function returns."""

    def __init__(self, states: Callable[[], Iterable[ReceiverState]]) -> None:
        self._states = states

    def describe(self) -> Iterator[Metric]:
        """Yield the gauges without values."""
        yield _ready()
        yield _last_success()

    def collect(self) -> Iterator[Metric]:
        """Yield the gauges with their values."""
        ready, last_success = _ready(), _last_success()
        for state in self._states():
            ready.add_metric([state.name], float(state.ready))
            if state.last_success is not None:
                last_success.add_metric([state.name], state.last_success.timestamp())
        yield ready
        yield last_success


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
