"""The health of receivers, from the calls of this replica since its start."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from notification_operator.delivery.channel import ReceiverError
from notification_operator.delivery.recording import ReceiverChanged, first
from notification_operator.domain.flow_control.breaker import Circuit
from notification_operator.domain.receivers.health import UNTESTED, Health
from notification_operator.fair.lru import LruMap

if TYPE_CHECKING:
    from datetime import datetime

    from notification_operator.delivery.flow_control.breakers import Breakers
    from notification_operator.delivery.senders import Sender
    from notification_operator.domain.attempt import Attempt
    from notification_operator.domain.receivers.catalog import ReceiverKey

MOST: Final = 10_000
"""Receivers that are remembered: the ones called most recently."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Called:
    """The receiver that a call was made to."""

    name: str
    """Of its breaker."""
    uid: str


class HealthBook:
    """Takes in the result of every call of a receiver; the state of its breaker is a part of the health."""

    def __init__(self, breakers: Breakers) -> None:
        self._breakers = breakers
        self._health: LruMap[ReceiverKey, Health] = LruMap(MOST)
        self._senders: dict[ReceiverKey, _Called] = {}

    def called(self, sender: Sender, attempt: Attempt, error: BaseException | None) -> None:
        """Take in the result of a call; returns at once."""
        key = sender.receiver
        assert key is not None, "a channel of the settings has no receiver"
        before = self._health.get(key, UNTESTED)
        if error is None:
            health = replace(
                before,
                last_success=attempt.ended,
                last_attempt=attempt.ended,
                last_error="",
                consecutive_failures=0,
                problem="",
            )
        elif isinstance(error, ReceiverChanged):
            # The receiver as it is now has refused nothing.
            health = replace(before, last_attempt=attempt.ended, last_error=attempt.error or "")
        else:
            refused = first(error, ReceiverError)
            health = replace(
                before,
                last_attempt=attempt.ended,
                last_error=attempt.error or "",
                consecutive_failures=before.consecutive_failures + 1,
                problem="" if refused is None else str(refused.reason),
            )
        self._senders[key] = _Called(name=sender.name, uid=sender.uid)
        forgotten = self._health.put(key, health)
        if forgotten is not None:
            del self._senders[forgotten[0]]

    def drilled(self, key: ReceiverKey, time: datetime) -> None:
        """Take in that a message of a drill was delivered; a receiver that was forgotten meanwhile stays so."""
        health = self._health.get(key)
        if health is not None:
            self._health.put(key, replace(health, last_drill=time))

    def health(self, key: ReceiverKey) -> Health:
        """Return the health of a receiver, with the present state of its breaker."""
        health = self._health.get(key)
        if health is None:
            return UNTESTED
        breaker = self._senders[key].name
        circuit = self._breakers.state(breaker)
        until = None if circuit is Circuit.CLOSED else self._breakers.probe_at(breaker)
        return replace(health, circuit=circuit, circuit_until=until)

    def restart(self, key: ReceiverKey) -> None:
        """Forget that a receiver accepted no message: it has changed."""
        health = self._health.get(key)
        if health is not None:
            self._health.put(key, replace(health, problem="", consecutive_failures=0))

    def forget_earlier(self, key: ReceiverKey, uid: str | None) -> None:
        """Forget a receiver that was deleted.

        Args:
            key: of the receiver.
            uid: of the receiver that has this name now; None if there is none.
        """
        called = self._senders.get(key)
        if called is not None and called.uid != uid:
            self._health.pop(key)
            del self._senders[key]
