"""One line in the log for each change of a phase."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

if TYPE_CHECKING:
    from notification_operator.observers.publisher import Transition

logger = structlog.get_logger(__name__)


class LogObserver:
    """Logs moves; a warning while channels stand failed."""

    def on_transition(self, transition: Transition) -> None:
        """Log the move, if the write made one."""
        if not transition.phase_changed:
            return
        after = transition.after
        log = logger.warning if after.status["failedDeliveries"] else logger.info
        log(
            "phase changed",
            notification=f"{after.namespace}/{after.name}",
            uid=after.uid,
            before=transition.before.phase.value,
            phase=after.phase.value,
            reason=after.status["reason"],
            attempts=len(after.attempts),
        )
