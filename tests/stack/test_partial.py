"""Group partial: some channels fail, the others are served all the same."""

import pytest

from tests.stack.suite import Suite
from tests.support.eventually import steadily
from tests.support.notifications import FLAT1, notification


@pytest.mark.check("partial-01")
def test_file_fails_console_and_log_succeed_and_the_notification_is_partially_sent(scripted: Suite) -> None:
    channels = ["console", "log", "file"]
    obj = notification(scripted.namespace, channels=channels, recipients=None, retryPolicy=FLAT1)
    name = obj["metadata"]["name"]
    broken = {"do": "raise", "exception": "ValueError", "text": "no such folder"}
    scripted.sink.script(scripted.namespace, name, "file", broken)
    scripted.cluster.create(obj)

    status = scripted.cluster.phase(scripted.namespace, name, "PartiallySent", within=15)["status"]

    assert (status["reason"], status["totalAttempts"]) == ("PartialDeliverySuccess", 3)
    assert (status["successfulDeliveries"], status["failedDeliveries"]) == (2, 1)
    failed = [entry for entry in status["deliveryAttempts"] if entry["status"] == "failed"]
    assert [entry["channel"] for entry in failed] == ["file"]
    assert failed[0]["error"].startswith("permanent failure: ")
    assert "no such folder" in failed[0]["error"]
    for channel in channels:
        assert len(scripted.sink.calls(scripted.namespace, name, channel)) == 1
    steadily(
        lambda: scripted.cluster.get(scripted.namespace, name),
        lambda seen: seen is not None and seen["status"] == status,
        during=1,
    )
