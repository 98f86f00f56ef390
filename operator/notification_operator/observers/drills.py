"""The observer that notes which receivers a drill has reached."""

from __future__ import annotations

from typing import TYPE_CHECKING

from notification_operator.domain.receivers.drills import reached

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from notification_operator.domain.receivers.catalog import ReceiverKey
    from notification_operator.observers.publisher import Transition


class DrillObserver:
    """Calls `note` with each receiver that a drill has reached, and the time of the delivery."""

    def __init__(self, note: Callable[[ReceiverKey, datetime], None]) -> None:
        self._note = note

    def on_transition(self, transition: Transition) -> None:
        """Note the receivers that a write records as reached."""
        for key, time in reached(transition.before, transition.after).items():
            self._note(key, time)
