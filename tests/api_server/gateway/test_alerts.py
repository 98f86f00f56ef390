"""Alerts of a real Prometheus, sent by real Alertmanagers: told once each, whatever ends or fails in between."""

from __future__ import annotations

import signal
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from notification_contract.names import SOURCE_LABEL
from tests.api_server.gateway.alerting import alerting
from tests.harness.eventually import eventually, steadily

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.api_server.gateway.alerting import Alerting
    from tests.api_server.gateway.place import Faulty, Place, Replica

pytestmark = pytest.mark.xdist_group("api-server")
WITHIN = 60.0
QUIET = 3.0
"""Seconds in which nothing more may come: several times what Alertmanager waits for before it repeats."""
SOURCE = "alerts"
HOOK = f"/hook/{SOURCE}"


def events(place: Place) -> list[str]:
    """Return the events of the notifications, oldest first."""
    return [each["spec"]["event"] for each in place.notifications(SOURCE)]


def told(place: Place, *expected: str) -> list[dict[str, Any]]:
    """Wait until these events were told, in any order, and return their notifications."""
    eventually(lambda: sorted(events(place)), lambda found: found == sorted(expected), within=WITHIN)
    return place.notifications(SOURCE)


def only(place: Place, *expected: str) -> None:
    """Make sure that nothing more comes."""
    steadily(lambda: sorted(events(place)), lambda found: found == sorted(expected), during=QUIET)


def is_one_incident(found: list[dict[str, Any]]) -> bool:
    return len({each["spec"]["dedupKey"] for each in found}) == 1


@pytest.fixture
def alerts(place: Place, replica: Replica, tmp_path: Path) -> Iterator[Alerting]:
    """A Prometheus and an Alertmanager that posts to the source `alerts` of a replica."""
    place.ready_source(
        SOURCE,
        "alertmanager",
        mapping={"priority": {"fromLabel": "severity", "map": {"critical": "critical"}}},
    )
    with alerting(tmp_path, replica.url + HOOK) as ready:
        yield ready


@pytest.mark.check("gateway-alerts-01")
def test_rule_that_fires_and_resolves_is_a_trigger_and_a_resolve(place: Place, alerts: Alerting) -> None:
    alerts.burn("a")
    (trigger,) = told(place, "Trigger")
    assert trigger["spec"]["priority"] == "critical"
    assert trigger["spec"]["type"] == "escalation"
    assert "a burns" in trigger["spec"]["body"]
    assert trigger["metadata"]["labels"][SOURCE_LABEL] == SOURCE
    alerts.burn()
    found = told(place, "Trigger", "Resolve")
    assert is_one_incident(found)
    only(place, "Trigger", "Resolve")
    alerts.burn("a")
    found = told(place, "Trigger", "Resolve", "Trigger")
    assert is_one_incident(found), "an incident that comes back has the same key"


@pytest.mark.check("gateway-alerts-02")
@pytest.mark.long
def test_alert_that_fires_while_the_gateway_is_dead_is_told_once(
    place: Place, replica: Replica, alerts: Alerting
) -> None:
    replica.kill()
    alerts.burn("a")
    eventually(lambda: alerts.failures, lambda failed: failed >= 2, within=WITHIN)
    replica.start()
    told(place, "Trigger")
    replica.kill()
    alerts.burn()
    failed = alerts.failures
    eventually(lambda: alerts.failures, lambda now: now > failed, within=WITHIN)
    replica.start()
    assert is_one_incident(told(place, "Trigger", "Resolve"))
    only(place, "Trigger", "Resolve")


@pytest.fixture
def faulty_alerts(place: Place, away: Faulty, tmp_path: Path) -> Iterator[tuple[Replica, Alerting]]:
    """The same with a replica that reaches the API server by a proxy with faults."""
    replica = place.replica(via=away)
    place.ready_source(SOURCE, "alertmanager")
    with alerting(tmp_path, replica.url + HOOK) as ready:
        yield replica, ready


@pytest.mark.check("gateway-alerts-03")
def test_gateway_killed_while_it_stores_tells_the_alert_once(
    place: Place, away: Faulty, faulty_alerts: tuple[Replica, Alerting]
) -> None:
    replica, alerts = faulty_alerts
    slow = away.proxy.fail(
        verb="create", resource="notificationrequests", delay_after=30, code=200, after=True
    )
    alerts.burn("a")
    eventually(lambda: slow.used, bool, within=WITHIN)
    told(place, "Trigger")
    replica.kill()
    slow.remove()
    replica.start()
    eventually(
        lambda: replica.received(f"{place.home}/{SOURCE}", "duplicate"),
        lambda repeats: repeats >= 1,
        within=WITHIN,
    )
    alerts.burn()
    assert is_one_incident(told(place, "Trigger", "Resolve"))
    only(place, "Trigger", "Resolve")


@pytest.mark.check("gateway-alerts-04")
@pytest.mark.long
def test_api_server_that_refuses_with_503_delays_the_alert_only(
    place: Place, away: Faulty, faulty_alerts: tuple[Replica, Alerting]
) -> None:
    replica, alerts = faulty_alerts
    fault = away.proxy.fail(verb="create", resource="notificationrequests", code=503, times=3)
    alerts.burn("a")
    told(place, "Trigger")
    assert fault.used == 3
    again = away.proxy.fail(verb="create", resource="notificationrequests", code=503, times=3)
    alerts.burn()
    assert is_one_incident(told(place, "Trigger", "Resolve"))
    assert again.used == 3
    assert replica.received(f"{place.home}/{SOURCE}", "unavailable") == 6
    only(place, "Trigger", "Resolve")


