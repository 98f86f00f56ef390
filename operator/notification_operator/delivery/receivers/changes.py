"""What follows from a change of receivers: new senders, closed breakers, and attempts for what waited."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

import structlog

from notification_operator.delivery.receivers.waiting import HasUid

if TYPE_CHECKING:
    from collections.abc import Callable

    from notification_operator.delivery.flow_control.breakers import Breakers
    from notification_operator.delivery.receivers.directory import ReceiverDirectory
    from notification_operator.delivery.receivers.health_book import HealthBook
    from notification_operator.delivery.receivers.waiting import WaitingForReceivers
    from notification_operator.domain.receivers.catalog import ReceiverKey

KeyT = TypeVar("KeyT", bound=HasUid)

logger = structlog.get_logger(__name__)


class ReceiverChanges(Generic[KeyT]):
    """Applies changes of specs, Secrets and templates to what is remembered of receivers.

    Args:
        enqueue: requests the reconciliation of a notification.
    """

    def __init__(
        self,
        directory: ReceiverDirectory,
        *,
        breakers: Breakers,
        health: HealthBook,
        waiting: WaitingForReceivers[KeyT],
        enqueue: Callable[[KeyT], None],
    ) -> None:
        self._directory = directory
        self._breakers = breakers
        self._health = health
        self._waiting = waiting
        self._enqueue = enqueue

    def apply(self, changed: frozenset[ReceiverKey]) -> None:
        """Take in that some receivers, or what they refer to, may have changed."""
        different = self._directory.refresh(changed)
        for key in sorted(different):
            self._breakers.forget(str(key))
            self._health.restart(key)
        notifications = self._waiting.take(different)
        if notifications:
            logger.info("receivers changed", receivers=len(different), waiting=len(notifications))
        for notification in notifications:
            self._enqueue(notification)
