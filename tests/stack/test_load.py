"""Group load: a hundred at once, in the operator's own namespace; nothing fails, nothing is left behind."""

from collections.abc import Iterator

import pytest

from tests.harness.crowd import Crowd, crowd
from tests.harness.footprint import MEGABYTE, Footprint, settled, workers_within
from tests.stack.suite import Suite

pytestmark = pytest.mark.alone

COUNT = 100
POOL = 10
"""Connections that the Slack channel may open at the same time."""


@pytest.fixture
def hundred(served: Suite) -> Iterator[Crowd]:
    with crowd(served.cluster, served.operator.namespace) as made:
        yield made


@pytest.fixture
def before(served: Suite) -> Footprint:
    return settled(served)


@pytest.mark.check("load-01")
def test_a_hundred_on_the_console_at_once_are_each_printed_once(
    served: Suite, hundred: Crowd, before: Footprint
) -> None:
    recipients = [{"slack": "#extreme-load"}]
    hundred.create(COUNT, threads=COUNT, channels=["console"], recipients=recipients, priority="high")

    hundred.all_in("Sent", within=30)

    printed = hundred.printed(served)
    assert (len(printed), len(set(printed))) == (COUNT, COUNT)
    after = workers_within(served, before, more=50, within=15)
    assert after.memory - before.memory < 500 * MEGABYTE


@pytest.mark.check("load-02")
def test_a_hundred_to_slack_at_once_share_the_connections_of_the_pool(
    served: Suite, hundred: Crowd, before: Footprint
) -> None:
    def recipients(number: int) -> list[dict[str, str]]:
        return [{"slack": f"#load-test-{number % 10}"}]

    hundred.create(COUNT, threads=COUNT, channels=["slack"], recipients=recipients, priority="critical")

    hundred.all_in("Sent", within=30)

    hits = served.slack.hits(hundred.run)
    assert len(hits) == COUNT
    assert len({hit["connection"] for hit in hits}) <= POOL
    workers_within(served, before, more=99, within=15)


@pytest.mark.check("load-03")
def test_a_hundred_on_two_channels_are_sent_or_partially_sent_when_one_of_them_refuses(
    served: Suite, hundred: Crowd, before: Footprint
) -> None:
    channels, recipients = ["console", "slack"], [{"slack": "#extreme-mixed"}]
    with crowd(served.cluster, served.operator.namespace) as refused:
        served.slack.answer(refused.run, {"code": 401, "body": "invalid_auth"})
        for run, phase in ((hundred, "Sent"), (refused, "PartiallySent")):
            run.create(COUNT, threads=COUNT, channels=channels, recipients=recipients, priority="critical")
            run.all_in(phase, within=30)
            assert len(served.slack.hits(run.run)) == COUNT
            assert len(run.printed(served)) == COUNT
    workers_within(served, before, more=99, within=15)
