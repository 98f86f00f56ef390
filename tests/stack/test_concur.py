"""Group concur: concurrent notifications, one active replica per notification, and a breaker for a receiver that is down."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from http import HTTPStatus
from operator import le

import pytest

from notification_contract.names import LEASE
from tests.harness.breaker_calls import BreakerCalls
from tests.harness.cluster import Object, Pod
from tests.harness.crowd import Crowd, crowd
from tests.harness.eventually import eventually
from tests.harness.footprint import PREFIX
from tests.harness.notifications import fast, policy, slack_notification
from tests.harness.operator_under_test import OperatorUnderTest
from tests.harness.readings import header

SLACK = [{"slack": "http://sink.sinks.svc:8080/slack/shipped"}]
OPEN_SECONDS = 5.0
CLOSED, OPEN = 0, 2
"""The values of the gauge."""
TAKEN_OVER = timedelta(seconds=15)
BOTH = {"console", "slack"}


@pytest.fixture
def batch(shipped_operator: OperatorUnderTest) -> Iterator[Crowd]:
    with crowd(shipped_operator.cluster, shipped_operator.namespace) as created:
        yield created


@pytest.mark.check("concur-01")
def test_ten_concurrent_notifications_reach_slack_once_each(
    shipped_operator: OperatorUnderTest, batch: Crowd
) -> None:
    batch.create(10, threads=10, channels=["slack"], recipients=SLACK)

    sent = batch.all_in("Sent", within=30)

    texts = headers(shipped_operator, batch)
    assert (len(texts), len(set(texts))) == (10, 10)
    assert all(batch.run in text for text in texts)
    assert [obj["status"]["totalAttempts"] for obj in sent] == [1] * 10


@pytest.mark.check("concur-02")
def test_twenty_notifications_in_a_burst_reach_slack_once_each(
    shipped_operator: OperatorUnderTest, batch: Crowd
) -> None:
    batch.create(20, channels=["slack"], recipients=SLACK, priority="low")

    batch.all_in("Sent", within=60)

    texts = headers(shipped_operator, batch)
    assert (len(texts), len(set(texts))) == (20, 20)


@pytest.fixture
def replicated_operator(stoppable_operator: OperatorUnderTest) -> Iterator[OperatorUnderTest]:
    """Give an operator with two replicas."""
    stoppable_operator.workload.scale(2)
    yield stoppable_operator
    stoppable_operator.workload.scale(1)


@pytest.mark.check("concur-03")
@pytest.mark.needs_pod
def test_standby_replica_takes_over_when_the_leader_dies(replicated_operator: OperatorUnderTest) -> None:
    with crowd(replicated_operator.cluster, replicated_operator.namespace) as five:
        replicated_operator.slack.answer(five.run, {"delay": 1})
        five.create(5, threads=5, channels=["slack"], recipients=SLACK, priority="high")
        for obj in five.all_in("Sent", within=30):
            status = obj["status"]
            assert status["completionTime"]
            assert (status["successfulDeliveries"], status["totalAttempts"]) == (1, 1)
        assert len(replicated_operator.slack.hits(five.run)) == 5
    assert sorted(active_pods(replicated_operator).values()) == [0, 1]

    (leader,) = [pod for pod, leads in active_pods(replicated_operator).items() if leads]
    replicated_operator.workload.kill(leader)
    died = datetime.now(UTC)
    orphan = replicated_operator.deliver(slack_notification(replicated_operator.namespace), "Sent")
    assert timedelta() <= leading_since(replicated_operator) - died <= TAKEN_OVER
    assert (orphan["status"]["totalAttempts"], len(replicated_operator.slack.hits(orphan))) == (1, 1)


def leading_since(operator: OperatorUnderTest) -> datetime:
    """Return when the leader has acquired the Lease."""
    path = f"/apis/coordination.k8s.io/v1/namespaces/{operator.workload.namespace}/leases/{LEASE}"
    return datetime.fromisoformat(operator.cluster.request("GET", path)["spec"]["acquireTime"])


def active_pods(operator: OperatorUnderTest) -> dict[Pod, float]:
    """Return for each pod whether it is active."""
    return {pod: operator.metric(f"{PREFIX}leading", pod=pod) for pod in operator.workload.pods}


@pytest.fixture
def closed_breaker_operator(breaker_operator: OperatorUnderTest) -> OperatorUnderTest:
    """Give an operator whose breaker for Slack is closed and has counted no failure."""
    for _ in range(2):  # as many as the breaker has probes, in case it is open
        breaker_operator.deliver(slack_notification(breaker_operator.namespace), "Sent")
    assert circuit(breaker_operator) == CLOSED
    return breaker_operator


@pytest.mark.check("concur-04")
def test_three_consecutive_failures_open_the_breaker(closed_breaker_operator: OperatorUnderTest) -> None:
    breaker_opens_for_the_failing_channel_only()

    with crowd(closed_breaker_operator.cluster, closed_breaker_operator.namespace) as batch:
        third = open_circuit(closed_breaker_operator, batch)
        (late,) = batch.create(1, channels=["console", "slack"], retryPolicy=fast(5))

        attempted = eventually(
            lambda: of_channels(closed_breaker_operator, late), lambda seen: seen.keys() == BOTH
        )
        refused, console = attempted["slack"], attempted["console"]
        assert (refused["status"], refused.get("permanent", False)) == ("failed", False)
        assert "circuit breaker open" in refused["error"]
        assert console["status"] == "success"
        probe = eventually(lambda: successes(closed_breaker_operator, batch), bool, within=10)[0]
        assert probe["at"] - third["at"] >= OPEN_SECONDS
        assert datetime.fromisoformat(console["timestamp"]).timestamp() < probe["at"]
        batch.all_in("Sent", within=30)


@pytest.mark.check("concur-05")
def test_breaker_closes_after_recovery_and_delayed_messages_are_sent(
    closed_breaker_operator: OperatorUnderTest,
) -> None:
    breaker_closes_after_two_successful_probes()
    breaker_reopens_at_the_first_failed_probe()
    breaker_resets_its_count_after_a_success()

    with crowd(closed_breaker_operator.cluster, closed_breaker_operator.namespace) as batch:
        open_circuit(closed_breaker_operator, batch)

        sent = batch.all_in("Sent", within=20)

        assert circuit(closed_breaker_operator) == CLOSED
        assert [obj["status"]["deliveryAttempts"][-1]["status"] for obj in sent] == ["success"] * 3
        assert [hit["code"] for hit in hits(closed_breaker_operator, batch)] == [503] * 3 + [200] * 3


def open_circuit(operator: OperatorUnderTest, batch: Crowd) -> Object:
    """Let three notifications fail, which opens the breaker; return the third failed request. From then on the receiver works.

    No retry comes before the third failure: a success would begin the count again. The receiver works before the first
    probe: if one probe failed and one succeeded, the failures would count in later tests.
    """
    operator.slack.answer(batch.run, {"code": 503, "body": "service_unavailable"})
    batch.create(3, threads=3, channels=["slack"], retryPolicy=policy(5, 5, 1))
    eventually(lambda: answered(operator, batch), partial(le, 3))
    eventually(lambda: circuit(operator), lambda state: state == OPEN, within=1)
    operator.slack.answer(batch.run, {})
    return first_hits(operator, batch)[2]


def of_channels(operator: OperatorUnderTest, obj: Object) -> dict[str, Object]:
    """Return the first attempt on each channel."""
    recorded = operator.stored(obj)["status"].get("deliveryAttempts", ())
    return {each["channel"]: each for each in reversed(recorded)}


def breaker_opens_for_the_failing_channel_only() -> None:
    breaker = BreakerCalls(failures=3, open_seconds=5, probes=2)
    assert breaker.allowed("slack")
    for still_allowed in (True, True, False):
        assert breaker.fail("slack")
        assert breaker.allowed("slack") is still_allowed
    assert not breaker.succeed("slack")
    assert breaker.allowed("console")
    assert breaker.succeed("console")


def breaker_closes_after_two_successful_probes() -> None:
    breaker = open_breaker()
    assert (breaker.state("slack"), breaker.allowed("slack")) == ("open", False)
    breaker.let(0.15)
    assert (breaker.state("slack"), breaker.allowed("slack")) == ("half-open", True)
    assert breaker.at_once("slack", 3) == 2
    assert breaker.succeed("slack")
    assert breaker.state("slack") == "half-open"
    assert breaker.succeed("slack")
    assert (breaker.state("slack"), breaker.at_once("slack", 10)) == ("closed", 10)


def breaker_reopens_at_the_first_failed_probe() -> None:
    breaker = open_breaker()
    breaker.let(0.15)
    assert breaker.fail("slack")
    assert (breaker.state("slack"), breaker.succeed("slack")) == ("open", False)


def breaker_resets_its_count_after_a_success() -> None:
    breaker = BreakerCalls(failures=3, open_seconds=0.1, probes=2)
    for call in (breaker.fail, breaker.fail, breaker.succeed, breaker.fail, breaker.fail):
        assert call("slack")
    assert breaker.state("slack") == "closed"


def open_breaker() -> BreakerCalls:
    breaker = BreakerCalls(failures=3, open_seconds=0.1, probes=2)
    assert breaker.state("slack") == "closed"
    for _ in range(3):
        breaker.fail("slack")
    return breaker


def circuit(operator: OperatorUnderTest) -> float:
    return operator.metric(f"{PREFIX}channel_circuit_breaker_state", channel="slack")


def hits(operator: OperatorUnderTest, batch: Crowd) -> list[Object]:
    """Return the requests of a crowd, oldest first."""
    result: list[Object] = operator.slack.hits(batch.run)
    return result


def successes(operator: OperatorUnderTest, batch: Crowd) -> list[Object]:
    """Return the requests of a crowd that the receiver has accepted, oldest first."""
    return [hit for hit in hits(operator, batch) if hit["code"] == HTTPStatus.OK]


def first_hits(operator: OperatorUnderTest, batch: Crowd) -> list[Object]:
    """Return the first request of each notification of a crowd, oldest first: a retry may come before the next notification."""
    firsts: dict[str, Object] = {}
    for hit in hits(operator, batch):
        firsts.setdefault(header(hit), hit)
    return list(firsts.values())


def answered(operator: OperatorUnderTest, batch: Crowd) -> int:
    """Return how many notifications of a crowd have an answer to their first request."""
    return sum(hit["completed"] for hit in first_hits(operator, batch))


def headers(operator: OperatorUnderTest, batch: Crowd) -> list[str]:
    return [header(hit) for hit in hits(operator, batch)]
