"""Group retry: repeated tries with growing pauses, and none after the first success."""

import time

import pytest

from tests.harness.eventually import eventually, steadily
from tests.harness.notifications import fast, notification
from tests.harness.readings import counts, follow, pauses, phases, tries
from tests.harness.whereabouts import errors
from tests.stack.suite import Suite


@pytest.mark.check("retry-01")
def test_a_channel_that_never_recovers_is_tried_up_to_the_limit_with_growing_pauses(scripted: Suite) -> None:
    obj = notification(scripted.namespace, channels=["console", "file"], recipients=None, retryPolicy=fast(5))
    place = (scripted.namespace, obj["metadata"]["name"])
    scripted.sink.script(*place, "file", {"do": "transient", "text": "disk is full"})
    start = time.monotonic()
    scripted.create(obj)

    scripted.status(obj, "Sending", "Retrying", within=5)
    status = scripted.status(obj, "PartiallySent", within=40)

    assert 13 <= time.monotonic() - start < 40
    assert counts(status) == (1, 1, 6)
    numbers = [entry["attempt"] for entry in status["deliveryAttempts"] if entry["channel"] == "file"]
    assert numbers == [1, 2, 3, 4, 5]
    calls = scripted.sink.calls(*place, "file")
    assert follow(pauses(calls), 1, 2, 4, 8), calls
    assert len(scripted.sink.calls(*place, "console")) == 1
    steadily(lambda: scripted.stored(obj)["status"], lambda seen: seen == status, during=3)
    assert len(scripted.sink.calls(*place)) == 6


@pytest.mark.check("retry-02")
def test_trying_ends_at_the_first_success(scripted: Suite) -> None:
    obj = notification(
        scripted.namespace, channels=["file"], recipients=None, priority="high", retryPolicy=fast(5)
    )
    place = (scripted.namespace, obj["metadata"]["name"])
    failures = [{"do": "transient", "text": text} for text in ("the disk is full", "the disk is read-only")]
    scripted.sink.script(*place, "file", *failures, {"do": "succeed"})
    with scripted.cluster.watch(scripted.namespace) as seen:
        scripted.create(obj)
        status = scripted.status(obj, "Sent", within=10)
        shown = phases(seen(place[1]))

    assert tries(status) == [("file", 1, "failed"), ("file", 2, "failed"), ("file", 3, "success")]
    assert errors(status) == ["the disk is full", "the disk is read-only", ""]
    assert counts(status) == (1, 0, 3)
    assert shown == ["Pending", "Sending", "Sent"]
    calls = steadily(lambda: scripted.sink.calls(*place), lambda made: len(made) == 3, during=3)
    assert follow(pauses(calls), 1, 2), calls


def test_every_try_carries_an_id_of_its_own_to_the_receiver(scripted: Suite) -> None:
    obj = notification(scripted.namespace, channels=["file"], retryPolicy=fast(2))
    place = (scripted.namespace, obj["metadata"]["name"])
    scripted.sink.script(*place, "file", {"do": "transient", "text": "no"}, {"do": "succeed"})
    uid = scripted.create(obj)["metadata"]["uid"]
    calls = eventually(lambda: scripted.sink.calls(*place), lambda made: len(made) == 2, within=10)
    assert [call["id"] for call in calls] == [f"{uid}:file:1", f"{uid}:file:2"]
