"""Atomic status updates for any Kubernetes controller: fresh read, change in memory, one write.

The kit keeps three rules for its user:

- DD-PERF-001: all changes of a reconciliation are made in memory and written in one status update.
- SP-CACHE-001: the base of a write is read from the API server, past every cache.
- DD-STATUS-001: the change is decided from that fresh read, inside the retry-on-conflict loop.

It knows no controller framework and no resource kind. A controller brings a `StatusStore`
(`KubeStatusStore` speaks to an API server) and a pure function from an object to its next status::

    applied = await apply(store, ref, lambda obj: {**obj.get("status", {}), "ready": True})

docs/contributing/atomic-status.md is its page; `atomic_status.testing` holds what tests of controllers and of other
stores need.
"""

from atomic_status._apply import (
    DEFAULT_MAX_ATTEMPTS,
    DEFAULT_RETRY_DELAY,
    Applied,
    Change,
    Unchanged,
    apply,
)
from atomic_status._kube import KubeStatusStore, Resource
from atomic_status._ports import JsonObject, ObjectRef, StatusStore
from atomic_status.errors import Conflict, ConflictExhausted, Gone, Rejected, StatusError, Unavailable

__all__ = [
    "DEFAULT_MAX_ATTEMPTS",
    "DEFAULT_RETRY_DELAY",
    "Applied",
    "Change",
    "Conflict",
    "ConflictExhausted",
    "Gone",
    "JsonObject",
    "KubeStatusStore",
    "ObjectRef",
    "Rejected",
    "Resource",
    "StatusError",
    "StatusStore",
    "Unavailable",
    "Unchanged",
    "apply",
]
