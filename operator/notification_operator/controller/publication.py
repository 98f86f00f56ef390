"""What is new in a status, for those who watch: metrics, log, Events, audit."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from atomic_status import Applied, StatusError, Unchanged
from notification_operator.domain.folding.fold import excluding_attempts
from notification_operator.domain.status import Status
from notification_operator.observers.publisher import Transition

if TYPE_CHECKING:
    from notification_operator.controller.decision import Decision
    from notification_operator.delivery.content.redaction import RedactedContent
    from notification_operator.domain.key import Key
    from notification_operator.domain.model import Notification
    from notification_operator.observers.metrics import MetricsObserver
    from notification_operator.observers.publisher import Publisher


class Publication:
    """Publishes what a write has changed, once, whenever it becomes known."""

    def __init__(self, publisher: Publisher, metrics: MetricsObserver) -> None:
        self._publisher = publisher
        self._metrics = metrics

    def publish(
        self,
        outcome: Applied | Unchanged,
        decision: Decision,
        redacted: RedactedContent,
        *,
        unanswered: Notification,
    ) -> Notification:
        """Publish what is new in the status, also if the answer to a write was lost; return the notification.

        Args:
            outcome: of the write.
            decision: what was written.
            redacted: the content, for the observers.
            unanswered: the notification before this write, or before the earliest one whose answer was lost.
        """
        if isinstance(outcome, Applied):
            self._metrics.count_conflicts(outcome.attempts - 1)
            before = decision.parsed(outcome.before)
            # A write changes nothing but the status.
            after = replace(before, status=Status.parse(outcome.after))
        else:
            before = after = decision.parsed(outcome.current)
        published = excluding_attempts(before, decision.latest.recorded, route=decision.route(before))
        if unanswered.phase is not published.phase:
            published = replace(published, status=replace(published.status, phase=unanswered.phase))
        self._metrics.track_phase(after.uid, after.phase)
        if published is not after:
            self._publisher.publish(Transition(before=published, after=after, redacted=redacted))
        return after

    def publish_refusal(self, key: Key, error: StatusError) -> None:
        """Report that the API server refuses a status for good."""
        self._publisher.publish_refusal(key, error)
