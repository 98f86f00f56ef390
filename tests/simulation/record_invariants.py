"""The invariants of what is recorded: every status write, and the audit trail."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from notification_contract.kinds.choices import Phase
from notification_domain import audit_events as audit
from notification_domain.model import parse
from notification_domain.redaction.redact import ALL_RULES, redact_content
from notification_domain.status import FINAL, MOVES
from tests.simulation.violations import require

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from notification_domain.model import Attempt, Notification
    from tests.simulation.audit_store import AuditLog
    from tests.simulation.channels import Call

FOREIGN: Final = "a foreign writer"
END: Final = "the end"
REFUSED: Final = frozenset({"later", "busy", "pause", "long pause", "permanent", "unauthorized"})
"""The ends of calls after which the far end certainly has nothing."""


class RecordInvariants:
    """Observes every status write."""

    def __init__(self, read: Callable[[str], Notification | None]) -> None:
        self._read = read
        """Returns the stored notification of a uid; None if it is gone."""
        self.calls: dict[tuple[str, str], list[Call]] = defaultdict(list)
        """By uid and target."""
        self.latest: dict[str, Notification] = {}
        """The latest written notification, by uid."""
        self.writers: dict[tuple[str, object], str] = {}
        """The writer that recorded an attempt, or the end, by uid and attempt key or `END`."""
        self.replaced: list[Notification] = []
        """Notifications with one attempt each, whose record was replaced."""
        self.unreliable: set[str] = set()
        """Processes that died, lost a shard or abandoned attempts: their events may be lost."""

    def write(self, before: dict[str, Any], after: dict[str, Any], who: str) -> None:
        """Check a status write."""
        old, new = parse(before), parse(after)
        status = after["status"]
        self.latest[new.uid] = new
        if who == FOREIGN:
            return
        require(old.phase not in FINAL, f"{new.name} is written although it is final")
        require(old.phase is new.phase or new.phase in MOVES[old.phase], f"{old.phase} becomes {new.phase}")
        require(status.get("foreign") == before["status"].get("foreign"), "a foreign field is lost")
        require(
            status["observedGeneration"] <= after["metadata"]["generation"], "observedGeneration is ahead"
        )
        require(("completionTime" in status) == (new.phase in FINAL), "completionTime and phase disagree")
        known = {attempt.key for attempt in old.attempts}
        kept = {attempt.key for attempt in new.attempts}
        require(known <= kept, "a recorded attempt is lost")
        require(len(kept) == len(new.attempts), "an attempt is recorded twice")
        for was, is_ in zip(old.attempts, new.attempts, strict=False):
            if was != is_:
                self._upgraded(old, was, is_)
                self.writers[new.uid, is_.key] = who
        self._counters(new, status)
        if new.phase in FINAL:
            self.writers[new.uid, END] = who
        for attempt in new.attempts:
            if attempt.key not in known:
                self.writers[new.uid, attempt.key] = who
                if self._was_made(attempt):
                    self._real(new.uid, attempt)

    def _upgraded(self, old: Notification, was: Attempt, is_: Attempt) -> None:
        """Check a changed record: another process repeated the attempt under the same id.

        A failure may become a success, what was certainly refused what may have arrived, and what a circuit breaker rejected
        what was made.
        """
        called = was.circuit_open and not is_.circuit_open
        called = called or (was.refused and not is_.refused)
        right = was.key == is_.key and not was.succeeded and (is_.succeeded or called)
        require(right, "a recorded attempt is changed")
        if self._was_made(is_):
            self._real(old.uid, is_)
        status = replace(old.status, phase=Phase.SENDING, attempts=(was,))
        self.replaced.append(replace(old, status=status))

    def _was_made(self, attempt: Attempt) -> bool:
        """Return whether a record says that the channel was called."""
        return not attempt.circuit_open

    def _counters(self, new: Notification, status: dict[str, Any]) -> None:
        succeeded = {attempt.channel for attempt in new.attempts if attempt.succeeded}
        failed = self._failed(new) - succeeded
        require(status["totalAttempts"] == len(new.attempts), "totalAttempts is wrong")
        require(status["successfulDeliveries"] == len(succeeded), "successfulDeliveries is wrong")
        require(status["failedDeliveries"] == len(failed), "failedDeliveries is wrong")

    def _failed(self, new: Notification) -> set[str]:
        """Return the targets whose attempts count as failed, unless they have succeeded."""
        return {attempt.channel for attempt in new.attempts}

    def _real(self, uid: str, attempt: Attempt) -> None:
        calls = [each for each in self.calls[uid, attempt.channel] if each.number == attempt.number]
        require(calls, f"{uid}:{attempt.channel}:{attempt.number} is recorded but was never made")
        ends = {each.end for each in calls}
        require(
            ("success" in ends) if attempt.succeeded else (ends != {"success"}), f"{uid} is recorded wrongly"
        )
        require(not (attempt.refused and ends.isdisjoint(REFUSED)), f"{uid} may have arrived, but is refused")

    def audited(self, log: AuditLog) -> None:
        """Check the audit store: it holds what the statuses hold, each fact once, and nothing else.

        The next reconciliation publishes what a write recorded whose answer was lost, unless the object is gone.
        """
        require(not log.changed, f"audit events came again with another content: {log.changed}")
        rest = dict(log.events)
        for notification in self.latest.values():
            stays = self._read(notification.uid) is not None
            for event, who in self._due(notification):
                stored = rest.pop(event["event_id"], None)
                excused = not stays or who in self.unreliable
                require(stored or excused, f"an audit event is lost: {event}")
                require(stored in (None, event), f"an audit event is wrong: {stored}")
        for notification in self.replaced:
            for event, _ in self._due(notification):
                rest.pop(event["event_id"], None)
        require(not rest, f"audit events without a fact: {rest}")

    def _due(self, notification: Notification) -> Iterable[tuple[dict[str, Any], str]]:
        """Yield every audit event of a notification, and the writer that recorded its fact."""
        facts = [attempt.key for attempt in notification.attempts] + [END]
        content = redact_content(notification.content, ALL_RULES)
        events = audit.all_events(notification, content=content)
        for event, fact in zip(events, facts, strict=False):
            yield event, self.writers[notification.uid, fact]
