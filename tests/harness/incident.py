"""One incident of a test: creates its notifications, waits for their ends, and says what its receivers were told."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from tests.harness.eventually import eventually
from tests.harness.notifications import addressed

if TYPE_CHECKING:
    from tests.harness.operator_under_test import OperatorUnderTest
    from tests.harness.receivers import StoredReceiver

    Object = dict[str, Any]

LATE = 6.0
"""Seconds after which a notification that was not attempted is late."""


class Incident:
    """Creates the events of one incident."""

    def __init__(self, operator: OperatorUnderTest) -> None:
        self._operator = operator
        self.key = f"incident-{uuid.uuid4().hex[:8]}"

    def tell(self, event: str, *receivers: StoredReceiver, **spec: Any) -> Object:
        """Create an event, and return it as stored."""
        obj = addressed(self._operator.namespace, *receivers, event=event, dedupKey=self.key, **spec)
        return self._operator.create(obj)

    def ends(self, obj: Object, *phases: str, within: float = 30) -> Object:
        """Wait until an event has one of these phases, and return its status."""
        return self._operator.status(obj, *phases, within=within)

    def reaches(self, obj: Object, reason: str) -> None:
        """Wait until the only target of an event has a reason."""
        eventually(
            lambda: [
                each.get("reason") for each in self._operator.stored(obj).get("status", {}).get("targets", [])
            ],
            lambda seen: seen == [reason],
            within=10,
        )

    def at(self, pager: StoredReceiver) -> str:
        """Return its state at an account of PagerDuty: triggered, acknowledged, resolved, or empty for none."""
        # A receiver of another namespace gets the key with the namespace of the notification.
        return pager.account.incidents().get(f"{self._operator.namespace}/{self.key}", "")


def told(receiver: StoredReceiver) -> list[tuple[str, int | None]]:
    """Return the events that a webhook or PagerDuty got, each with the status code of its answer; None without one."""
    return [
        (hit["json"].get("event_action", "").capitalize() or hit["json"]["data"]["event"], hit["code"])
        for hit in receiver.account.hits()
    ]
