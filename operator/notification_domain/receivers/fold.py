"""The next status of a receiver, from the object just read and from what one replica knows (DD-CATALOG-001).

Each replica writes an entry of its own and recounts the summary of all entries, so the order of the writes does not
matter. Only the owner of the object writes what is decided once: Ready, ResolvedRefs and the result of a test.

Folding twice is folding once: an entry gets a new time only if it says something new.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

from notification_contract.kinds.choices import CircuitState, ConditionStatus
from notification_domain.conditions import Condition, updated
from notification_domain.json_values import EARLIEST_TIME, integer, later, mapping, moment, text
from notification_domain.receivers.declared import Examined, examine
from notification_domain.receivers.health import HEALTHY, UNTESTED, ReadyReason, healthy
from notification_domain.receivers.references import ReferenceReason
from notification_domain.receivers.status import (
    ERROR_CHARACTERS,
    MESSAGE_CHARACTERS,
    MOST_REPLICAS,
    VERSION_CHARACTERS,
    CircuitStatus,
    Observation,
    ReceiverStatus,
    ReplicaStatus,
    latest,
    not_after,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from notification_domain.receivers.health import Health, Readiness
    from notification_domain.receivers.status import LastTest

MAX_AGE: Final = timedelta(minutes=10)
"""An entry that is older belongs to a replica that has ended, or that has nothing new to say."""
READY: Final = "Ready"
RESOLVED_REFS: Final = "ResolvedRefs"

_WORSE: Final = tuple(CircuitState)


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnerFacts:
    """What only the owner of the object writes."""

    home: str
    """The operator's own namespace."""
    types_elsewhere: Sequence[str] | None = None
    """The types that receivers in other namespaces may have; None: all."""
    readiness: Readiness | None = None
    """None while no valid spec was seen."""
    test: LastTest | None = None
    """The result of a test message."""
    excess: str = ""
    """Why it is one receiver too many; empty if it is not."""


def fold(  # noqa: PLR0913 - each fact that the read cannot hold
    obj: Mapping[str, Any],
    *,
    replica: str,
    health: Health,
    waiting: int = 0,
    owner: OwnerFacts | None,
    now: datetime,
) -> ReceiverStatus:
    """Return the next status.

    Args:
        obj: the object as just read.
        replica: the name of this replica.
        health: what the attempts of this replica have shown.
        waiting: messages of this replica that are not delivered yet.
        owner: None where another replica owns the object.
        now: the time.
    """
    status = ReceiverStatus.parse(obj)
    generation = integer(mapping(obj.get("metadata")).get("generation")) or 1
    own = _own_entry(status.replica(replica), entry_of(replica, health, now, waiting=waiting), now)
    if owner is None and own is None:
        return status
    replicas = _merged(status.replicas, own, replica=replica, now=now)
    known = not_after(status.observed.last_attempt, now)
    condition = healthy(
        replicas,
        suspended=mapping(obj.get("spec")).get("suspend") is True,
        before=status.condition(HEALTHY),
        known=known,
    )
    status = replace(status, replicas=replicas, observed=_recounted(status.observed, replicas, now))
    if owner is not None:
        status = _with_owner_facts(status, obj, owner, generation=generation, now=now)
    return _with_condition(status, condition, generation=generation, now=now)


def entry_of(replica: str, health: Health, now: datetime, *, waiting: int = 0) -> ReplicaStatus:
    """Return the entry of a replica that has written none before."""
    return ReplicaStatus(
        name=replica,
        updated=now,
        problem=health.problem[:MESSAGE_CHARACTERS],
        observed=Observation(
            last_success=health.last_success,
            last_attempt=health.last_attempt,
            last_drill=health.last_drill,
            last_error=health.last_error[:ERROR_CHARACTERS],
            waiting=waiting,
            consecutive_failures=health.consecutive_failures,
            circuit=_circuit(health),
        ),
    )


def _circuit(health: Health) -> CircuitStatus | None:
    if health.circuit is None:
        return None
    until = health.circuit_until if health.circuit is CircuitState.OPEN else None
    return CircuitStatus(state=health.circuit, until=until)


def _own_entry(stored: ReplicaStatus | None, entry: ReplicaStatus, now: datetime) -> ReplicaStatus | None:
    """Return the entry of this replica; None if it has nothing to say and has said nothing."""
    if stored is None:
        return None if entry == entry_of(entry.name, UNTESTED, now) else entry
    # A process that was restarted under the same name has forgotten the times.
    observed = replace(
        entry.observed,
        last_success=latest(stored.observed.last_success, entry.observed.last_success),
        last_attempt=latest(stored.observed.last_attempt, entry.observed.last_attempt),
        last_drill=latest(stored.observed.last_drill, entry.observed.last_drill),
    )
    entry = replace(entry, observed=observed, raw=stored.raw)
    unchanged = replace(entry, updated=stored.updated) == stored
    # A count has to be said again before it counts as that of a replica that has ended.
    age = MAX_AGE / 2 if entry.observed.waiting else MAX_AGE
    return stored if unchanged and _lives(stored, now, age) else entry


