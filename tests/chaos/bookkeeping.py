"""The bookkeeping at the end of a scenario: what the receiver saw against what the statuses record. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.harness.cluster import FINAL

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from tests.chaos.scenario import Allowed


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """A request that reached a receiver."""

    id: str
    """`<uid>:<channel>:<number>`, the same for every repeat."""
    accepted: bool
    """Whether the receiver answered with success, also if the answer was lost on the way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """The result of a scenario. `problems` are sentences; without any, the scenario has passed."""

    objects: int
    hits: int
    recorded: int
    repeats: int
    lost: int
    problems: tuple[str, ...]


def books(objects: Sequence[Mapping[str, Any]], hits: Iterable[Hit], allowed: Allowed) -> Books:
    """Compare the stored notifications with the hits; hits of deleted notifications do not count."""
    uids = {obj["metadata"]["uid"] for obj in objects}
    own = [hit for hit in hits if hit.id.partition(":")[0] in uids]
    seen, accepted = Counter(hit.id for hit in own), {hit.id for hit in own if hit.accepted}
    recorded = {id_: attempt for obj in objects for id_, attempt in attempts(obj)}
    suppressed = {
        obj["metadata"]["uid"]
        for obj in objects
        if allowed.unrecorded and obj["status"]["phase"] == "Suppressed"
    }
    expected = [id_ for id_ in seen if id_.partition(":")[0] not in suppressed]
    losses = [*_not_final(objects), *_not_recorded(expected, recorded), *_not_delivered(recorded, accepted)]
    repeats = sum(seen.values()) - len(seen)
    wrong = [*_repeated(seen, allowed), *_contradicted(seen, accepted, recorded, allowed)]
    return Books(
        objects=len(objects),
        hits=len(own),
        recorded=len(recorded),
        repeats=repeats,
        lost=len(losses),
        problems=(*losses, *wrong, *_twice(recorded)),
    )


def attempts(obj: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the recorded attempts that called a receiver, with their delivery ids."""
    for attempt in obj["status"].get("deliveryAttempts", ()):
        if not attempt.get("circuitOpen"):
            yield f"{obj['metadata']['uid']}:{attempt['channel']}:{attempt['attempt']}", attempt


def _not_final(objects: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    for obj in objects:
        status = obj["status"]
        if status["phase"] not in FINAL:
            yield (
                f"{obj['metadata']['name']} is not final but {status['phase']}, "
                f"after {status.get('totalAttempts', 0)} attempts; {status.get('message', '')}"
            )


def _not_recorded(seen: Iterable[str], recorded: Mapping[str, Any]) -> Iterator[str]:
    for id_ in seen:
        if id_ not in recorded:
            yield f"{id_} reached the receiver and is not recorded"


def _not_delivered(recorded: Mapping[str, Mapping[str, Any]], accepted: set[str]) -> Iterator[str]:
    for id_, attempt in recorded.items():
        if attempt["status"] == "success" and id_ not in accepted:
            yield f"{id_} is recorded as success and was never accepted by the receiver"


def _repeated(seen: Mapping[str, int], allowed: Allowed) -> Iterator[str]:
    for id_, count in seen.items():
        if count > 1 and not allowed.repeats:
            yield f"{id_} reached the receiver {count} times, and nothing in this scenario excuses a repeat"


def _contradicted(
    seen: Mapping[str, int],
    accepted: set[str],
    recorded: Mapping[str, Mapping[str, Any]],
    allowed: Allowed,
) -> Iterator[str]:
    for id_, attempt in recorded.items():
        if attempt["status"] == "success":
            continue
        if id_ in accepted and not allowed.unanswered:
            yield f"{id_} was accepted and is recorded as failed: {attempt.get('error', '')}"
        if id_ not in seen and not allowed.unreached:
            yield f"{id_} is recorded as failed and never reached the receiver: {attempt.get('error', '')}"


def _twice(recorded: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Name the channels with two recorded successes: the second attempt should not have started."""
    successes = Counter(
        id_.rpartition(":")[0] for id_, attempt in recorded.items() if attempt["status"] == "success"
    )
    for channel, count in successes.items():
        if count > 1:
            yield f"{channel} has {count} recorded successes"