@pytest.mark.check("gateway-alerts-05")
@pytest.mark.long
def test_lost_answer_of_the_api_server_makes_no_second_alert(
    place: Place, away: Faulty, faulty_alerts: tuple[Replica, Alerting]
) -> None:
    _, alerts = faulty_alerts
    lost = away.proxy.fail(verb="create", resource="notificationrequests", cut=True, after=True, times=2)
    alerts.burn("a")
    told(place, "Trigger")
    eventually(lambda: lost.used, lambda used: used >= 1, within=WITHIN)
    alerts.burn()
    assert is_one_incident(told(place, "Trigger", "Resolve"))
    only(place, "Trigger", "Resolve")


@pytest.mark.check("gateway-alerts-06")
@pytest.mark.long
def test_hour_of_repeats_by_two_alertmanagers_tells_the_alert_once(
    place: Place, replica: Replica, tmp_path: Path
) -> None:
    place.ready_source(SOURCE, "alertmanager")
    with alerting(tmp_path, replica.url + HOOK, alertmanagers=2, repeat="500ms") as alerts:
        alerts.burn("a")
        # A repetition each minute.
        eventually(lambda: alerts.posts, lambda posts: posts >= 60, within=150)
        assert events(place) == ["Trigger"]
        alerts.burn()
        assert is_one_incident(told(place, "Trigger", "Resolve"))
        only(place, "Trigger", "Resolve")
        assert alerts.failures == 0


@pytest.mark.check("gateway-alerts-07")
@pytest.mark.long
def test_repeat_after_tells_once_per_period_whoever_repeats(
    place: Place, replica: Replica, tmp_path: Path
) -> None:
    place.ready_source(SOURCE, "alertmanager", alertmanager={"repeatAfter": "10s"})
    with alerting(tmp_path, replica.url + HOOK, alertmanagers=2, repeat="500ms") as alerts:
        alerts.burn("a")
        triggers = eventually(
            lambda: place.notifications(SOURCE, event="Trigger"), lambda found: len(found) >= 3, within=120
        )
        alerts.burn()
        eventually(lambda: events(place).count("Resolve"), bool, within=WITHIN)
    assert is_one_incident(triggers)
    times = [datetime.fromisoformat(each["metadata"]["creationTimestamp"]) for each in triggers]
    # Times of the API server have no fraction of a second.
    assert all((later - earlier).total_seconds() >= 8 for earlier, later in pairwise(times))
    assert events(place).count("Resolve") == 1


@pytest.mark.check("gateway-alerts-08")
@pytest.mark.long
def test_alerts_of_one_group_that_change_one_by_one_are_told_each(place: Place, alerts: Alerting) -> None:
    alerts.burn("a")
    told(place, "Trigger")
    alerts.burn("a", "b")
    told(place, "Trigger", "Trigger")
    alerts.burn("b")
    found = told(place, "Trigger", "Trigger", "Trigger")
    assert "a burns" in found[-1]["spec"]["body"]
    alerts.burn()
    assert is_one_incident(told(place, "Trigger", "Trigger", "Trigger", "Resolve"))
    only(place, "Trigger", "Trigger", "Trigger", "Resolve")


@pytest.mark.check("gateway-alerts-09")
def test_alert_over_a_quota_is_told_when_the_quota_allows_it(place: Place, alerts: Alerting) -> None:
    with place.quota():
        alerts.burn("a")
        eventually(lambda: alerts.failures, lambda failed: failed >= 1, within=WITHIN)
        assert events(place) == []
    told(place, "Trigger")


@pytest.mark.check("gateway-alerts-10")
@pytest.mark.long
def test_alert_over_the_rate_limit_is_told_later(place: Place, replica: Replica, tmp_path: Path) -> None:
    place.ready_source(SOURCE, "alertmanager", rateLimit={"count": 1, "period": "5s"})
    with alerting(tmp_path, replica.url + HOOK) as alerts:
        alerts.burn("a")
        told(place, "Trigger")
        alerts.burn()
        assert is_one_incident(told(place, "Trigger", "Resolve"))
        assert alerts.failures >= 1, "the Resolve came within the period"
    assert replica.received(f"{place.home}/{SOURCE}", "limited") >= 1


@pytest.mark.check("gateway-alerts-11")
@pytest.mark.long
def test_gateway_that_ends_in_order_refuses_no_alert_that_it_has_read(
    place: Place, away: Faulty, faulty_alerts: tuple[Replica, Alerting]
) -> None:
    replica, alerts = faulty_alerts
    slow = away.proxy.fail(verb="create", resource="notificationrequests", delay=2)
    alerts.burn("a")
    eventually(lambda: slow.used, bool, within=WITHIN)
    replica.signal(signal.SIGTERM)
    told(place, "Trigger")
    replica.stop()
    assert alerts.failures == 0, "the post that was being stored was answered"


@pytest.mark.check("gateway-alerts-12")
def test_alert_that_was_resolved_too_early_is_told_again(place: Place, alerts: Alerting) -> None:
    began = datetime.now(UTC)
    for times in (1, 2):
        # Prometheus names the time after which its alert counts as resolved, and repeats the alert before that.
        alerts.post(began, datetime.now(UTC) + timedelta(seconds=5))
        told(place, *["Trigger"] * times, *["Resolve"] * (times - 1))
        found = told(place, *["Trigger", "Resolve"] * times)
    assert is_one_incident(found)
    assert len({each["spec"]["body"] for each in found if each["spec"]["event"] == "Trigger"}) == 1
    only(place, *["Trigger", "Resolve"] * 2)
