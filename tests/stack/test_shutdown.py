"""Group shutdown: what runs is finished, nothing new begins, nothing is lost, and the end comes in time."""

from collections import Counter
from collections.abc import Iterator

import pytest

from tests.harness.cluster import FINAL, Object
from tests.harness.eventually import steadily
from tests.harness.notifications import fast, notification, slack_notification
from tests.harness.readings import kinds
from tests.harness.stopping import Stopping
from tests.stack.suite import Suite

pytestmark = pytest.mark.needs_pod

GRACE = 30.0
KILLED = 137
"""The exit code of a process that SIGKILL ended, which the kubelet sends 10 s after the grace time."""


@pytest.fixture(autouse=True)
def _stores_again(fragile: Suite) -> Iterator[None]:
    yield
    fragile.audit.answer()


def stop(suite: Suite) -> Stopping:
    """Have the pod deleted, which sends SIGTERM; a new one stands by at once."""
    return Stopping(suite.cluster, suite.operator.pod, suite.operator.stop)


def stop_for_good(suite: Suite) -> Stopping:
    """Have the pod deleted, and no other one in its place."""
    return Stopping(suite.cluster, suite.operator.pod, lambda: suite.operator.scale(0, wait=False))


@pytest.mark.check("shutdown-01")
def test_a_delivery_under_way_at_the_stop_signal_is_finished_recorded_and_never_repeated(
    fragile: Suite,
) -> None:
    obj = slack_notification(fragile.namespace)
    fragile.slack.answer(obj, {"delay": 3})
    fragile.create(obj)
    fragile.slack.hit(obj)
    # The signal comes one second into a delivery of three.
    steadily(lambda: come_to(fragile, obj)[1], lambda calls: calls == 1, during=1)

    ended = stop(fragile).exit()

    assert ended.code == 0
    assert ended.seconds < GRACE
    status = fragile.stored(obj)["status"]
    assert (status["phase"], status["totalAttempts"]) == ("Sent", 1)
    assert status["completionTime"]
    assert [hit["completed"] for hit in fragile.slack.hits(obj)] == [True]
    fragile.deliver(notification(fragile.namespace), "Sent")
    steadily(lambda: fragile.slack.hits(obj), lambda hits: len(hits) == 1, during=3)


@pytest.mark.check("shutdown-02")
def test_what_comes_after_the_stop_signal_is_left_for_the_next_process(fragile: Suite) -> None:
    slow, late = slack_notification(fragile.namespace), slack_notification(fragile.namespace, priority="low")
    fragile.slack.answer(slow, {"delay": 6})
    fragile.create(slow)
    fragile.slack.hit(slow)
    stopping = stop_for_good(fragile)
    stopping.noticed()

    fragile.create(late)

    untouched = ("Pending", 0)
    steadily(lambda: come_to(fragile, late), lambda seen: seen == untouched, during=2)
    assert stopping.exit().code == 0
    assert come_to(fragile, slow) == ("Sent", 1)
    assert come_to(fragile, late) == untouched
    fragile.operator.scale(1)
    assert fragile.status(late, "Sent", within=15)["totalAttempts"] == 1
    assert come_to(fragile, late) == ("Sent", 1)


@pytest.mark.check("shutdown-03")
def test_audit_events_that_wait_for_a_flush_are_stored_before_the_process_ends(fragile: Suite) -> None:
    at_once: list[Object] = [{}]
    at_the_second_try: list[Object] = [{"code": 503}, {}]
    for answers in (at_once, at_the_second_try):
        fragile.audit.answer(*answers)
        sent = [fragile.deliver(notification(fragile.namespace), "Sent", within=15) for _ in range(5)]
        assert [fragile.audit.events(obj) for obj in sent] == [[]] * 5

        ended = stop(fragile).exit()

        assert ended.code == 0
        for obj in sent:
            assert kinds(fragile.audit.events(obj)) == Counter(sent=1, acknowledged=1)


@pytest.mark.check("shutdown-04")
def test_a_stop_ends_in_time_though_neither_receiver_nor_audit_store_ever_answer(fragile: Suite) -> None:
    obj = slack_notification(fragile.namespace, retryPolicy=fast(5))
    fragile.slack.answer(obj, {"never": True})
    fragile.audit.answer({"never": True})
    fragile.deliver(notification(fragile.namespace), "Sent")  # so that events wait for the audit store
    fragile.create(obj)
    fragile.slack.hit(obj)

    ended = stop_for_good(fragile).exit()

    assert ended.code != KILLED
    assert ended.surely <= GRACE + 2
    status = fragile.stored(obj)["status"]
    assert status["phase"] not in FINAL
    assert status.get("successfulDeliveries", 0) == 0
    fragile.audit.answer()
    fragile.slack.answer(obj, {})
    fragile.operator.scale(1)
    assert fragile.status(obj, "Sent", within=15)["successfulDeliveries"] == 1


def come_to(suite: Suite, obj: Object) -> tuple[str, int]:
    """Return the phase of a notification, and how often its receiver was called."""
    return suite.stored(obj)["status"]["phase"], len(suite.slack.hits(obj))
