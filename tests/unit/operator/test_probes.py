"""The probes: what of the watches makes the process unready, and what makes it unhealthy."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from kubernetes.aio.client import ApiClient, Configuration

from notification_operator.app import App
from notification_runtime.kube.client import Cluster, Connectivity
from notification_runtime.kube.events import Event, EventType
from notification_runtime.settings import Settings
from notification_runtime.telemetry.http_server import Check
from tests.simulation.null_ports import NoEvents
from tests.unit.operator.ports import null_ports

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

UNSERVED = "waiting for the CRD notificationrequests.kubernaut.ai"


class Clock:
    """Seconds that the test sets."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


class RecordedEvents(NoEvents):
    """Keeps the Events."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def record(self, event: object) -> None:
        assert isinstance(event, Event)
        self.events.append(event)


@contextlib.asynccontextmanager
async def app_without_server(
    clock: Clock, recorder: NoEvents | None = None, **settings: object
) -> AsyncIterator[App]:
    """An operator that reaches no API server and does not run."""
    configuration = Configuration(host="http://127.0.0.1:9")
    cluster = Cluster(configuration=configuration, namespace="own", source="a test")
    ports = replace(null_ports(), events=recorder or NoEvents())
    async with ApiClient(configuration) as client:
        yield App(
            Settings.model_validate(settings),
            ports,
            client=client,
            cluster=cluster,
            connectivity=Connectivity(clock=clock),
        )


async def test_watch_that_is_closed_for_two_minutes_makes_the_process_unhealthy() -> None:
    clock = Clock()
    async with app_without_server(clock) as app:
        assert app.alive()["watches"] == Check(passed=True, text="open, or retried")
        clock.seconds = 119
        assert app.alive()["watches"].passed
        clock.seconds = 121
        assert app.alive()["watches"] == Check(passed=False, text="neither open nor retried for 121 s")


async def test_missing_crd_makes_the_process_unready_and_not_unhealthy() -> None:
    clock = Clock()
    async with app_without_server(clock) as app:
        app.watch.supervisor.served.missing = True
        clock.seconds = 600
        assert app.alive()["watches"].passed
        assert app.ready()["watches"] == Check(passed=False, text=f"0 of 2 established; {UNSERVED}")


@pytest.mark.parametrize("level", ["actionable", "none"])
async def test_refused_namespace_is_named_by_the_probe_and_in_an_event(level: str) -> None:
    clock, recorded = Clock(), RecordedEvents()
    settings = {"watch": {"namespaces": ["left", "shop"]}, "events": {"level": level}}
    async with app_without_server(clock, recorded, **settings) as app:
        path = "/apis/kubernaut.ai/v1alpha1/namespaces/left/notificationrequests"
        app.watch.supervisor.watches[path].unavailable = True
        app.report_unavailable("left", "403 no Role")
        assert app.ready()["watches"].text == "0 of 2 established; namespaces that are not watched: left"
        if level == "none":
            assert recorded.events == []
            return
        (event,) = recorded.events
    assert (event.type, event.reason, event.regarding.name) == (
        EventType.WARNING,
        "NamespaceUnavailable",
        "operator",
    )
    assert event.note == "Notifications in namespace left are not delivered: 403 no Role"