def _merged(
    stored: Iterable[ReplicaStatus], own: ReplicaStatus | None, *, replica: str, now: datetime
) -> tuple[ReplicaStatus, ...]:
    """Return the entries of the replicas that run, by name."""
    others = [each for each in stored if each.name != replica and _lives(each, now)]
    others.sort(key=lambda each: (each.updated or now, each.name), reverse=True)
    kept = others[: MOST_REPLICAS - 1] + ([] if own is None else [own])
    return tuple(sorted(kept, key=lambda each: each.name))


def outlived_at(status: ReceiverStatus, replica: str) -> datetime | None:
    """Return when the first entry of another replica does not count any more; None if there is none."""
    others = (each.updated for each in status.replicas if each.name != replica)
    first = min((each for each in others if each is not None), default=None)
    return None if first is None else later(first, MAX_AGE.total_seconds())


def _lives(entry: ReplicaStatus, now: datetime, age: timedelta = MAX_AGE) -> bool:
    return entry.updated is not None and abs(now - entry.updated) <= age


def _recounted(before: Observation, replicas: Iterable[ReplicaStatus], now: datetime) -> Observation:
    """Return what all replicas together have observed.

    The times outlive the entries that they come from: a receiver that gets a message per day has a latest success.
    """
    seen = tuple(each.observed for each in replicas)
    successes = (each.last_success for each in seen)
    freshest = max(_attempted(replicas), default=None)
    known = not_after(before.last_attempt, now)
    last_attempt, last_error = known, before.last_error if known else ""
    if freshest is not None and (known is None or freshest[0] >= known):
        last_attempt, _, last_error = freshest
    return Observation(
        last_success=latest(not_after(before.last_success, now), *successes),
        last_attempt=last_attempt,
        last_drill=latest(not_after(before.last_drill, now), *(each.last_drill for each in seen)),
        last_error=last_error,
        waiting=sum(each.waiting for each in seen),
        consecutive_failures=max((each.consecutive_failures for each in seen), default=0),
        circuit=max((each.circuit for each in seen if each.circuit), key=_badness, default=None),
    )


def _attempted(replicas: Iterable[ReplicaStatus]) -> Iterator[tuple[datetime, str, str]]:
    """Yield time, name and error of the latest attempt of each replica."""
    for each in replicas:
        if each.observed.last_attempt is not None:
            yield each.observed.last_attempt, each.name, each.observed.last_error


def _badness(circuit: CircuitStatus) -> tuple[int, datetime]:
    return _WORSE.index(circuit.state), circuit.until or EARLIEST_TIME


def _with_owner_facts(
    status: ReceiverStatus, obj: Mapping[str, Any], owner: OwnerFacts, *, generation: int, now: datetime
) -> ReceiverStatus:
    """Return the status with what the owner decides."""
    namespace = text(mapping(obj.get("metadata")).get("namespace"))
    if owner.excess:
        examined = Examined(problems=(owner.excess,))
    else:
        examined = examine(
            obj.get("spec"), namespace=namespace, home=owner.home, types_elsewhere=owner.types_elsewhere
        )
    # Nothing is said about a spec whose Secrets are being read: this takes moments.
    ready = owner.readiness
    if ready is not None and ready.references is ReferenceReason.PENDING:
        ready = None
    status = replace(status, observed_generation=generation)
    if examined.problems:
        reason = ReadyReason.NOT_ALLOWED if examined.not_allowed else ReadyReason.INVALID
        reason = ReadyReason.TOO_MANY if owner.excess else reason
        refused = _condition(READY, reason, "; ".join(examined.problems), true=False)
        status = _with_condition(status, refused, generation=generation, now=now)
    elif ready is not None and ready.generation == generation:
        reason, message = ready.condition
        condition = _condition(READY, reason, message, true=reason is ReadyReason.ACCEPTED)
        status = _with_condition(status, condition, generation=generation, now=now)
    if ready is not None:
        status = _with_references(status, ready, now=now)
    if owner.test is not None and is_test_due(owner.test.requested_at, status.last_test, now):
        status = replace(status, last_test=owner.test)
    return status


def _with_references(status: ReceiverStatus, ready: Readiness, *, now: datetime) -> ReceiverStatus:
    reason = ready.references
    condition = _condition(RESOLVED_REFS, reason, ready.references_message, true=reason.resolved)
    status = _with_condition(status, condition, generation=ready.generation, now=now)
    version = ready.secret_version
    if len(version) > VERSION_CHARACTERS:
        version = sha256(version.encode()).hexdigest()
    return replace(status, secret_version=version)


def is_test_due(requested_at: str, last: LastTest | None, now: datetime) -> bool:
    """Return whether a request for a test is newer than the latest test.

    A request from a clock that is ahead must not silence the ones that follow it.
    """
    if not requested_at or (last is not None and requested_at == last.requested_at):
        return False
    requested, tested = moment(requested_at), None if last is None else moment(last.requested_at)
    return requested is None or tested is None or requested > tested or tested > now


def _condition(condition_type: str, reason: str, message: str, *, true: bool) -> Condition:
    status = ConditionStatus.TRUE if true else ConditionStatus.FALSE
    return Condition(
        type=condition_type, status=status, reason=str(reason), message=message[:MESSAGE_CHARACTERS]
    )


def _with_condition(
    status: ReceiverStatus, condition: Condition, *, generation: int, now: datetime
) -> ReceiverStatus:
    conditions = updated(status.conditions, [condition], generation=generation, now=now)
    return replace(status, conditions=conditions)
