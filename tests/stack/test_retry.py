"""Group retry: attempts with growing delays, and none after the first success."""

import time

import pytest

from tests.harness.eventually import eventually, steadily
from tests.harness.notifications import fast, notification
from tests.harness.operator_under_test import OperatorUnderTest
from tests.harness.readings import (
    Counts,
    attempts,
    counts,
    errors,
    failed,
    follow,
    phases,
    planned,
    succeeded,
)


@pytest.mark.check("retry-01")
def test_broken_channel_is_attempted_up_to_the_limit_with_backoff(
    scripted_operator: OperatorUnderTest,
) -> None:
    obj = notification(
        scripted_operator.namespace, channels=["console", "file"], recipients=None, retryPolicy=fast(5)
    )
    place = (scripted_operator.namespace, obj["metadata"]["name"])
    scripted_operator.sink.script(*place, "file", {"do": "transient", "text": "disk is full"})
    start = time.monotonic()
    with scripted_operator.cluster.watch(scripted_operator.namespace) as seen:
        scripted_operator.create(obj)

        scripted_operator.status(obj, "Sending", "Retrying", within=5)
        status = scripted_operator.status(obj, "PartiallySent", within=40)
        states = seen(place[1])

    assert 13 <= time.monotonic() - start < 40
    assert counts(status) == Counts(delivered=1, failed=1, attempts=6)
    numbers = [entry["attempt"] for entry in status["deliveryAttempts"] if entry["channel"] == "file"]
    assert numbers == [1, 2, 3, 4, 5]
    calls = scripted_operator.sink.calls(*place, "file")
    assert follow(planned(states), calls, 1, 2, 4, 8), (planned(states), calls)
    assert len(scripted_operator.sink.calls(*place, "console")) == 1
    steadily(lambda: scripted_operator.stored(obj)["status"], lambda seen: seen == status, during=3)
    assert len(scripted_operator.sink.calls(*place)) == 6


@pytest.mark.check("retry-02")
def test_retries_end_at_the_first_success(scripted_operator: OperatorUnderTest) -> None:
    obj = notification(
        scripted_operator.namespace, channels=["file"], recipients=None, priority="high", retryPolicy=fast(5)
    )
    place = (scripted_operator.namespace, obj["metadata"]["name"])
    failures = [{"do": "transient", "text": text} for text in ("the disk is full", "the disk is read-only")]
    scripted_operator.sink.script(*place, "file", *failures, {"do": "succeed"})
    with scripted_operator.cluster.watch(scripted_operator.namespace) as seen:
        scripted_operator.create(obj)
        status = scripted_operator.status(obj, "Sent", within=10)
        states = seen(place[1])

    assert attempts(status) == [failed("file", 1), failed("file", 2), succeeded("file", 3)]
    assert errors(status) == ["the disk is full", "the disk is read-only", ""]
    assert counts(status) == Counts(delivered=1, failed=0, attempts=3)
    assert phases(states) == ["Pending", "Sending", "Sent"]
    calls = steadily(
        lambda: scripted_operator.sink.calls(*place), lambda calls_made: len(calls_made) == 3, during=3
    )
    assert follow(planned(states), calls, 1, 2), (planned(states), calls)


def test_attempts_carry_their_delivery_id_to_the_receiver(scripted_operator: OperatorUnderTest) -> None:
    obj = notification(scripted_operator.namespace, channels=["file"], retryPolicy=fast(2))
    place = (scripted_operator.namespace, obj["metadata"]["name"])
    scripted_operator.sink.script(*place, "file", {"do": "transient", "text": "no"}, {"do": "succeed"})
    uid = scripted_operator.create(obj)["metadata"]["uid"]
    calls = eventually(
        lambda: scripted_operator.sink.calls(*place), lambda calls_made: len(calls_made) == 2, within=10
    )
    assert [call["id"] for call in calls] == [f"{uid}:file:1", f"{uid}:file:2"]
