"""Group partial: some channels fail, the others are served all the same."""

import pytest

from tests.harness.cluster import Object
from tests.harness.eventually import steadily
from tests.harness.notifications import FLAT1, notification
from tests.harness.readings import counts, phases, tries
from tests.stack.suite import Suite

CHANNELS = ("console", "log", "file")
BROKEN = {"do": "raise", "exception": "ValueError", "text": "no such folder"}


def three_channels(suite: Suite, *broken: str, priority: str) -> Object:
    """Return a notification for three channels, of which some fail with an error that nobody expected."""
    obj = notification(
        suite.namespace, channels=list(CHANNELS), recipients=None, priority=priority, retryPolicy=FLAT1
    )
    for channel in broken:
        suite.sink.script(suite.namespace, obj["metadata"]["name"], channel, BROKEN)
    return obj


def calls(suite: Suite, obj: Object) -> list[str]:
    return sorted(call["channel"] for call in suite.sink.calls(suite.namespace, obj["metadata"]["name"]))


@pytest.mark.check("partial-01")
def test_file_fails_console_and_log_succeed_and_the_notification_is_partially_sent(scripted: Suite) -> None:
    obj = three_channels(scripted, "file", priority="medium")
    with scripted.cluster.watch(scripted.namespace) as seen:
        scripted.create(obj)
        status = scripted.status(obj, "PartiallySent", within=15)
        shown = phases(seen(obj["metadata"]["name"]))

    assert status["reason"] == "PartialDeliverySuccess"
    assert counts(status) == (2, 1, 3)
    (error,) = [entry["error"] for entry in status["deliveryAttempts"] if entry["channel"] == "file"]
    assert error.startswith("permanent failure: ")
    assert "no such folder" in error
    assert calls(scripted, obj) == sorted(CHANNELS)
    assert [phase for phase in shown if phase != "Sending"] == ["Pending", "PartiallySent"]
    steadily(lambda: scripted.stored(obj)["status"], lambda now: now == status, during=1, every=0.2)


@pytest.mark.check("partial-02")
def test_console_fails_and_log_and_file_after_it_are_served_all_the_same(scripted: Suite) -> None:
    obj = three_channels(scripted, "console", priority="low")
    scripted.create(obj)

    status = scripted.status(obj, "PartiallySent", within=5)

    assert set(tries(status)) == {("console", 1, "failed"), ("log", 1, "success"), ("file", 1, "success")}
    assert counts(status) == (2, 1, 3)
    assert calls(scripted, obj) == sorted(CHANNELS)


@pytest.mark.check("partial-03")
def test_every_channel_fails_and_the_notification_is_failed_not_partially_sent(scripted: Suite) -> None:
    obj = three_channels(scripted, *CHANNELS, priority="critical")
    scripted.create(obj)

    status = scripted.status(obj, "Failed", within=5)

    assert status["reason"] == "AllDeliveriesFailed"
    assert set(tries(status)) == {(channel, 1, "failed") for channel in CHANNELS}
    assert counts(status) == (0, 3, 3)
    assert status["completionTime"]
    assert calls(scripted, obj) == sorted(CHANNELS)
