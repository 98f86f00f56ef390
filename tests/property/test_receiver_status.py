"""The status of a receiver: replicas write in any order and as often as they like, on whatever anybody has written."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from hypothesis import given
from hypothesis import strategies as st

from notification_contract.crds import notification_receiver
from notification_contract.kinds.choices import CircuitState, ReceiverTestOutcome
from notification_domain.receivers.fold import MAX_AGE, OwnerFacts, fold
from notification_domain.receivers.health import UNTESTED, Health, Readiness, ReadyReason
from notification_domain.receivers.references import ReferenceReason
from notification_domain.receivers.status import LastTest, ReceiverStatus
from tests.harness.schema import violations
from tests.unit.operator.domain.builders import at
from tests.unit.operator.domain.receivers.builders import (
    HOME,
    INVALID,
    RESTRICTED,
    SLACK,
    stored_receiver,
)

if TYPE_CHECKING:
    from datetime import datetime

NOW = 500.0
REPLICAS = ("a", "b", "c")

times = st.none() | st.integers(0, 400).map(at)
healths = st.just(UNTESTED) | st.builds(
    Health,
    last_success=times,
    last_attempt=times,
    last_error=st.sampled_from(["", "401", "503"]),
    consecutive_failures=st.integers(0, 5),
    problem=st.sampled_from(["", "", "", "Gone", "AuthenticationFailed"]),
    circuit=st.none() | st.sampled_from(CircuitState),
    circuit_until=times,
)
facts = st.builds(
    Readiness,
    generation=st.integers(1, 2),
    reason=st.sampled_from(ReadyReason),
    references=st.sampled_from(ReferenceReason),
    references_message=st.text(max_size=9),
    secret_version=st.sampled_from(["", "hook=7", "x" * 600]),
)
tests_done = st.none() | st.builds(
    LastTest,
    requested_at=st.sampled_from(["2026-03-01T12:00:00Z", "2026-03-01T11:00:00Z", "now"]),
    outcome=st.sampled_from(ReceiverTestOutcome),
    message=st.text(max_size=9),
)
owners = st.builds(OwnerFacts, home=st.just(HOME), readiness=st.none() | facts, test=tests_done)
specs = st.sampled_from([SLACK, {**SLACK, "suspend": True}, INVALID, RESTRICTED])


def folded(
    obj: dict[str, Any],
    replica: str,
    health: Health,
    owner: OwnerFacts | None = None,
    now: datetime = at(NOW),  # noqa: B008 - a constant
) -> dict[str, Any]:
    """Return the object after a write."""
    return {**obj, "status": fold(obj, replica=replica, health=health, owner=owner, now=now).dump()}


def summary(obj: dict[str, Any]) -> dict[str, Any]:
    """Return the status without what depends on the order of the writes: the order of the conditions."""
    status = dict(obj["status"])
    status["conditions"] = sorted(status.get("conditions", []), key=lambda each: each["type"])
    return status


@given(
    st.lists(healths, min_size=3, max_size=3),
    st.permutations(REPLICAS),
    st.lists(st.sampled_from(REPLICAS), max_size=4),
    specs,
    owners,
)
def test_replicas_write_the_same_status_in_any_order(
    known: list[Health], order: list[str], repeats: list[str], spec: dict[str, Any], owner: OwnerFacts
) -> None:
    health = dict(zip(REPLICAS, known, strict=True))
    ordered = shuffled = stored_receiver(spec=spec, generation=2)
    for replica in REPLICAS:
        ordered = folded(ordered, replica, health[replica], owner if replica == "a" else None)
    for replica in (*order, *repeats):
        shuffled = folded(shuffled, replica, health[replica], owner if replica == "a" else None)
    assert summary(shuffled) == summary(ordered)


@given(
    st.lists(st.tuples(st.sampled_from(REPLICAS), healths, st.none() | owners), max_size=5),
    healths,
    st.none() | owners,
    specs,
    st.integers(0, 599),
)
def test_second_fold_changes_nothing(
    before: list[tuple[str, Health, OwnerFacts | None]],
    health: Health,
    owner: OwnerFacts | None,
    spec: dict[str, Any],
    later: int,
) -> None:
    obj = stored_receiver(spec=spec)
    for replica, known, facts_of_owner in before:
        obj = folded(obj, replica, known, facts_of_owner)
    once = folded(obj, "a", health, owner)
    # Until entries are old enough to be dropped.
    again = folded(once, "a", health, owner, at(NOW) + timedelta(seconds=later))
    assert again == once
    assert timedelta(seconds=later) < MAX_AGE


@given(st.lists(st.tuples(st.sampled_from(REPLICAS), healths), max_size=6), healths, st.none() | owners)
def test_replica_changes_no_entry_but_its_own(
    before: list[tuple[str, Health]], health: Health, owner: OwnerFacts | None
) -> None:
    obj = stored_receiver()
    for replica, known in before:
        obj = folded(obj, replica, known)
    after = folded(obj, "a", health, owner)
    assert others(after) == others(obj)


def others(obj: dict[str, Any]) -> list[dict[str, Any]]:
    return (
        [each for each in obj["status"].get("replicas", []) if each["name"] != "a"] if "status" in obj else []
    )


@given(st.lists(st.tuples(st.sampled_from(REPLICAS), healths), max_size=6), healths, owners)
def test_replica_without_the_object_leaves_the_owners_words(
    before: list[tuple[str, Health]], health: Health, owner: OwnerFacts
) -> None:
    obj = folded(stored_receiver(), "a", UNTESTED, owner)
    owned = owners_words(obj)
    for replica, known in [*before, ("b", health)]:
        obj = folded(obj, replica, known)
    assert owners_words(obj) == owned


def owners_words(obj: dict[str, Any]) -> dict[str, Any]:
    status = obj["status"]
    words = {key: status.get(key) for key in ("observedGeneration", "secretVersion", "lastTest")}
    return words | {
        each["type"]: each for each in status["conditions"] if each["type"] in {"Ready", "ResolvedRefs"}
    }


(VERSION,) = notification_receiver()["spec"]["versions"]
SCHEMA = VERSION["schema"]["openAPIV3Schema"]["properties"]["status"]

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
values = st.recursive(
    scalars, lambda each: st.lists(each, max_size=3) | st.dictionaries(st.text(max_size=3), each, max_size=3)
)
forged_times = st.sampled_from(
    ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-03-01T12:01:00Z", "2026-03-01", "x"]
)
numbers = st.sampled_from([0, 3, -1, 2**63, 1e300, float("nan"), 1.0])
circuits = st.fixed_dictionaries(
    {}, optional={"state": st.sampled_from(["Open", "Odd"]) | values, "until": forged_times | values}
)
observations: dict[str, st.SearchStrategy[Any]] = {
    "lastSuccessTime": forged_times | values,
    "lastAttemptTime": forged_times | values,
    "lastDrillTime": forged_times | values,
    "lastError": st.just("x" * 9_999) | values,
    "waiting": numbers | values,
    "consecutiveFailures": numbers | values,
    "circuit": circuits | values,
}
entries = st.fixed_dictionaries(
    {},
    optional={
        **observations,
        "name": st.sampled_from(["a", "b", "x" * 999]) | values,
        "updated": forged_times | values,
        "problem": st.sampled_from(["Gone", "x" * 9_999]) | values,
    },
)
conditions = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(["Ready", "ResolvedRefs", "Healthy", "Theirs"]) | values,
        "status": st.sampled_from(["True", "Maybe"]) | values,
        "reason": st.sampled_from(["Delivering", "Gone"]) | values,
        "message": values,
        "lastTransitionTime": forged_times | values,
        "observedGeneration": numbers | values,
    },
)
statuses = st.fixed_dictionaries(
    {},
    optional={
        **observations,
        "observedGeneration": numbers | values,
        "conditions": st.lists(conditions | values, max_size=3) | values,
        "secretVersion": values,
        "lastTest": st.fixed_dictionaries(
            {},
            optional={
                "requestedAt": forged_times | st.just("x" * 99) | values,
                "outcome": st.sampled_from(["Succeeded", "Odd"]) | values,
                "message": values,
            },
        )
        | values,
        "replicas": st.lists(entries | values, max_size=4) | values,
    },
)
"""Statuses that no schema has checked."""


@given(statuses | values, healths, owners)
def test_any_status_is_read_and_what_the_owner_writes_is_valid(
    status: Any, health: Health, owner: OwnerFacts
) -> None:
    obj = {**stored_receiver(), "status": status}
    after = fold(obj, replica="a", health=health, owner=owner, now=at(NOW))
    written = after.dump()
    assert ReceiverStatus.parse({"status": written}) == after
    changed = new_parts(json.loads(json.dumps(written)), status if isinstance(status, dict) else {})
    assert list(violations(SCHEMA, changed)) == []


def new_parts(written: dict[str, Any], before: dict[str, Any]) -> dict[str, Any]:
    """Return what a write changes: the API server checks nothing else, and no schema admits what was forged."""
    known = {name: value for name, value in written.items() if name in SCHEMA["properties"]}
    # The text is compared: NaN differs from itself.
    result = {name: value for name, value in known.items() if repr(value) != repr(before.get(name))}
    for name in ("conditions", "replicas"):
        stored = before.get(name)
        if name in result and isinstance(stored, list):
            result[name] = [each for each in result[name] if repr(each) not in map(repr, stored)]
    return result
