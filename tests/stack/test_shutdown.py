"""Group shutdown: running work is finished, nothing new starts, nothing is lost, and the process ends in time."""

from collections import Counter
from collections.abc import Iterator

import pytest

from tests.harness.cluster import FINAL, Object
from tests.harness.eventually import steadily
from tests.harness.notifications import fast, notification, slack_notification
from tests.harness.operator_under_test import OperatorUnderTest
from tests.harness.readings import kinds
from tests.harness.stopping import Stopping

pytestmark = pytest.mark.needs_pod

GRACE = 30.0
KILLED = 137
"""The exit code after SIGKILL, which the kubelet sends 10 s after the grace time."""


@pytest.fixture(autouse=True)
def _restore_audit_store(stoppable_operator: OperatorUnderTest) -> Iterator[None]:
    yield
    stoppable_operator.audit.answer()


def stop(operator: OperatorUnderTest) -> Stopping:
    """Delete the pod, which sends SIGTERM; a replacement starts immediately."""
    return Stopping(operator.cluster, operator.workload.pod, operator.workload.stop)


def stop_without_replacement(operator: OperatorUnderTest) -> Stopping:
    """Delete the pod without a replacement."""
    return Stopping(operator.cluster, operator.workload.pod, lambda: operator.workload.scale(0, wait=False))


@pytest.mark.check("shutdown-01")
def test_running_delivery_at_sigterm_finishes_and_is_not_repeated(
    stoppable_operator: OperatorUnderTest,
) -> None:
    obj = slack_notification(stoppable_operator.namespace)
    stoppable_operator.slack.answer(obj, {"held": True})
    stoppable_operator.create(obj)
    stoppable_operator.slack.hit(obj)
    stopping = stop(stoppable_operator)
    stopping.noticed()

    stoppable_operator.slack.answer(obj)
    ended = stopping.exit()

    assert ended.code == 0
    assert ended.seconds < GRACE
    status = stoppable_operator.stored(obj)["status"]
    assert (status["phase"], status["totalAttempts"]) == ("Sent", 1)
    assert status["completionTime"]
    assert [hit["completed"] for hit in stoppable_operator.slack.hits(obj)] == [True]
    stoppable_operator.deliver(notification(stoppable_operator.namespace), "Sent")
    steadily(lambda: stoppable_operator.slack.hits(obj), lambda hits: len(hits) == 1, during=3)


@pytest.mark.check("shutdown-02")
def test_notification_after_sigterm_is_left_to_the_next_process(
    stoppable_operator: OperatorUnderTest,
) -> None:
    slow, late = (
        slack_notification(stoppable_operator.namespace),
        slack_notification(stoppable_operator.namespace, priority="low"),
    )
    stoppable_operator.slack.answer(slow, {"held": True})
    stoppable_operator.create(slow)
    stoppable_operator.slack.hit(slow)
    stopping = stop_without_replacement(stoppable_operator)
    stopping.noticed()

    stoppable_operator.create(late)

    untouched = ("Pending", 0)
    steadily(lambda: phase_and_calls(stoppable_operator, late), lambda seen: seen == untouched, during=2)
    stoppable_operator.slack.answer(slow)
    assert stopping.exit().code == 0
    assert phase_and_calls(stoppable_operator, slow) == ("Sent", 1)
    assert phase_and_calls(stoppable_operator, late) == untouched
    stoppable_operator.workload.scale(1)
    assert stoppable_operator.status(late, "Sent", within=15)["totalAttempts"] == 1
    assert phase_and_calls(stoppable_operator, late) == ("Sent", 1)


@pytest.mark.check("shutdown-03")
def test_buffered_audit_events_are_flushed_before_exit(stoppable_operator: OperatorUnderTest) -> None:
    at_once: list[Object] = [{}]
    at_second_attempt: list[Object] = [{"code": 503}, {}]
    for answers in (at_once, at_second_attempt):
        stoppable_operator.workload.ready()
        stoppable_operator.audit.answer(*answers)
        sent = [
            stoppable_operator.deliver(notification(stoppable_operator.namespace), "Sent", within=15)
            for _ in range(5)
        ]
        assert [stoppable_operator.audit.events(obj) for obj in sent] == [[]] * 5

        ended = stop(stoppable_operator).exit()

        assert ended.code == 0
        for obj in sent:
            assert kinds(stoppable_operator.audit.events(obj)) == Counter(sent=1, acknowledged=1)


@pytest.mark.check("shutdown-04")
def test_shutdown_ends_in_time_with_unresponsive_receiver_and_audit_store(
    stoppable_operator: OperatorUnderTest,
) -> None:
    obj = slack_notification(stoppable_operator.namespace, retryPolicy=fast(5))
    stoppable_operator.slack.answer(obj, {"never": True})
    stoppable_operator.audit.answer({"never": True})
    stoppable_operator.deliver(
        notification(stoppable_operator.namespace), "Sent"
    )  # so that audit events stay buffered
    stoppable_operator.create(obj)
    stoppable_operator.slack.hit(obj)

    ended = stop_without_replacement(stoppable_operator).exit()

    assert ended.code != KILLED
    assert ended.surely <= GRACE + 2
    status = stoppable_operator.stored(obj)["status"]
    assert status["phase"] not in FINAL
    assert status.get("successfulDeliveries", 0) == 0
    stoppable_operator.audit.answer()
    stoppable_operator.slack.answer(obj, {})
    stoppable_operator.workload.scale(1)
    assert stoppable_operator.status(obj, "Sent", within=15)["successfulDeliveries"] == 1


def phase_and_calls(operator: OperatorUnderTest, obj: Object) -> tuple[str, int]:
    """Return the phase of a notification, and the number of calls of its receiver."""
    return operator.stored(obj)["status"]["phase"], len(operator.slack.hits(obj))
