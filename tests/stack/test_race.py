"""The status race on a real API server: the same stale watch and late write, with the naive controller and with this operator."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

import pytest

from tests.harness.cluster import Cluster, Object
from tests.harness.eventually import steadily
from tests.harness.naive_process import Naive, naive_controller
from tests.harness.notifications import fast, slack_notification
from tests.harness.operator_under_test import OperatorUnderTest
from tests.harness.place import EphemeralStack
from tests.harness.readings import Attempt, attempts, succeeded

Controller: TypeAlias = Naive | OperatorUnderTest

LAG = 2.0
"""Delay of each watch event, in seconds."""
TAKES = 1.8
"""Duration of a delivery, in seconds: the time between the events of the writes before and after an attempt."""
HELD = 15.0
"""Delay of a write, in seconds: longer than either controller waits for a response."""
SETTLED = LAG + 2.0
"""Seconds after the last write until all events have arrived."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """The requests at a notification's receiver, and its status."""

    hits: list[Object]
    status: Object


@pytest.fixture
def naive(stack: EphemeralStack, cluster: Cluster) -> Iterator[Naive]:
    """Give a controller that decides on the watch cache and writes each change separately."""
    with naive_controller(stack, cluster) as controller:
        yield controller


def with_a_late_watch(controller: Controller) -> Ending:
    """Deliver with a stale watch."""
    return delivered_late(controller, {"delay": TAKES})


def with_a_late_watch_and_a_retry(controller: Controller) -> Ending:
    """Deliver at the second attempt, with a stale watch."""
    return delivered_late(controller, {"code": 503, "delay": TAKES}, {"delay": TAKES})


def with_a_late_write(controller: Controller) -> Ending:
    """Delay the first write that records the success."""
    obj = slack_notification(controller.namespace, retryPolicy=fast(5))
    controller.proxy.fail(
        verb="update",
        subresource="status",
        name=obj["metadata"]["name"],
        containing='"status":"success"',
        delay=HELD,
    )
    return delivered(controller, obj)


def delivered_late(controller: Controller, *answers: Object) -> Ending:
    obj = slack_notification(controller.namespace, retryPolicy=fast(5))
    controller.slack.answer(obj, *answers)
    with controller.proxy.lag(LAG):
        return delivered(controller, obj)


def delivered(controller: Controller, obj: Object) -> Ending:
    """Deliver, and wait until the last event has arrived."""
    place = (controller.namespace, obj["metadata"]["name"])
    controller.cluster.create(obj)
    controller.cluster.phase(*place, "Sent", within=HELD + 15)
    sent = steadily(
        lambda: controller.cluster.get(*place),
        lambda seen: seen is not None and seen["status"]["phase"] == "Sent",
        during=SETTLED,
    )
    assert sent is not None
    return Ending(hits=controller.slack.hits(obj["spec"]["subject"]), status=sent["status"])


SCHEDULES = {
    "late watch": with_a_late_watch,
    "late watch, with a retry": with_a_late_watch_and_a_retry,
    "late write": with_a_late_write,
}


def test_naive_controller_on_stale_watch_resends_recorded_success(naive: Naive) -> None:
    ending = with_a_late_watch(naive)

    assert attempts(ending.status) == [succeeded("slack", 1)]
    _, again = ending.hits
    assert again["at"] > datetime.fromisoformat(ending.status["completionTime"]).timestamp()


def test_naive_controller_on_stale_watch_loses_an_attempt(naive: Naive) -> None:
    ending = with_a_late_watch_and_a_retry(naive)

    assert ending.status["totalAttempts"] < len(ending.hits)


def test_naive_controller_on_late_write_repeats_an_unrecorded_attempt(naive: Naive) -> None:
    ending = with_a_late_write(naive)

    assert (ending.status["totalAttempts"], len(ending.hits)) == (1, 2)
    assert [hit["code"] for hit in ending.hits] == [200, 200]


@pytest.mark.parametrize("schedule", SCHEDULES.values(), ids=list(SCHEDULES))
def test_operator_under_the_same_schedules_records_every_request(
    proxied_operator: OperatorUnderTest, schedule: Callable[[Controller], Ending]
) -> None:
    ending = schedule(proxied_operator)

    results = ["success" if hit["code"] == 200 else "failed" for hit in ending.hits]
    assert attempts(ending.status) == [
        Attempt("slack", number, result) for number, result in enumerate(results, 1)
    ]
    assert results.index("success") == len(results) - 1
