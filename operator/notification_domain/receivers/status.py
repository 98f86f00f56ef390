"""`status` of a NotificationReceiver, typed: the only module that knows its keys.

`ReceiverStatus.parse` and `ReceiverStatus.dump` are inverse. What other writers add survives, and a status that nothing
changed is dumped as it was read, so that it causes no write. Whatever another writer has put into a status, it can be
read: a value that makes no sense is ignored, a number out of bounds is clamped.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from notification_contract.kinds.choices import CircuitState, ReceiverTestOutcome
from notification_domain.conditions import Condition, dump_conditions, dump_time, parse_conditions
from notification_domain.json_values import entries, integer, mapping, moment, text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

ERROR_CHARACTERS: Final = 512
VERSION_CHARACTERS: Final = 512
MESSAGE_CHARACTERS: Final = 1024
"""The longest message of a condition, of a test, and of a problem."""
REQUESTED_AT_CHARACTERS: Final = 64
REPLICA_CHARACTERS: Final = 253
MOST_REPLICAS: Final = 32
MOST_COUNTED: Final = 2**31 - 1
LAST_DRILL: Final = "lastDrillTime"
LAST_SUCCESS: Final = "lastSuccessTime"


@dataclass(frozen=True, slots=True, kw_only=True)
class CircuitStatus:
    """The circuit breaker; `until` is the time of the next probe."""

    state: CircuitState
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What attempts have shown: of one replica, or of all of them."""

    last_success: datetime | None = None
    last_attempt: datetime | None = None
    last_drill: datetime | None = None
    """When the latest message of a drill was delivered."""
    last_error: str = ""
    waiting: int = 0
    """Messages that are not delivered yet."""
    consecutive_failures: int = 0
    circuit: CircuitStatus | None = None


NOTHING_OBSERVED: Final = Observation()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicaStatus:
    """The entry of one replica, which only this replica writes."""

    name: str
    updated: datetime | None
    """When the replica wrote the entry; None in an entry that no replica has written."""
    observed: Observation = NOTHING_OBSERVED
    problem: str = ""
    """Why the receiver accepts no message from this replica, as a reason of the condition Healthy."""
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiverTestResult:
    """The result of a test message; the message is redacted."""

    outcome: ReceiverTestOutcome
    message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LastTest:
    """The latest test message."""

    requested_at: str
    """The value of the annotation that asked for it."""
    outcome: ReceiverTestOutcome
    message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiverStatus:
    """A status as read, or the next one."""

    observed_generation: int | None = None
    conditions: tuple[Condition, ...] = ()
    observed: Observation = NOTHING_OBSERVED
    """What all replicas together have observed."""
    secret_version: str = ""
    last_test: LastTest | None = None
    replicas: tuple[ReplicaStatus, ...] = ()
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)
    """The JSON that this status is based on, with the fields of other writers."""

    @classmethod
    def parse(cls, obj: Mapping[str, Any]) -> ReceiverStatus:
        """Read the status of an object; never fails."""
        return _parse(mapping(obj.get("status")))

    def dump(self) -> dict[str, Any]:
        if self == _parse(self.raw):
            return dict(self.raw)
        status = dict(self.raw)
        _put(status, "observedGeneration", self.observed_generation)
        status["conditions"] = dump_conditions(self.conditions, self.raw.get("conditions"))
        _put_observation(status, self.observed, self.raw)
        _put(status, "secretVersion", self.secret_version or None)
        _put(status, "lastTest", self.last_test and _dump_test(self.last_test))
        _put(status, "replicas", [_dump_replica(each) for each in self.replicas] or None)
        return status

    def condition(self, condition_type: str) -> Condition | None:
        return next((each for each in self.conditions if each.type == condition_type), None)

    def replica(self, name: str) -> ReplicaStatus | None:
        return next((each for each in self.replicas if each.name == name), None)


def latest(*times: datetime | None) -> datetime | None:
    return max((time for time in times if time is not None), default=None)


def not_after(time: datetime | None, now: datetime) -> datetime | None:
    """Return a time of the past; None for one that a clock which is ahead, or another writer, has written."""
    return None if time is None or time > now else time


def stored_drill(obj: Mapping[str, Any]) -> datetime | None:
    """Return when the latest message of a drill was delivered, as the status of an object has it."""
    return moment(mapping(obj.get("status")).get(LAST_DRILL))


def stored_success(obj: Mapping[str, Any]) -> datetime | None:
    """Return when any replica last delivered a message, as the status of an object has it."""
    return moment(mapping(obj.get("status")).get(LAST_SUCCESS))


