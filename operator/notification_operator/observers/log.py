"""The observer that logs each change of phase."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

if TYPE_CHECKING:
    from notification_operator.observers.publisher import Transition

logger = structlog.get_logger(__name__)


class LogObserver:
    """Logs a warning while a delivery stands failed, else an info record."""

    def on_transition(self, transition: Transition) -> None:
        """Log a change of phase."""
        if not transition.phase_changed:
            return
        after = transition.after
        log = logger.warning if after.status.failed_deliveries else logger.info
        log(
            "phase changed",
            notification=f"{after.namespace}/{after.name}",
            uid=after.uid,
            before=transition.before.phase.value,
            phase=after.phase.value,
            reason=after.status.reason,
            attempts=len(after.attempts),
        )
