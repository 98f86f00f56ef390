"""Computes figures from batches, statuses and the sink's record. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.bench.arithmetic import latency, pauses, planned_pauses
from tests.bench.figures import Group, Sink

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from tests.bench.api import Object
    from tests.bench.arithmetic import Pauses
    from tests.bench.generator import Batch


def group(batch: Batch) -> Group:
    """Return the figures of a final batch."""
    return Group(
        count=len(batch.created),
        seconds=round(batch.seconds, 2),
        rate=round(len(batch.final) / batch.seconds, 1),
        latency_ms=latency(batch.latencies),
        phases=dict(sorted(batch.phases.items())),
    )


def sink(objects: Iterable[Object], seen: Mapping[int, Sequence[tuple[float, float]]], failing: int) -> Sink:
    """Compare the sink's requests with the statuses; it fails so often before each success."""
    recorded = {number(obj): attempts(obj) for obj in objects if "slack" in obj["spec"]["channels"]}
    requests = {each: len(seen.get(each, ())) for each in recorded}
    return Sink(
        requests=sum(requests.values()),
        recorded=sum(recorded.values()),
        differing=sum(recorded[each] != count for each, count in requests.items()),
        after_success=sum(max(count - failing - 1, 0) for count in requests.values()),
    )


def kept_pauses(
    policy: Mapping[str, int] | None, seen: Mapping[int, Sequence[tuple[float, float]]]
) -> tuple[Pauses, ...]:
    """Compare the sink's requests with a retry policy, if there is one."""
    if policy is None:
        return ()
    planned = planned_pauses(
        policy["maxAttempts"], policy["initialBackoffSeconds"], policy["backoffMultiplier"]
    )
    return pauses(seen.values(), *planned)


def number(obj: Object) -> int:
    """Return the number at the end of a notification's name."""
    return int(obj["metadata"]["name"].rpartition("-")[2])


def attempts(obj: Object) -> int:
    """Return the number of recorded attempts."""
    return len(obj["status"].get("deliveryAttempts", ()))
