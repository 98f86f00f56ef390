"""Group concur: concurrent notifications, one active replica per notification, and a breaker for a receiver that is down."""

import time
from collections.abc import Iterator
from functools import partial
from operator import le

import pytest

from tests.harness.cluster import Object, Pod
from tests.harness.crowd import Crowd, crowd
from tests.harness.eventually import eventually
from tests.harness.footprint import PREFIX
from tests.harness.line import Line
from tests.harness.notifications import fast, notification, slack_notification
from tests.harness.readings import header
from tests.stack.operator_under_test import OperatorUnderTest

SLACK = [{"slack": "http://sink.sinks.svc:8080/slack/shipped"}]
OPEN_SECONDS = 5.0
CLOSED, OPEN = 0, 2
"""The values of the gauge."""
TAKEN_OVER = 15.0


@pytest.fixture
def some(shipped_operator: OperatorUnderTest) -> Iterator[Crowd]:
    with crowd(shipped_operator.cluster, shipped_operator.namespace) as created:
        yield created


@pytest.mark.check("concur-01")
def test_ten_concurrent_notifications_reach_slack_once_each(
    shipped_operator: OperatorUnderTest, some: Crowd
) -> None:
    some.create(10, threads=10, channels=["slack"], recipients=SLACK)

    sent = some.all_in("Sent", within=30)

    texts = headers(shipped_operator, some)
    assert (len(texts), len(set(texts))) == (10, 10)
    assert all(some.run in text for text in texts)
    assert [obj["status"]["totalAttempts"] for obj in sent] == [1] * 10


@pytest.mark.check("concur-02")
def test_twenty_notifications_in_a_burst_reach_slack_once_each(
    shipped_operator: OperatorUnderTest, some: Crowd
) -> None:
    some.create(20, channels=["slack"], recipients=SLACK, priority="low")

    some.all_in("Sent", within=60)

    texts = headers(shipped_operator, some)
    assert (len(texts), len(set(texts))) == (20, 20)


@pytest.fixture
def two(stoppable_operator: OperatorUnderTest) -> Iterator[OperatorUnderTest]:
    """Give an operator with two replicas."""
    stoppable_operator.workload.scale(2)
    yield stoppable_operator
    stoppable_operator.workload.scale(1)


@pytest.mark.check("concur-03")
@pytest.mark.needs_pod
def test_standby_replica_takes_over_when_the_leader_dies(two: OperatorUnderTest) -> None:
    with crowd(two.cluster, two.namespace) as five:
        two.slack.answer(five.run, {"delay": 1})
        five.create(5, threads=5, channels=["slack"], recipients=SLACK, priority="high")
        for obj in five.all_in("Sent", within=30):
            status = obj["status"]
            assert status["completionTime"]
            assert (status["successfulDeliveries"], status["totalAttempts"]) == (1, 1)
        assert len(two.slack.hits(five.run)) == 5
    assert sorted(leading(two).values()) == [0, 1]

    (leader,) = [pod for pod, leads in leading(two).items() if leads]
    two.workload.kill(leader)
    died = time.monotonic()
    orphan = two.deliver(slack_notification(two.namespace), "Sent")
    assert time.monotonic() - died <= TAKEN_OVER
    assert (orphan["status"]["totalAttempts"], len(two.slack.hits(orphan))) == (1, 1)


def leading(suite: OperatorUnderTest) -> dict[Pod, float]:
    """Return for each pod whether it is active."""
    return {pod: suite.metric(f"{PREFIX}leading", pod=pod) for pod in suite.workload.pods}


@pytest.fixture
def closed(breaker_operator: OperatorUnderTest) -> OperatorUnderTest:
    """Give an operator whose breaker for Slack is closed and has counted no failure."""
    for _ in range(2):  # as many as the breaker has probes, in case it is open
        breaker_operator.deliver(slack_notification(breaker_operator.namespace), "Sent")
    assert circuit(breaker_operator) == CLOSED
    return breaker_operator


