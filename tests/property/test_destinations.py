"""One receiver and all notifications that need it: the bars of DD-BREAKER-002, DD-BREAKER-003 and DD-DESTINATION-001, in simulated time."""

from functools import partial

import pytest

from notification_operator.endpoints.gate import ASK_SECONDS
from notification_operator.endpoints.waiting_line import STALE_SECONDS
from tests.cases import load, some
from tests.simulation import load_scenarios as scenarios
from tests.simulation.load import simulate

PROBES = 5
"""Reads of notifications whose probe was rejected, of all together."""


@pytest.mark.parametrize("away", some([60.0, 97.0, 600.0]))
def test_waiting_notifications_are_delivered_soon_after_an_outage(away: float) -> None:
    count = load(500)
    figures = simulate(partial(scenarios.outage, away=away, count=count))
    assert (figures["sent"], figures["delivered 15 s after"]) == (count, count)
    assert figures["requests while away"] <= 30 + away / 3
    assert figures["reads"] <= 3 * count
    assert figures["writes"] <= 3 * count


@pytest.mark.parametrize("away", some([63.0, 600.0]))
def test_notifications_that_probed_in_vain_are_delivered_soon_too(away: float) -> None:
    count = load(1000)
    figures = simulate(partial(scenarios.outage, away=away, count=count, retry={}, **scenarios.UNLIMITED))
    assert (figures["sent"], figures["delivered 15 s after"]) == (count, count)


def test_wait_for_the_rate_after_an_outage_costs_no_read() -> None:
    figures = simulate(partial(scenarios.outage, away=63.0, count=800, retry={}))
    assert figures["last delivery after return, s"] > 60, "the shipped rate of Slack is longer"
    assert figures["reads"] <= 3 * 800


def test_receiver_that_fails_half_of_all_requests_gets_every_message() -> None:
    figures = simulate(partial(scenarios.half_failing, seconds=load(120)))
    assert figures["exhausted early"] == 0
    assert figures["finished after, s"] <= 30
    assert figures["requests"] == figures["recorded"]


def test_messages_that_fail_twice_each_are_all_delivered_and_recorded() -> None:
    count = load(50)
    figures = simulate(partial(scenarios.twice_unavailable, count=count))
    assert (figures["sent"], figures["requests"], figures["recorded"]) == (count, 3 * count, 3 * count)
    assert figures["seconds"] <= 12
    assert figures["reads"] <= 5 * count + PROBES
    assert figures["writes"] <= 5 * count


def test_poisonous_message_delays_no_other() -> None:
    figures = simulate(partial(scenarios.poisonous, seconds=load(60)))
    assert figures["sent"] == figures["created"]
    assert figures["p99, s"] <= 1


def test_pause_of_a_receiver_holds_every_notification_until_its_end() -> None:
    figures = simulate(scenarios.paused)
    assert figures["sent"] == 60
    assert figures["requests during the pause"] <= 10, "the ones that were running when it began"
    assert figures["delivery of the quiet namespace after the pause, s"] <= 3


def test_events_of_an_incident_are_read_once_while_their_receiver_pauses() -> None:
    figures = simulate(scenarios.flapping)
    assert figures["final"] == 60
    assert figures["reads during the pause"] <= 60 + 1, "one listing of the incident, or one late event"
    assert figures["longest of the quiet namespace, s"] <= 0.5


def test_rate_of_a_destination_is_shared_by_namespaces_and_uses_no_attempt() -> None:
    figures = simulate(scenarios.limited)
    assert figures["requests in the first minute"] <= 65
    assert figures["delay of the other namespace, s"] <= 3
    assert figures["attempts"] == 101
    assert figures["reads"] <= 3 * 101


@pytest.mark.parametrize(("tenants", "body"), some([(3, 60_000), (1, 300)]))
def test_slow_receivers_of_other_namespaces_delay_no_attempt(tenants: int, body: int) -> None:
    figures = simulate(partial(scenarios.slow_tenants, tenants=tenants, count=load(4_000), body=body))
    assert figures["waiting"] > 0, "the slow receivers have more messages than room"
    assert figures["started"] == 8
    assert figures["last start after, s"] <= 1


def test_messages_that_ended_while_they_waited_for_the_rate_delay_no_other() -> None:
    count = load(600)
    figures = simulate(partial(scenarios.ended, count=count))
    assert figures["waiting before"] >= count - 75
    assert figures["delay of the last one, s"] <= 2 * (ASK_SECONDS + STALE_SECONDS)


def test_critical_message_is_sent_before_low_ones_that_wait_for_the_rate() -> None:
    count = load(600)
    figures = simulate(partial(scenarios.ranked, count=count))
    assert figures["waiting before"] >= count - 75
    assert figures["delay of the critical one, s"] <= 2
    assert figures["sent"] == count
    assert figures["reads"] <= 3 * (count + 1)
