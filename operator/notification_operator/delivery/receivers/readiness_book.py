"""What was found out about each receiver: whether messages can be sent to it, and what it lacks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from notification_operator.domain.sharing import Pool

if TYPE_CHECKING:
    from notification_operator.domain.receivers.catalog import Receiver, ReceiverKey
    from notification_operator.domain.receivers.readiness import Readiness


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """The readiness of a receiver; another one of its name may have the same generation."""

    uid: str
    readiness: Readiness

    def is_of(self, receiver: Receiver) -> bool:
        """Return whether it is about this generation of a receiver."""
        return (self.uid, self.readiness.generation) == (receiver.uid, receiver.generation)


class ReadinessBook:
    """Remembers one finding for each receiver."""

    def __init__(self) -> None:
        self._findings: dict[ReceiverKey, Finding] = {}
        self._shared = Pool()

    def get(self, receiver: Receiver) -> Readiness | None:
        """Return what is remembered of this generation of a receiver."""
        finding = self._findings.get(receiver.key)
        return finding.readiness if finding is not None and finding.is_of(receiver) else None

    def put(self, receiver: Receiver, readiness: Readiness) -> Readiness:
        """Remember the readiness of a receiver, and return an equal one, which other receivers share."""
        readiness = self._shared.share(readiness)
        self._findings[receiver.key] = Finding(uid=receiver.uid, readiness=readiness)
        return readiness

    def forget(self, key: ReceiverKey) -> Finding | None:
        """Forget a receiver; return what was remembered of it."""
        return self._findings.pop(key, None)
