"""A Kubernetes Event as a value: about which object, and what the API server takes of it. Pure."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datetime import datetime

GROUP, VERSION = "events.k8s.io", "v1"
CONTROLLER = "kubernaut.ai/notification-operator"
LONGEST_NOTE, LONGEST_NAME, LONGEST_INSTANCE = 1024, 253, 128
"""Bytes that the API server takes at most."""


class Type(StrEnum):
    """Whether somebody may have to do something."""

    NORMAL = "Normal"
    WARNING = "Warning"


@dataclass(frozen=True, slots=True, kw_only=True)
class Regarding:
    """The object that an Event is about; the Event lies in its namespace."""

    api_version: str
    kind: str
    namespace: str
    name: str
    uid: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """What happened to an object: `reason` in one word, `note` in a sentence, `action` as what was done."""

    regarding: Regarding
    type: Type
    reason: str
    action: str
    note: str
    at: datetime

    @property
    def name(self) -> str:
        """The name of the Event's object: the same wherever the same is said of the same object."""
        said = (self.regarding.uid, self.regarding.kind, self.type, self.reason, self.action, self.note)
        digest = hashlib.blake2b("\0".join(said).encode(errors="replace"), digest_size=8).hexdigest()
        room = LONGEST_NAME - len(digest) - 1
        return f"{self.regarding.name[:room].rstrip('-.')}.{digest}"

    def body(self, instance: str) -> dict[str, Any]:
        """Return the object to create; `instance` says which process posts it."""
        about = self.regarding
        reference = {
            "apiVersion": about.api_version,
            "kind": about.kind,
            "namespace": about.namespace,
            "name": about.name,
        }
        return {
            "apiVersion": f"{GROUP}/{VERSION}",
            "kind": "Event",
            "metadata": {"namespace": about.namespace, "name": self.name},
            "eventTime": _time(self.at),
            "type": self.type.value,
            "reason": self.reason,
            "action": self.action,
            "note": _cut(self.note),
            "regarding": reference | ({"uid": about.uid} if about.uid else {}),
            "reportingController": CONTROLLER,
            "reportingInstance": instance[:LONGEST_INSTANCE],
        }

    def series(self, count: int) -> dict[str, Any]:
        """Return the patch that says that it happened for the `count`th time, at least the second."""
        return {"series": {"count": count, "lastObservedTime": _time(self.at)}}


def _time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%S.%f}Z"


def _cut(note: str) -> str:
    """Return a note that is not too long for the API server, which counts bytes."""
    raw = note.encode(errors="replace")
    if len(raw) <= LONGEST_NOTE:
        return raw.decode()
    return raw[: LONGEST_NOTE - len("…".encode())].decode(errors="ignore") + "…"
