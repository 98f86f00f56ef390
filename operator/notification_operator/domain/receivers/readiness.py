"""Whether messages can be sent to a receiver: the facts behind its conditions Ready and ResolvedRefs."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from notification_operator.domain.receivers.references import ReferenceReason


class ReadyReason(StrEnum):
    ACCEPTED = "Accepted"
    INVALID = "Invalid"
    NOT_ALLOWED = "NotAllowed"
    TEMPLATE_INVALID = "TemplateInvalid"
    REFERENCES_NOT_RESOLVED = "ReferencesNotResolved"
    """The spec is valid, and a Secret is missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Readiness:
    """What one replica found out about a receiver; `reason` is Accepted while nothing is wrong with the spec.

    It names no receiver: most of a thousand have an equal one, which is kept once.
    """

    generation: int = 0
    """The generation of the spec that was examined."""
    references: ReferenceReason = ReferenceReason.NONE
    references_message: str = ""
    secret_version: str = ""
    """Changes with every change of a Secret."""
    reason: ReadyReason = ReadyReason.ACCEPTED
    message: str = ""
    sendable: bool = True
    """Whether messages are sent although something may be wrong."""

    @property
    def problem(self) -> str:
        """What is wrong, in a sentence; empty if nothing is."""
        return self.message if self.references.resolved else self.references_message

    @property
    def condition(self) -> tuple[ReadyReason, str]:
        """Reason and message of the condition Ready."""
        if self.reason is ReadyReason.ACCEPTED and not self.references.resolved:
            return ReadyReason.REFERENCES_NOT_RESOLVED, self.references_message
        return self.reason, self.message or "The spec is valid"
