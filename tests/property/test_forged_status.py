"""A status that anybody may have written: a reconciliation reads it, goes on, and writes what the schema admits."""

import json
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from notification_contract.crds import notification_request
from notification_contract.kinds.channel_names import CHANNELS
from notification_contract.kinds.choices import AttemptStatus, Phase, TargetState
from notification_contract.kinds.target import MAX_TARGETS
from notification_domain.folding.fold import excluding_attempts, fold
from notification_domain.model import parse
from notification_domain.planning.fallback import follow
from notification_domain.planning.plan import plan
from notification_domain.retention import due_at
from notification_domain.routing import resolve
from notification_domain.situation import Situation
from notification_domain.status import FINAL, Status
from tests.harness.schema import violations
from tests.unit.operator.domain.builders import START, at, stored, success
from tests.unit.operator.domain.receivers.entries import receiver, resolver

(VERSION,) = notification_request()["spec"]["versions"]
SCHEMA = VERSION["schema"]["openAPIV3Schema"]["properties"]["status"]
NONE: frozenset[str] = frozenset()
RECEIVERS = resolver(
    receiver("hook", fallback={"name": "spare"}),
    receiver("spare", priorities=["critical"], fallback={"name": "hook", "after": "1s"}),
    receiver("smtp", "email", block={"to": [f"p{number}@example.com" for number in range(3)]}),
    receiver("hook", namespace="platform"),
)
REFERENCES = [[], ["hook"], ["smtp", "missing"], ["spare", "hook"]]

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=5),
    st.sampled_from([1e300, -1e300]),
)
values = st.recursive(
    scalars, lambda each: st.lists(each, max_size=3) | st.dictionaries(st.text(max_size=3), each, max_size=3)
)
times = st.sampled_from(
    [
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
        "9999-12-31T23:59:59Z",
        "2026-03-01T11:59:59Z",
        "2026-03-01",
        "",
        "x",
    ]
)
numbers = st.sampled_from([0, 1, 2, 1e300, -1, 2**31 - 1, 2**63 - 1, float("nan"), float("inf"), 1.0])
keys = st.sampled_from(
    [
        *("slack", "console", "webhook/hook", "webhook/shop/hook", "webhook/platform/hook", "email/smtp"),
        *(
            "email/smtp#1f3a9c20",
            "receiver/missing",
            "receiver/hook",
            "receiver/",
            "a/b/c/d",
            "slack/",
            "#",
            "/#",
        ),
        "webhook/spare",
        "x" * 400,
    ]
)
"""Keys of targets, and what another writer may take for one."""
attempts = st.fixed_dictionaries(
    {},
    optional={
        "channel": st.sampled_from(CHANNELS) | keys | values,
        "attempt": numbers | values,
        "timestamp": times | values,
        "status": st.sampled_from(AttemptStatus) | values,
        "durationSeconds": numbers | values,
        "retryAfterSeconds": numbers | values,
        "error": values,
        "permanent": values,
        "circuitOpen": values,
        "reason": values,
        "messageRef": values,
        "threadRef": values,
        "receiverRevision": values,
        "note": values,
    },
)
targets = st.fixed_dictionaries(
    {},
    optional={
        "name": keys | values,
        "state": st.sampled_from(TargetState) | values,
        "attempts": numbers | values,
        "lastError": values,
        "deliveredAt": times | values,
        "messageRef": values,
        "suppressedBy": st.sampled_from(["Muted", "x"]) | values,
        "note": values,
    },
)
conditions = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(["Delivered", "RoutingResolved", "Theirs"]) | values,
        "status": st.sampled_from(["True", "Maybe"]) | values,
        "reason": st.sampled_from(["RoutingRuleMatched"]) | values,
        "message": values,
        "lastTransitionTime": times | values,
        "observedGeneration": numbers | values,
    },
)
statuses = st.fixed_dictionaries(
    {},
    optional={
        "phase": st.sampled_from(Phase) | values,
        "reason": values,
        "message": values,
        "deliveryAttempts": st.lists(attempts | values, max_size=4) | values,
        "conditions": st.lists(conditions | values, max_size=3) | values,
        "resolvedChannels": st.lists(st.sampled_from(CHANNELS) | keys | values, max_size=20) | values,
        "targets": st.lists(targets | values, max_size=4) | values,
        "totalAttempts": numbers | values,
        "queuedAt": times | values,
        "processingStartedAt": times | values,
        "completionTime": times | values,
        "nextAttemptAt": times | values,
        "observedGeneration": numbers | values,
    },
)
"""Statuses that no schema has checked."""


def named(name: str) -> dict[str, Any]:
    return {"name": name, "state": "Waiting", "attempts": 0}


@given(statuses | values, st.sampled_from([[], ["slack"], ["slack", "console"]]), st.sampled_from(REFERENCES))
@example({"phase": "Retrying"}, ["slack"], [])
@example({"phase": "Retrying", "resolvedChannels": ["sms"]}, [], [])
@example({"phase": "Retrying", "targets": [named("receiver/hook")]}, [], ["hook"])
@example({"targets": [named(f"webhook/{number}") for number in range(40)]}, [], [])
@example({"targets": [named("receiver/smtp"), *(named(str(number)) for number in range(19))]}, [], [])
@example(
    {
        "phase": "Sending",
        "deliveryAttempts": [
            {
                "channel": "slack",
                "attempt": 2**31 - 1,
                "timestamp": "9999-12-31T23:59:59Z",
                "status": "failed",
                "durationSeconds": 1e300,
                "retryAfterSeconds": 1e300,
            }
        ],
    },
    ["slack"],
    [],
)
def test_any_status_can_be_reconciled_and_what_is_written_is_valid(
    status: Any, channels: list[str], references: list[str]
) -> None:
    spec = {"channels": channels, "receiverRefs": [{"name": name} for name in references]}
    document = {**stored(spec=spec), "status": status}
    due_at(document)
    notification = parse(document)
    route = resolve(notification, resolver=RECEIVERS)
    assert len(route.targets) <= MAX_TARGETS
    planned = plan(*follow(Situation(now=at(9), notification=notification, route=route)))
    finished = [success(send.channel, send.number, seconds=9) for send in planned.sends]
    assert all(1 <= send.number <= 2**31 - 1 for send in planned.sends)
    after = fold(Situation(now=at(10), notification=notification, route=route), finished, queued_at=START)
    written = after.dump()
    read = Status.parse({"status": written})
    assert read == after
    excluding_attempts(parse({**document, "status": written}), finished, route=route)
    if notification.phase not in FINAL and finished:
        known = {name: written[name] for name in WRITTEN if name in written}
        assert list(violations(SCHEMA, json.loads(json.dumps(changed(known, status))))) == []


def changed(written: dict[str, Any], status: object) -> dict[str, Any]:
    """Return the fields that a write changes; the API server checks no others."""
    before = status if isinstance(status, dict) else {}
    result = {name: value for name, value in written.items() if value != before.get(name)}
    stored_conditions = before.get("conditions")
    if isinstance(stored_conditions, list):
        result["conditions"] = [each for each in written["conditions"] if each not in stored_conditions]
    return result


WRITTEN = {
    *("phase", "reason", "message", "observedGeneration", "deliveryAttempts", "totalAttempts", "conditions"),
    *("successfulDeliveries", "failedDeliveries", "queuedAt", "processingStartedAt", "resolvedChannels"),
    "targets",
}
"""The fields that each status write of a delivery contains."""
