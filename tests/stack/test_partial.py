"""Group partial: some channels fail, the others deliver."""

import pytest

from tests.harness.cluster import Object
from tests.harness.eventually import steadily
from tests.harness.notifications import FLAT1, notification
from tests.harness.operator_under_test import OperatorUnderTest
from tests.harness.readings import Counts, attempts, counts, failed, latency, phases, succeeded

CHANNELS = ("console", "log", "file")
BROKEN = {"do": "raise", "exception": "ValueError", "text": "no such folder"}


def three_channels(operator: OperatorUnderTest, *broken: str, priority: str) -> Object:
    """Return a notification for three channels, of which some fail with an unexpected error."""
    obj = notification(
        operator.namespace, channels=list(CHANNELS), recipients=None, priority=priority, retryPolicy=FLAT1
    )
    for channel in broken:
        operator.sink.script(operator.namespace, obj["metadata"]["name"], channel, BROKEN)
    return obj


def calls(operator: OperatorUnderTest, obj: Object) -> list[str]:
    return sorted(
        call["channel"] for call in operator.sink.calls(operator.namespace, obj["metadata"]["name"])
    )


@pytest.mark.check("partial-01")
def test_file_failure_with_two_successes_ends_partially_sent(scripted_operator: OperatorUnderTest) -> None:
    obj = three_channels(scripted_operator, "file", priority="medium")
    with scripted_operator.cluster.watch(scripted_operator.namespace) as seen:
        scripted_operator.create(obj)
        status = scripted_operator.status(obj, "PartiallySent", within=15)
        shown = phases(seen(obj["metadata"]["name"]))

    assert status["reason"] == "PartialDeliverySuccess"
    assert counts(status) == Counts(delivered=2, failed=1, attempts=3)
    (error,) = [entry["error"] for entry in status["deliveryAttempts"] if entry["channel"] == "file"]
    assert error.startswith("permanent failure: ")
    assert "no such folder" in error
    assert calls(scripted_operator, obj) == sorted(CHANNELS)
    assert [phase for phase in shown if phase != "Sending"] == ["Pending", "PartiallySent"]
    steadily(lambda: scripted_operator.stored(obj)["status"], lambda now: now == status, during=1, every=0.2)


@pytest.mark.check("partial-02")
def test_console_failure_does_not_stop_the_channels_after_it(scripted_operator: OperatorUnderTest) -> None:
    obj = three_channels(scripted_operator, "console", priority="low")

    stored = scripted_operator.deliver(obj, "PartiallySent")

    status = stored["status"]
    assert latency(stored) < 5
    assert set(attempts(status)) == {failed("console", 1), succeeded("log", 1), succeeded("file", 1)}
    assert counts(status) == Counts(delivered=2, failed=1, attempts=3)
    assert calls(scripted_operator, obj) == sorted(CHANNELS)


@pytest.mark.check("partial-03")
def test_failure_of_every_channel_ends_failed(scripted_operator: OperatorUnderTest) -> None:
    obj = three_channels(scripted_operator, *CHANNELS, priority="critical")

    stored = scripted_operator.deliver(obj, "Failed")

    status = stored["status"]
    assert latency(stored) < 5
    assert status["reason"] == "AllDeliveriesFailed"
    assert set(attempts(status)) == {failed(channel, 1) for channel in CHANNELS}
    assert counts(status) == Counts(delivered=0, failed=3, attempts=3)
    assert status["completionTime"]
    assert calls(scripted_operator, obj) == sorted(CHANNELS)
