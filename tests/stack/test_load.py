"""Group load: a hundred concurrent notifications in the operator's own namespace."""

from collections.abc import Iterator

import pytest

from notification_operator.endpoints.call_slots import OVERTIME_SECONDS
from tests.harness.crowd import Crowd, crowd
from tests.harness.footprint import MEGABYTE, Footprint, settled, workers_within
from tests.harness.operator_under_test import OperatorUnderTest

pytestmark = pytest.mark.alone

COUNT = 100
POOL = 10
"""Concurrent connections of the Slack channel at most."""


@pytest.fixture
def hundred(shipped_operator: OperatorUnderTest) -> Iterator[Crowd]:
    with crowd(shipped_operator.cluster, shipped_operator.workload.namespace) as created:
        yield created


@pytest.fixture
def before(shipped_operator: OperatorUnderTest) -> Footprint:
    return settled(shipped_operator)


@pytest.mark.check("load-01")
def test_hundred_concurrent_console_notifications_are_printed_once_each(
    shipped_operator: OperatorUnderTest, hundred: Crowd, before: Footprint
) -> None:
    recipients = [{"slack": "#extreme-load"}]
    hundred.create(COUNT, threads=COUNT, channels=["console"], recipients=recipients, priority="high")

    hundred.all_in("Sent", within=30)

    printed = hundred.printed(shipped_operator)
    assert (len(printed), len(set(printed))) == (COUNT, COUNT)
    after = workers_within(shipped_operator, before, more=50, within=15)
    assert after.memory - before.memory < 500 * MEGABYTE


@pytest.mark.check("load-02")
def test_hundred_concurrent_slack_notifications_share_the_connection_pool(
    shipped_operator: OperatorUnderTest, hundred: Crowd, before: Footprint
) -> None:
    def recipients(number: int) -> list[dict[str, str]]:
        return [{"slack": f"#load-test-{number % 10}"}]

    hundred.create(COUNT, threads=COUNT, channels=["slack"], recipients=recipients, priority="critical")

    sent = hundred.all_in("Sent", within=30)

    hits = shipped_operator.slack.hits(hundred.run)
    assert len(hits) == COUNT
    # A call that takes long lends its slot to the next one (DD-FAIR-001).
    lent = sum(
        attempt.get("durationSeconds", 0) >= OVERTIME_SECONDS
        for obj in sent
        for attempt in obj["status"]["deliveryAttempts"]
    )
    assert len({hit["connection"] for hit in hits}) <= POOL + min(lent, POOL)
    workers_within(shipped_operator, before, more=99, within=15)


@pytest.mark.check("load-03")
def test_hundred_on_two_channels_end_sent_or_partially_sent(
    shipped_operator: OperatorUnderTest, hundred: Crowd, before: Footprint
) -> None:
    channels, recipients = ["console", "slack"], [{"slack": "#extreme-mixed"}]
    with crowd(shipped_operator.cluster, shipped_operator.workload.namespace) as refused:
        shipped_operator.slack.answer(refused.run, {"code": 401, "body": "invalid_auth"})
        for run, phase in ((hundred, "Sent"), (refused, "PartiallySent")):
            run.create(COUNT, threads=COUNT, channels=channels, recipients=recipients, priority="critical")
            run.all_in(phase, within=30)
            assert len(shipped_operator.slack.hits(run.run)) == COUNT
            assert len(run.printed(shipped_operator)) == COUNT
    workers_within(shipped_operator, before, more=99, within=15)
