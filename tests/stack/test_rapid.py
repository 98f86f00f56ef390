"""Group rapid: create and delete in quick succession, in the operator's own namespace."""

import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.harness.cluster import Object
from tests.harness.eventually import eventually
from tests.harness.notifications import notification
from tests.harness.operator_under_test import OperatorUnderTest
from tests.harness.readings import Counts, counts, elapsed, latency
from tests.harness.watched import Watched


@pytest.fixture
def prefix(shipped_operator: OperatorUnderTest) -> Iterator[str]:
    """Give a name prefix of one run; the objects of a failed test are deleted."""
    prefix = f"rapid-{uuid.uuid4().hex[:8]}"
    yield prefix
    for name in left(shipped_operator, prefix):
        shipped_operator.cluster.delete(shipped_operator.workload.namespace, name)


def short_notification(operator: OperatorUnderTest, name: str, **spec: Any) -> Object:
    return notification(operator.workload.namespace, name=name, recipients=[{"slack": "#rapid"}], **spec)


def left(operator: OperatorUnderTest, prefix: str) -> list[str]:
    names = [obj["metadata"]["name"] for obj in operator.cluster.all(operator.workload.namespace)]
    return [name for name in names if name.startswith(prefix)]


def nothing_is_left(operator: OperatorUnderTest, prefix: str) -> None:
    eventually(lambda: left(operator, prefix), lambda names: not names, within=10, every=0.5)


def messages(operator: OperatorUnderTest, objects: list[Object]) -> list[int]:
    """Return the number of console messages of each."""
    return [len(operator.console(obj)) for obj in objects]


def sent_events(operator: OperatorUnderTest, objects: list[Object]) -> list[int]:
    """Return the number of audit events about a delivery of each."""
    return [len(operator.audit.events(obj, "sent")) for obj in objects]


def seen(operator: OperatorUnderTest, obj: Object) -> str:
    """Wait until the operator has reconciled it once, and return its phase."""
    stored = eventually(lambda: operator.stored(obj), reconciled_phase)
    assert latency(stored, "processingStartedAt") < 5
    phase: str = stored["status"]["phase"]
    return phase


def reconciled_phase(obj: Object | None) -> bool:
    return obj is not None and obj["status"]["phase"] != "Pending"


@pytest.mark.check("rapid-01")
def test_ten_rounds_of_create_and_delete_deliver_once_and_leave_nothing(
    shipped_operator: OperatorUnderTest, prefix: str
) -> None:
    rounds: list[tuple[Object, str]] = []
    for index in range(10):
        obj = shipped_operator.create(
            short_notification(shipped_operator, f"{prefix}-{index}", priority="medium")
        )
        rounds.append((obj, seen(shipped_operator, obj)))
        shipped_operator.purge(obj)

    nothing_is_left(shipped_operator, prefix)
    objects = [obj for obj, _ in rounds]
    assert eventually(lambda: messages(shipped_operator, objects), all, within=10) == [1] * 10
    sent = [obj for obj, phase in rounds if phase == "Sent"]
    assert eventually(lambda: sent_events(shipped_operator, sent), all, within=10) == [1] * len(sent)
    assert max(sent_events(shipped_operator, objects)) <= 1


@pytest.mark.check("rapid-02")
def test_objects_that_reuse_a_name_are_delivered_independently(
    shipped_operator: OperatorUnderTest, prefix: str
) -> None:
    rounds = []
    for index in range(5):
        obj = short_notification(shipped_operator, prefix, priority="high", subject=f"{prefix} round {index}")
        obj["metadata"]["labels"] = {"cycle": str(index)}
        obj = shipped_operator.create(obj)
        rounds.append(obj)

        shipped_operator.status(obj, "Sent")
        sent = shipped_operator.stored(obj)
        assert counts(sent["status"]) == Counts(delivered=1, failed=0, attempts=1)
        assert latency(sent) < 5

        shipped_operator.purge(obj)
    nothing_is_left(shipped_operator, prefix)
    assert len({obj["metadata"]["uid"] for obj in rounds}) == 5
    assert eventually(lambda: messages(shipped_operator, rounds), all, within=10) == [1] * 5
    headlines = [text.splitlines()[0] for text in shipped_operator.console() if prefix in text]
    assert headlines == [f"[high] [simple] {prefix} round {index}" for index in range(5)]
    assert eventually(lambda: sent_events(shipped_operator, rounds), all, within=10) == [1] * 5


@pytest.mark.check("rapid-03")
def test_twenty_objects_deleted_right_after_creation_cause_no_error(
    shipped_operator: OperatorUnderTest, prefix: str
) -> None:
    started = shipped_operator.metric("process_start_time_seconds")
    objects = []
    for index in range(20):
        objects.append(
            shipped_operator.create(short_notification(shipped_operator, f"{prefix}-{index}", priority="low"))
        )
        shipped_operator.cluster.delete(shipped_operator.workload.namespace, f"{prefix}-{index}")

    after = shipped_operator.create(short_notification(shipped_operator, f"{prefix}-after"))
    assert counts(shipped_operator.status(after, "Sent", within=10)) == Counts(
        delivered=1, failed=0, attempts=1
    )
    assert messages(shipped_operator, [after]) == [1]
    shipped_operator.purge(after)
    nothing_is_left(shipped_operator, prefix)
    assert max(messages(shipped_operator, objects)) <= 1
    assert shipped_operator.metric("process_start_time_seconds") == started
    assert prefix not in shipped_operator.errors()


@pytest.mark.alone
@pytest.mark.check("rapid-04")
def test_twenty_concurrent_creates_and_deletes_all_succeed(
    shipped_operator: OperatorUnderTest, prefix: str
) -> None:
    def pair(index: int, watched: Watched) -> tuple[Object, float]:
        obj = shipped_operator.create(
            short_notification(shipped_operator, f"{prefix}-{index}", priority="medium")
        )
        created = datetime.now(UTC).isoformat()
        state = eventually(lambda: watched.latest(f"{prefix}-{index}"), reconciled_phase, every=0.05)
        shipped_operator.cluster.delete(shipped_operator.workload.namespace, f"{prefix}-{index}")
        assert state is not None
        return obj, elapsed(created, state["status"]["processingStartedAt"])

    # One watch: twenty that poll would load the API server more than the pairs do.
    with (
        shipped_operator.cluster.watch(shipped_operator.workload.namespace) as watched,
        ThreadPoolExecutor(20) as pool,
    ):
        pairs = list(pool.map(pair, range(20), [watched] * 20))

    objects = [obj for obj, _ in pairs]
    assert max(seconds for _, seconds in pairs) < 2
    nothing_is_left(shipped_operator, prefix)
    assert len({obj["metadata"]["uid"] for obj in objects}) == 20
    assert eventually(lambda: messages(shipped_operator, objects), all, within=10) == [1] * 20
