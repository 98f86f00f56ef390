"""Group rapid: creating and deleting in quick succession, in the operator's own namespace."""

import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.harness.cluster import Object
from tests.harness.eventually import eventually
from tests.harness.notifications import notification
from tests.harness.readings import counts
from tests.harness.watched import Watched
from tests.stack.suite import Suite


@pytest.fixture
def prefix(served: Suite) -> Iterator[str]:
    """Give the beginning of the names of one run; whatever a test that fails leaves of them is deleted."""
    prefix = f"rapid-{uuid.uuid4().hex[:8]}"
    yield prefix
    for name in left(served, prefix):
        served.cluster.delete(served.operator.namespace, name)


def brief(suite: Suite, name: str, **spec: Any) -> Object:
    return notification(suite.operator.namespace, name=name, recipients=[{"slack": "#rapid"}], **spec)


def left(suite: Suite, prefix: str) -> list[str]:
    names = [obj["metadata"]["name"] for obj in suite.cluster.all(suite.operator.namespace)]
    return [name for name in names if name.startswith(prefix)]


def nothing_is_left(suite: Suite, prefix: str) -> None:
    eventually(lambda: left(suite, prefix), lambda names: not names, within=10, every=0.5)


def messages(suite: Suite, objects: list[Object]) -> list[int]:
    """Return how many console messages there were of each."""
    return [len(suite.console(obj)) for obj in objects]


def sent_events(suite: Suite, objects: list[Object]) -> list[int]:
    """Return how many audit events tell of a delivery of each."""
    return [len(suite.audit.events(obj, "sent")) for obj in objects]


def seen(suite: Suite, obj: Object) -> str:
    """Wait until the operator has picked it up, and return the phase it is in by then."""
    phase: str = eventually(lambda: suite.stored(obj), is_picked_up, within=5)["status"]["phase"]
    return phase


def is_picked_up(obj: Object | None) -> bool:
    return obj is not None and obj["status"]["phase"] != "Pending"


@pytest.mark.check("rapid-01")
def test_ten_rounds_of_create_and_delete_leave_one_message_each_and_no_trace(
    served: Suite, prefix: str
) -> None:
    rounds: list[tuple[Object, str]] = []
    for index in range(10):
        obj = served.create(brief(served, f"{prefix}-{index}", priority="medium"))
        rounds.append((obj, seen(served, obj)))
        served.purge(obj)

    nothing_is_left(served, prefix)
    objects = [obj for obj, _ in rounds]
    assert eventually(lambda: messages(served, objects), all, within=10) == [1] * 10
    sent = [obj for obj, phase in rounds if phase == "Sent"]
    assert eventually(lambda: sent_events(served, sent), all, within=10) == [1] * len(sent)
    assert max(sent_events(served, objects)) <= 1


@pytest.mark.check("rapid-02")
def test_each_of_five_objects_that_reuse_a_name_has_a_life_of_its_own(served: Suite, prefix: str) -> None:
    rounds = []
    for index in range(5):
        obj = brief(served, prefix, priority="high", subject=f"{prefix} round {index}")
        obj["metadata"]["labels"] = {"cycle": str(index)}
        obj = served.create(obj)
        rounds.append(obj)

        assert counts(served.status(obj, "Sent", within=5)) == (1, 0, 1)

        served.purge(obj)
    nothing_is_left(served, prefix)
    assert len({obj["metadata"]["uid"] for obj in rounds}) == 5
    assert eventually(lambda: messages(served, rounds), all, within=10) == [1] * 5
    headlines = [text.splitlines()[0] for text in served.console() if prefix in text]
    assert headlines == [f"[high] [simple] {prefix} round {index}" for index in range(5)]
    assert eventually(lambda: sent_events(served, rounds), all, within=10) == [1] * 5


@pytest.mark.check("rapid-03")
def test_twenty_objects_deleted_right_after_creation_do_no_harm(served: Suite, prefix: str) -> None:
    started = served.metric("process_start_time_seconds")
    objects = []
    for index in range(20):
        objects.append(served.create(brief(served, f"{prefix}-{index}", priority="low")))
        served.cluster.delete(served.operator.namespace, f"{prefix}-{index}")

    after = served.create(brief(served, f"{prefix}-after"))
    assert counts(served.status(after, "Sent", within=10)) == (1, 0, 1)
    assert messages(served, [after]) == [1]
    served.purge(after)
    nothing_is_left(served, prefix)
    assert max(messages(served, objects)) <= 1
    assert served.metric("process_start_time_seconds") == started
    assert prefix not in served.errors()


@pytest.mark.check("rapid-04")
def test_twenty_pairs_of_create_and_delete_side_by_side_all_succeed(served: Suite, prefix: str) -> None:
    def pair(index: int, watched: Watched) -> Object:
        obj = served.create(brief(served, f"{prefix}-{index}", priority="medium"))
        eventually(lambda: watched.latest(f"{prefix}-{index}"), is_picked_up, within=2, every=0.05)
        served.cluster.delete(served.operator.namespace, f"{prefix}-{index}")
        return obj

    # One watch, for twenty that poll would keep the API server busier than the pairs do.
    with served.cluster.watch(served.operator.namespace) as watched, ThreadPoolExecutor(20) as pool:
        objects = list(pool.map(pair, range(20), [watched] * 20))

    nothing_is_left(served, prefix)
    assert len({obj["metadata"]["uid"] for obj in objects}) == 20
    assert eventually(lambda: messages(served, objects), all, within=10) == [1] * 20
