"""Group receivers: Secrets that are missing, incomplete, deleted, rotated, and tokens that are revoked."""

from __future__ import annotations

import json
import time
import uuid
from collections import defaultdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from tests.harness.cluster import FINAL
from tests.harness.eventually import eventually, steadily
from tests.harness.notifications import FLAT1, addressed, fast
from tests.harness.readings import Target, targets
from tests.harness.traffic import traffic

if TYPE_CHECKING:
    from tests.harness.cluster import Object
    from tests.harness.operator_under_test import OperatorUnderTest
    from tests.harness.receivers import Receivers, StoredReceiver

pytestmark = pytest.mark.needs_pod

PROBES = 2
"""Calls that an open circuit breaker permits at the end of each of its openings, with shipped settings."""
OPEN_UNTIL = (1.0, 3.0, 7.0, 15.0, 31.0)
"""Seconds from the first refusal to the end of each opening: 1, 2, 4, 8, 16 s long, with shipped settings."""
IN_USE_WITHIN = 2.0
"""Seconds after the change of a Secret from which on each attempt uses the new value."""


def waits(operator: OperatorUnderTest, obj: Object, *, during: float = 2.0) -> None:
    """Check that a notification stays open."""
    steadily(
        lambda: operator.stored(obj)["status"], lambda status: status["phase"] not in FINAL, during=during
    )


@pytest.mark.check("receivers-08")
def test_missing_secret_is_named_and_its_creation_delivers(
    receivers_operator: OperatorUnderTest, receivers: Receivers
) -> None:
    receiver = receivers.add("slack", secret=False, onReceiverError="Hold")
    resolved = receiver.wait("ResolvedRefs", "False", "SecretNotFound")
    assert receiver.secret in resolved["message"]
    obj = addressed(receivers_operator.namespace, receiver, retryPolicy=FLAT1)
    receivers_operator.create(obj)
    waits(receivers_operator, obj)

    receiver.set_credential(receiver.credential)

    status = receivers_operator.status(obj, "Sent", within=15)
    assert targets(status) == [Target(receiver.key(), "Delivered", 1)]
    receiver.wait("ResolvedRefs", "True", "SecretFound")


@pytest.mark.check("receivers-09")
def test_missing_key_is_named_and_its_addition_delivers(
    receivers_operator: OperatorUnderTest, receivers: Receivers
) -> None:
    receiver = receivers.add("pagerduty", secret=False, onReceiverError="Hold")
    receiver.set_secret({"another-key": "value"})
    resolved = receiver.wait("ResolvedRefs", "False", "KeyMissing")
    assert receiver.secret in resolved["message"]
    assert "routing-key" in resolved["message"]
    obj = addressed(receivers_operator.namespace, receiver, retryPolicy=FLAT1)
    receivers_operator.create(obj)
    waits(receivers_operator, obj)

    receiver.set_credential(receiver.credential)

    receivers_operator.status(obj, "Sent", within=15)


@pytest.mark.check("receivers-46")
def test_secret_without_the_label_is_not_read_and_the_label_delivers(
    receivers_operator: OperatorUnderTest, receivers: Receivers
) -> None:
    receiver = receivers.add("slack", secret=False, onReceiverError="Hold")
    data = receiver.kind.secret(receiver.account, receiver.credential)
    receiver.account.expect(receiver.credential)
    receiver.set_secret(data, granted=False)
    resolved = receiver.wait("ResolvedRefs", "False", "SecretNotFound")
    command = f"kubectl -n {receiver.namespace} label secret {receiver.secret} kubernaut.ai/receivers=true"
    assert command in resolved["message"]
    obj = addressed(receivers_operator.namespace, receiver, retryPolicy=FLAT1)
    receivers_operator.create(obj)
    waits(receivers_operator, obj)

    receiver.set_secret(data)

    status = receivers_operator.status(obj, "Sent", within=15)
    assert targets(status) == [Target(receiver.key(), "Delivered", 1)]


@pytest.mark.check("receivers-10")
def test_secret_deleted_under_traffic_loses_nothing(
    receivers_operator: OperatorUnderTest, receivers: Receivers
) -> None:
    receiver = receivers.add("webhook", onReceiverError="Hold").ready()

    def create() -> Object:
        return receivers_operator.create(
            addressed(receivers_operator.namespace, receiver, retryPolicy=fast(2))
        )

    with traffic(create, per_second=4) as created:
        receiver.account.hit(4)
        receiver.delete_secret()
        receiver.wait("ResolvedRefs", "False", "SecretNotFound")
        known = datetime.now(UTC)
        steadily(lambda: receiver.condition("ResolvedRefs"), lambda seen: seen["status"] == "False", during=2)
        back = datetime.now(UTC)
        receiver.set_credential(receiver.credential)
        receiver.wait("ResolvedRefs", "True", "SecretFound")
    for obj in created:
        status = receivers_operator.status(obj, "Sent", within=30)
        began = [datetime.fromisoformat(attempt["timestamp"]) for attempt in status["deliveryAttempts"]]
        assert not [each for each in began if known < each < back]
    handles = [arrival.handle for arrival in receiver.kind.arrivals(receiver.account)]
    assert len(handles) == len(set(handles)) == len(created)


