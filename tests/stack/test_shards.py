"""Replicas that share the work: equal shares, fast takeover, and never two owners of a notification."""

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import pairwise
from typing import Any

import pytest

from tests.harness.cluster import Cluster, Object
from tests.harness.crowd import Crowd, crowd
from tests.harness.place import EphemeralStack
from tests.harness.replicas import Replicas, replicas, shard
from tests.harness.sink_client import SlackSink

pytestmark = [pytest.mark.long, pytest.mark.xdist_group("shards")]

TAKEN_OVER = 15.0
"""Seconds after a SIGKILL until the shards are taken over."""
JOINED = 10.0
"""Seconds for a graceful move of a shard."""
SLACK: dict[str, Any] = {"channels": ["slack"], "recipients": [{"slack": "#test"}]}


@pytest.fixture
def place(stack: EphemeralStack, cluster: Cluster) -> Iterator[Replicas]:
    with replicas(stack, cluster) as created:
        yield created


@pytest.fixture
def sink(stack: EphemeralStack, place: Replicas) -> SlackSink:
    return SlackSink(stack.sink, place.name)


@pytest.fixture
def batch(cluster: Cluster, place: Replicas) -> Iterator[Crowd]:
    with crowd(cluster, place.namespace) as created:
        yield created


def test_shards_of_a_killed_replica_are_taken_over_within_15_s(
    place: Replicas, sink: SlackSink, batch: Crowd, record_property: Callable[[str, object], None]
) -> None:
    victim, other = place.start(), place.start()
    place.even(victim, other, within=JOINED)
    share = place.share(victim)
    sink.answer(batch.run, {"delay": 1})
    unfinished = batch.create(40, threads=10, **SLACK)
    assert {shard(obj) in share for obj in unfinished} == {True, False}

    victim.end()
    died = time.time()
    late = batch.create(20, threads=10, **SLACK)
    ended = {obj["metadata"]["uid"]: completed(obj) for obj in batch.all_in("Sent", within=TAKEN_OVER + 15)}

    taken_over = [ended[obj["metadata"]["uid"]] - died for obj in late if shard(obj) in share]
    others = [ended[obj["metadata"]["uid"]] - died for obj in late if shard(obj) not in share]
    record_property("seconds until the share was taken over", (min(taken_over), max(taken_over)))
    record_property("seconds of the other share", max(others))
    assert min(taken_over) <= TAKEN_OVER
    assert max(others) < min(taken_over)
    assert place.shares() == {other.pid: {0, 1, 2, 3}}
    check_every_attempt_is_recorded_and_not_concurrent(batch, sink, killed_at=died)


def test_shards_move_to_joining_and_from_leaving_replicas_without_repeats(
    place: Replicas, sink: SlackSink, batch: Crowd, record_property: Callable[[str, object], None]
) -> None:
    first = place.start()
    place.even(first, within=JOINED)
    sink.answer(batch.run, {"delay": 0.3})
    batch.create(30, threads=10, **SLACK)

    second = place.start()
    began = time.monotonic()
    batch.create(30, threads=4, **SLACK)
    place.even(first, second, within=JOINED)
    joined = time.monotonic() - began
    batch.create(30, threads=10, **SLACK)
    first.stop()
    began = time.monotonic()
    batch.create(10, threads=4, **SLACK)
    place.even(second, within=JOINED)
    record_property("seconds until shares were even", (joined, time.monotonic() - began))

    batch.all_in("Sent", within=30)
    check_every_attempt_is_recorded_and_not_concurrent(batch, sink, killed_at=None)


def completed(obj: Object) -> float:
    """Return when a notification ended, in seconds since the epoch."""
    return datetime.fromisoformat(obj["status"]["completionTime"]).timestamp()


def attempt_id(hit: Object) -> str:
    """Return the attempt id of a request."""
    headers = {name.lower(): value for name, value in hit["headers"].items()}
    return str(headers["idempotency-key"])


def check_every_attempt_is_recorded_and_not_concurrent(
    batch: Crowd, sink: SlackSink, *, killed_at: float | None
) -> None:
    """Compare the sink with the statuses; only an attempt that a kill interrupted is repeated, later, with the same id."""
    recorded = {
        f"{obj['metadata']['uid']}:{attempt['channel']}:{attempt['attempt']}"
        for obj in batch.seen()
        for attempt in obj["status"]["deliveryAttempts"]
    }
    hits: dict[str, list[Object]] = defaultdict(list)
    for hit in sink.hits(batch.run):
        hits[attempt_id(hit)].append(hit)
    assert set(hits) == recorded
    assert len(recorded) == len(batch.seen())
    again = {key: requests for key, requests in hits.items() if len(requests) > 1}
    assert killed_at is not None or not again
    for requests in again.values():
        assert Counter(hit["at"] <= (killed_at or 0) for hit in requests) == {True: 1, False: 1}
        assert all(earlier["ended"] <= later["at"] for earlier, later in pairwise(requests))
