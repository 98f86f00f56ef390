"""How the Kubernetes provider creates objects from version 4.29 on, played with an earlier one.

Without `upsertExistingObjects` it refuses what exists, with it a creation applies to what exists. A creation is a server-side
apply with a field manager that has not written the object.
"""

from __future__ import annotations

import json
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aiohttp import web

MANAGER = "pulumi-kubernetes"
"""The beginning of the provider's field managers."""
APPLY = "application/apply-patch"


class Manner(StrEnum):
    """The answer to a creation of what exists."""

    APPLY = "apply"
    """That of the API server; nothing is recorded."""
    REFUSE = "refuse"
    """409 AlreadyExists."""
    RECORD = "record"
    """That of the API server; the path is recorded."""


class Creations:
    def __init__(self) -> None:
        self.manner = Manner.APPLY
        self._existing: dict[str, None] = {}

    @property
    def existing(self) -> list[str]:
        """The paths of objects that existed when the provider created them, each once."""
        return list(self._existing)

    def concerns(self, request: web.Request) -> bool:
        """Return whether a request may be a creation by the provider."""
        return (
            self.manner != Manner.APPLY
            and request.method == "PATCH"
            and request.content_type.startswith(APPLY)
            and request.query.get("fieldManager", "").startswith(MANAGER)
        )

    def refuses(self, request: web.Request, present: bytes) -> bool:
        """Record the request if it creates the object that is `present`, and return whether that is refused."""
        metadata: dict[str, Any] = json.loads(present).get("metadata") or {}
        managers = {entry.get("manager") for entry in metadata.get("managedFields") or ()}
        if request.query["fieldManager"] in managers:
            return False
        self._existing[request.path] = None
        return self.manner == Manner.REFUSE


def already_exists(path: str) -> dict[str, Any]:
    """Return the Status of the refusal."""
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "status": "Failure",
        "message": f"{path.rpartition('/')[2]!r} already exists",
        "reason": "AlreadyExists",
        "code": 409,
    }
