"""A Kubernetes Event as a value, and its JSON as the API server accepts it. Pure."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datetime import datetime

GROUP, VERSION = "events.k8s.io", "v1"
CONTROLLER = "kubernaut.ai/notification-operator"
MAX_NOTE, MAX_NAME, MAX_INSTANCE = 1024, 253, 128
"""Bytes that the API server accepts."""


class EventType(StrEnum):
    """Whether an Event may call for action."""

    NORMAL = "Normal"
    WARNING = "Warning"


@dataclass(frozen=True, slots=True, kw_only=True)
class Regarding:
    """The object that an Event is about; the Event is created in its namespace."""

    api_version: str
    kind: str
    namespace: str
    name: str
    uid: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """An occurrence about an object: `reason` and `action` are one word each, `note` is a sentence."""

    regarding: Regarding
    type: EventType
    reason: str
    action: str
    note: str
    at: datetime

    @property
    def content(self) -> str:
        """A digest of everything but the time; equal for Events that repeat each other."""
        parts = (self.regarding.uid, self.regarding.kind, self.type, self.reason, self.action, self.note)
        return _digest(*parts)

    @property
    def name(self) -> str:
        """The name of the Event's object; equal only for the same occurrence."""
        digest = _digest(self.content, self.at.isoformat())
        length = MAX_NAME - len(digest) - 1
        return f"{self.regarding.name[:length].rstrip('-.')}.{digest}"

    def body(self, instance: str, *, count: int = 1) -> dict[str, Any]:
        """Return the object to create.

        Args:
            instance: the process that posts it.
            count: the number of occurrences so far, this one included.
        """
        regarding = self.regarding
        reference = {
            "apiVersion": regarding.api_version,
            "kind": regarding.kind,
            "namespace": regarding.namespace,
            "name": regarding.name,
        }
        return {
            "apiVersion": f"{GROUP}/{VERSION}",
            "kind": "Event",
            "metadata": {"namespace": regarding.namespace, "name": self.name},
            "eventTime": _micro_time(self.at),
            "type": self.type.value,
            "reason": self.reason,
            "action": self.action,
            "note": _truncate(self.note),
            "regarding": reference | ({"uid": regarding.uid} if regarding.uid else {}),
            "reportingController": CONTROLLER,
            "reportingInstance": instance[:MAX_INSTANCE],
            **({"series": {"count": count, "lastObservedTime": _micro_time(self.at)}} if count > 1 else {}),
        }


def _digest(*parts: str) -> str:
    return hashlib.blake2b("\0".join(parts).encode(errors="replace"), digest_size=8).hexdigest()


def _micro_time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%S.%f}Z"


def _truncate(note: str) -> str:
    """Return a note within the API server's limit, which counts bytes."""
    raw = note.encode(errors="replace")
    if len(raw) <= MAX_NOTE:
        return raw.decode()
    return raw[: MAX_NOTE - len("…".encode())].decode(errors="ignore") + "…"