@pytest.mark.check("concur-04")
def test_three_consecutive_failures_open_the_breaker(closed: OperatorUnderTest) -> None:
    the_component_opens_for_the_failing_channel_alone()

    with crowd(closed.cluster, closed.namespace) as some:
        closed.slack.answer(some.run, {"code": 503, "body": "service_unavailable"})
        for count in (1, 2, 3):
            some.create(1, channels=["slack"], retryPolicy=fast(5))
            eventually(lambda: answered(closed, some), partial(le, count), within=5, every=0.02)
        eventually(lambda: circuit(closed), lambda state: state == OPEN, within=1)
        open_since = time.time()
        (late,) = some.create(1, channels=["slack"], retryPolicy=fast(5))

        (refused,) = closed.status(late, "Sending", within=3)["deliveryAttempts"]
        assert (refused["status"], refused.get("permanent", False)) == ("failed", False)
        assert "circuit breaker open" in refused["error"]
        closed.deliver(notification(closed.namespace), "Sent", within=5)
        assert circuit(closed) == OPEN
        third = hits(closed, some)[2]
        # A retry of the first two may have been running when the third failure opened the breaker.
        probe = eventually(lambda: begun(closed, some, since=open_since)[:1], bool, within=10)[0]
        assert probe["at"] - third["at"] >= OPEN_SECONDS

        closed.slack.answer(some.run, {})
        some.all_in("Sent", within=30)


@pytest.mark.check("concur-05")
def test_breaker_closes_after_recovery_and_delayed_messages_are_sent(closed: OperatorUnderTest) -> None:
    the_component_closes_after_two_successful_probes()
    the_component_opens_again_at_the_first_failed_probe()
    the_component_counts_anew_after_a_success()

    with crowd(closed.cluster, closed.namespace) as some:
        closed.slack.answer(some.run, *[{"code": 503}] * 3, {})
        some.create(3, threads=3, channels=["slack"], retryPolicy=fast(5))
        eventually(lambda: circuit(closed), lambda state: state == OPEN, within=3)

        sent = some.all_in("Sent", within=20)

        assert circuit(closed) == CLOSED
        assert [obj["status"]["deliveryAttempts"][-1]["status"] for obj in sent] == ["success"] * 3
        assert len(hits(closed, some)) == 6


def the_component_opens_for_the_failing_channel_alone() -> None:
    line = Line(failures=3, open_seconds=5, probes=2)
    assert line.allowed("slack")
    for still_allowed in (True, True, False):
        assert line.fail("slack")
        assert line.allowed("slack") is still_allowed
    assert not line.succeed("slack")
    assert line.allowed("console")
    assert line.succeed("console")


def the_component_closes_after_two_successful_probes() -> None:
    line = failing_line()
    assert (line.state("slack"), line.allowed("slack")) == ("open", False)
    line.let(0.15)
    assert (line.state("slack"), line.allowed("slack")) == ("half-open", True)
    assert line.at_once("slack", 3) == 2
    assert line.succeed("slack")
    assert line.state("slack") == "half-open"
    assert line.succeed("slack")
    assert (line.state("slack"), line.at_once("slack", 10)) == ("closed", 10)


def the_component_opens_again_at_the_first_failed_probe() -> None:
    line = failing_line()
    line.let(0.15)
    assert line.fail("slack")
    assert (line.state("slack"), line.succeed("slack")) == ("open", False)


def the_component_counts_anew_after_a_success() -> None:
    line = Line(failures=3, open_seconds=0.1, probes=2)
    for call in (line.fail, line.fail, line.succeed, line.fail, line.fail):
        assert call("slack")
    assert line.state("slack") == "closed"


def failing_line() -> Line:
    line = Line(failures=3, open_seconds=0.1, probes=2)
    assert line.state("slack") == "closed"
    for _ in range(3):
        line.fail("slack")
    return line


def circuit(suite: OperatorUnderTest) -> float:
    return suite.metric(f"{PREFIX}channel_circuit_breaker_state", channel="slack")


def hits(suite: OperatorUnderTest, some: Crowd) -> list[Object]:
    """Return the requests of a crowd, oldest first."""
    result: list[Object] = suite.slack.hits(some.run)
    return result


def begun(suite: OperatorUnderTest, some: Crowd, *, since: float) -> list[Object]:
    """Return the requests of a crowd that started after a time, in seconds of the shared clock."""
    return [hit for hit in hits(suite, some) if hit["at"] > since]


def answered(suite: OperatorUnderTest, some: Crowd) -> int:
    """Return how many requests of a crowd were answered."""
    return sum(hit["completed"] for hit in hits(suite, some))


def headers(suite: OperatorUnderTest, some: Crowd) -> list[str]:
    return [header(hit) for hit in hits(suite, some)]