@pytest.mark.check("receivers-11")
def test_secret_rotated_under_traffic_fails_nothing(
    receivers_operator: OperatorUnderTest, receivers: Receivers
) -> None:
    receiver = receivers.add("webhook").ready()
    receiver.account.expect("")
    new = uuid.uuid4().hex

    def create() -> Object:
        return receivers_operator.create(addressed(receivers_operator.namespace, receiver, retryPolicy=FLAT1))

    with traffic(create, per_second=5) as created:
        receiver.account.hit(5)
        receiver.set_credential(new)
        # At the latest when the API server has answered.
        changed = time.time()
        first = _first_with(receiver, new)
        receiver.account.hit(len(receiver.account.hits()) + 5)
    began: dict[str, float] = {}
    for obj in created:
        status = receivers_operator.status(obj, "Sent", within=30)
        assert targets(status) == [Target(receiver.key(), "Delivered", 1)]
        (attempt,) = status["deliveryAttempts"]
        began[obj["metadata"]["uid"]] = datetime.fromisoformat(attempt["timestamp"]).timestamp()
    used: dict[str, list[str]] = defaultdict(list)
    for hit in receiver.account.hits():
        used[hit["headers"]["Authorization"]].append(hit["json"]["data"]["uid"])
    assert used.keys() == {receiver.credential, new}
    # What counts is when an attempt began: its request may arrive later, and none may have begun just then.
    stale = [uid for uid in used[receiver.credential] if began[uid] > changed + IN_USE_WITHIN]
    assert not stale, "the old value was used for too long"
    late = [uid for uid in used[receiver.credential] if began[uid] > first]
    assert not late, "the old value was used after the new one"


def _first_with(receiver: StoredReceiver, credential: str) -> float:
    """Wait for a request with a credential, and return the time of the first one."""
    hits = eventually(
        lambda: [hit for hit in receiver.account.hits() if hit["headers"]["Authorization"] == credential],
        bool,
        within=10,
    )
    return float(hits[0]["at"])


@pytest.mark.check("receivers-12")
def test_status_names_the_version_of_the_secrets_and_no_value(
    receivers_operator: OperatorUnderTest, receivers: Receivers
) -> None:
    receiver = receivers.add("email").ready()
    receivers_operator.deliver(addressed(receivers_operator.namespace, receiver), "Sent", within=20)
    before = receiver.status["secretVersion"]
    new = uuid.uuid4().hex
    receiver.account.expect(new)
    receiver.set_credential(new)

    eventually(lambda: receiver.status["secretVersion"], lambda version: version != before, within=15)

    receivers_operator.deliver(addressed(receivers_operator.namespace, receiver), "Sent", within=20)
    text = json.dumps(receiver.stored())
    assert before
    assert receiver.credential not in text
    assert new not in text


@pytest.mark.check("receivers-15")
def test_revoked_token_with_hold_waits_for_the_new_one(
    receivers_operator: OperatorUnderTest, receivers: Receivers
) -> None:
    receiver = receivers.add("slack", onReceiverError="Hold").ready()
    new = uuid.uuid4().hex
    receiver.account.expect(new)
    objects = [addressed(receivers_operator.namespace, receiver, retryPolicy=FLAT1) for _ in range(3)]
    for obj in objects:
        receivers_operator.create(obj)
    receiver.wait("Healthy", "False", "AuthenticationFailed")
    for obj in objects:
        waits(receivers_operator, obj, during=1)
    times = [hit["at"] for hit in receiver.account.hits()]
    openings = sum(times[-1] - times[0] >= seconds for seconds in OPEN_UNTIL)
    assert len(times) <= len(objects) + PROBES * openings

    receiver.set_credential(new)

    for obj in objects:
        status = receivers_operator.status(obj, "Sent", within=15)
        # What the receiver refused as a whole is recorded, and counts as no attempt.
        assert all(entry["circuitOpen"] for entry in status["deliveryAttempts"][:-1])
        assert targets(status) == [Target(receiver.key(), "Delivered", 1)]
    receiver.wait("Healthy", "True", "Delivering")


@pytest.mark.check("receivers-16")
def test_revoked_token_with_fail_ends_the_delivery(
    receivers_operator: OperatorUnderTest, receivers: Receivers
) -> None:
    receiver = receivers.add("slack").ready()
    receiver.account.expect("another")
    obj = addressed(receivers_operator.namespace, receiver, retryPolicy=fast(5))
    status = receivers_operator.deliver(obj, "Failed", within=10)["status"]
    assert targets(status) == [Target(receiver.key(), "Refused", 1)]
    assert "invalid_auth" in json.dumps(status["deliveryAttempts"])
