"""`status` of a NotificationReceiver, typed: the source of its schema. Pure.

The operator reads and writes statuses as JSON, so that whatever another writer has put into one can be read.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from notification_contract.kinds.block import (
    Block,
    Conditions,
    Count,
    Generation,
    MapKeys,
    Name,
    Reason,
    Text,
    Time,
)
from notification_contract.kinds.choices import CircuitState, ReceiverTestOutcome  # noqa: TC001 - pydantic reads annotations at run time


class Circuit(Block):
    """The circuit breaker of the receiver."""

    state: CircuitState
    """Closed: messages are sent. Open: messages wait. HalfOpen: a few messages are sent as probes, and others wait."""
    until: Time | None = None
    """The time until which an open circuit breaker rejects messages."""


class Observation(Block):
    """The results of attempts."""

    last_success_time: Time | None = None
    """The time of the last successful attempt."""
    last_attempt_time: Time | None = None
    """The time of the last attempt."""
    last_drill_time: Time | None = None
    """The time when the last message of a drill was delivered."""
    last_error: Annotated[str, Field(max_length=512)] = ""
    """The redacted error message of the last failed attempt."""
    waiting: Count = 0
    """The number of messages for this receiver that are not delivered yet, without messages before their spec.notBefore. It is updated once a minute."""
    consecutive_failures: Count = 0
    """The number of failed attempts since the last successful one."""
    circuit: Circuit | None = None


class LastTest(Block):
    """The result of the last test message, which the annotation kubernaut.ai/test-requested-at requests."""

    requested_at: Annotated[str, Field(max_length=64)]
    """The value of the annotation."""
    outcome: ReceiverTestOutcome
    """The result of the test."""
    message: Text = ""
    """The human-readable explanation of the result."""


class ReplicaIdentity(Block):
    """Which replica wrote an entry, and when."""

    name: Name
    """The name of the replica's pod."""
    updated: Time
    """The time when the replica wrote this entry."""


class Replica(Observation, ReplicaIdentity):
    """One replica."""

    problem: Reason = ""
    """The machine-readable reason why this replica delivers no messages."""


class ReceiverStatus(Observation):
    """The observed state of the receiver. Only the operator writes it."""

    observed_generation: Generation | None = None
    """The metadata.generation that this status is based on."""
    conditions: Conditions = ()
    """The conditions of this object, one per type. Ready: the spec is accepted, whatever the state of the service. ResolvedRefs: every Secret and ConfigMap was found. Healthy: messages are delivered."""
    secret_version: Annotated[str, Field(max_length=512)] = ""
    """The version of the Secrets that the operator uses; it changes when one of the Secrets changes."""
    last_test: LastTest | None = None
    replicas: Annotated[tuple[Replica, ...], Field(max_length=32), MapKeys(("name",))] = ()
    """The observations of each replica of the operator. The other fields of the status are the summary."""