_CIRCUITS: Final = frozenset(CircuitState)
_OUTCOMES: Final = frozenset(ReceiverTestOutcome)


def _parse(raw: Mapping[str, Any]) -> ReceiverStatus:
    replicas = {each.name: each for each in map(_parse_replica, entries(raw.get("replicas"))) if each.name}
    return ReceiverStatus(
        observed_generation=integer(raw.get("observedGeneration")),
        conditions=parse_conditions(raw.get("conditions")),
        observed=_parse_observation(raw),
        secret_version=text(raw.get("secretVersion"))[:VERSION_CHARACTERS],
        last_test=_parse_test(raw.get("lastTest")),
        replicas=tuple(replicas.values()),
        raw=raw,
    )


def _parse_observation(entry: Mapping[str, Any]) -> Observation:
    failures, waiting = (integer(entry.get(key)) or 0 for key in ("consecutiveFailures", "waiting"))
    return Observation(
        last_success=moment(entry.get(LAST_SUCCESS)),
        last_attempt=moment(entry.get("lastAttemptTime")),
        last_drill=moment(entry.get(LAST_DRILL)),
        last_error=text(entry.get("lastError"))[:ERROR_CHARACTERS],
        waiting=min(max(waiting, 0), MOST_COUNTED),
        consecutive_failures=min(max(failures, 0), MOST_COUNTED),
        circuit=_parse_circuit(entry.get("circuit")),
    )


def _parse_circuit(value: object) -> CircuitStatus | None:
    entry = mapping(value)
    state = text(entry.get("state"))
    if state not in _CIRCUITS:
        return None
    return CircuitStatus(state=CircuitState(state), until=moment(entry.get("until")))


def _parse_replica(value: object) -> ReplicaStatus:
    """Return an entry; its name is empty where it has none."""
    entry = mapping(value)
    return ReplicaStatus(
        name=text(entry.get("name"))[:REPLICA_CHARACTERS],
        updated=moment(entry.get("updated")),
        observed=_parse_observation(entry),
        problem=text(entry.get("problem"))[:MESSAGE_CHARACTERS],
        raw=entry,
    )


def _parse_test(value: object) -> LastTest | None:
    entry = mapping(value)
    requested_at, outcome = text(entry.get("requestedAt")), text(entry.get("outcome"))
    if not requested_at or outcome not in _OUTCOMES:
        return None
    return LastTest(
        requested_at=requested_at[:REQUESTED_AT_CHARACTERS],
        outcome=ReceiverTestOutcome(outcome),
        message=text(entry.get("message"))[:MESSAGE_CHARACTERS],
    )


def _put(status: dict[str, Any], key: str, value: object) -> None:
    """Set a key; remove it for None."""
    if value is None:
        status.pop(key, None)
    else:
        status[key] = value


def _put_observation(status: dict[str, Any], observed: Observation, read: Mapping[str, Any]) -> None:
    """Set the keys of an observation.

    Args:
        status: the status or entry to write.
        observed: what is written.
        read: the same as it was read, whose texts of unchanged times stay.
    """
    for key, time in (
        (LAST_SUCCESS, observed.last_success),
        ("lastAttemptTime", observed.last_attempt),
        (LAST_DRILL, observed.last_drill),
    ):
        _put(status, key, time and dump_time(time, read.get(key)))
    _put(status, "lastError", observed.last_error or None)
    status["waiting"] = observed.waiting
    status["consecutiveFailures"] = observed.consecutive_failures
    _put(
        status, "circuit", observed.circuit and _dump_circuit(observed.circuit, mapping(read.get("circuit")))
    )


def _dump_circuit(circuit: CircuitStatus, read: Mapping[str, Any]) -> dict[str, Any]:
    entry: dict[str, Any] = {"state": circuit.state.value}
    if circuit.until is not None:
        entry["until"] = dump_time(circuit.until, read.get("until"))
    return entry


def _dump_replica(replica: ReplicaStatus) -> dict[str, Any]:
    """Return the JSON of an entry; one of another replica stays as it was read."""
    if _parse_replica(replica.raw) == replica:
        return dict(replica.raw)
    entry = {**replica.raw, "name": replica.name}
    _put(entry, "updated", replica.updated and dump_time(replica.updated, replica.raw.get("updated")))
    _put_observation(entry, replica.observed, replica.raw)
    _put(entry, "problem", replica.problem or None)
    return entry


def _dump_test(test: LastTest) -> dict[str, Any]:
    entry = {"requestedAt": test.requested_at, "outcome": test.outcome.value}
    return entry | ({"message": test.message} if test.message else {})
