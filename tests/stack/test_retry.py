"""Group retry: repeated tries with growing pauses, and none after the first success."""

import itertools

import pytest

from tests.stack.suite import Suite
from tests.support.eventually import eventually, steadily
from tests.support.notifications import fast, notification

SCHEDULING = 1.0
"""Seconds that a try may come late on a busy machine; it may never come early."""


def pauses(calls: list[dict[str, float]]) -> list[float]:
    return [later["at"] - earlier["at"] for earlier, later in itertools.pairwise(calls)]


@pytest.mark.check("retry-01")
def test_a_channel_that_never_recovers_is_tried_up_to_the_limit_with_growing_pauses(scripted: Suite) -> None:
    obj = notification(scripted.namespace, channels=["console", "file"], recipients=None, retryPolicy=fast(5))
    name = obj["metadata"]["name"]
    scripted.sink.script(scripted.namespace, name, "file", {"do": "transient", "text": "disk is full"})
    scripted.cluster.create(obj)

    scripted.cluster.phase(scripted.namespace, name, "Sending", "Retrying", within=5)
    status = scripted.cluster.phase(scripted.namespace, name, "PartiallySent", within=40)["status"]

    assert (status["successfulDeliveries"], status["failedDeliveries"], status["totalAttempts"]) == (1, 1, 6)
    numbers = [entry["attempt"] for entry in status["deliveryAttempts"] if entry["channel"] == "file"]
    assert numbers == [1, 2, 3, 4, 5]
    calls = scripted.sink.calls(scripted.namespace, name, "file")
    assert len(calls) == 5
    assert len(scripted.sink.calls(scripted.namespace, name, "console")) == 1
    for measured, nominal in zip(pauses(calls), (1, 2, 4, 8), strict=True):
        least = max(nominal * 0.9, 1.0)
        assert least <= measured <= nominal * 1.1 + SCHEDULING
    steadily(
        lambda: scripted.cluster.get(scripted.namespace, name),
        lambda seen: seen is not None and len(seen["status"]["deliveryAttempts"]) == 6,
        during=3,
    )


@pytest.mark.check("retry-02")
def test_trying_ends_at_the_first_success(scripted: Suite) -> None:
    obj = notification(
        scripted.namespace, channels=["file"], recipients=None, priority="high", retryPolicy=fast(5)
    )
    name = obj["metadata"]["name"]
    failures = [{"do": "transient", "text": text} for text in ("the disk is full", "the disk is read-only")]
    scripted.sink.script(scripted.namespace, name, "file", *failures, {"do": "succeed"})
    with scripted.cluster.watch(scripted.namespace) as seen:
        scripted.cluster.create(obj)
        status = scripted.cluster.phase(scripted.namespace, name, "Sent", within=10)["status"]

    assert [entry["status"] for entry in status["deliveryAttempts"]] == ["failed", "failed", "success"]
    assert [entry["attempt"] for entry in status["deliveryAttempts"]] == [1, 2, 3]
    assert (status["successfulDeliveries"], status["failedDeliveries"]) == (1, 0)
    calls = scripted.sink.calls(scripted.namespace, name)
    first, second = pauses(calls)
    assert 1.0 <= first <= 1.1 + SCHEDULING
    assert 1.8 <= second <= 2.2 + SCHEDULING
    phases = [phase for phase, _ in itertools.groupby(obj["status"]["phase"] for obj in seen(name))]
    assert phases == ["Pending", "Sending", "Sent"]
    steadily(lambda: scripted.sink.calls(scripted.namespace, name), lambda made: len(made) == 3, during=3)


@pytest.mark.check("retry-02")
def test_every_try_carries_an_id_of_its_own_to_the_receiver(scripted: Suite) -> None:
    obj = notification(scripted.namespace, channels=["file"], retryPolicy=fast(2))
    name = obj["metadata"]["name"]
    scripted.sink.script(
        scripted.namespace, name, "file", {"do": "transient", "text": "no"}, {"do": "succeed"}
    )
    uid = scripted.cluster.create(obj)["metadata"]["uid"]
    calls = eventually(
        lambda: scripted.sink.calls(scripted.namespace, name), lambda made: len(made) == 2, within=10
    )
    assert [call["id"] for call in calls] == [f"{uid}:file:1", f"{uid}:file:2"]
