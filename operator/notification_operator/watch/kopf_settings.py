"""Settings that make kopf watch and do nothing else: it stores nothing, posts nothing, scans nothing.

The storages do nothing on purpose. Kopf's own ones write annotations, which DD-PERF-001 forbids, and copy each
object several times per event, although no handler asks for a difference.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import kopf

if TYPE_CHECKING:
    from atomic_status import Resource
    from notification_contract.settings import Watch

EMPTY = kopf.BodyEssence({})
IDLE_SECONDS = 0.05
"""Seconds for which kopf keeps the worker and the last body of an object after its last event."""
PAGE = 500
"""Objects per page of a listing; a whole listing may not fit into memory."""


class NoDiffBase(kopf.DiffBaseStorage):
    """Keeps no last-seen state: no handler uses differences."""

    def build(self, **_: object) -> kopf.BodyEssence:
        """Return nothing to compare."""
        return EMPTY

    def fetch(self, **_: object) -> kopf.BodyEssence:
        """Return the same, which ends the comparison."""
        return EMPTY

    def store(self, **_: object) -> None:
        """Store nothing."""


class NoProgress(kopf.ProgressStorage):
    """Keeps no progress: event handlers have none."""

    def fetch(self, **_: object) -> None:
        """Return no progress."""

    def store(self, **_: object) -> None:
        """Store nothing."""

    def purge(self, **_: object) -> None:
        """Purge nothing."""

    def touch(self, **_: object) -> None:
        """Touch nothing."""

    def clear(self, *, essence: kopf.BodyEssence) -> kopf.BodyEssence:
        """Return the essence as it is."""
        return essence


def kopf_settings(watch: Watch, resource: Resource, selector: str) -> kopf.OperatorSettings:
    """Return kopf's settings for an operator that only watches.

    `selector` is the field selector of the resource's objects; an empty one selects all.
    """
    settings = kopf.OperatorSettings()
    settings.persistence.diffbase_storage = NoDiffBase()
    settings.persistence.progress_storage = NoProgress()
    # Both need permissions, and the second one makes an API call per log line.
    settings.scanning.disabled = True
    settings.posting.enabled = False
    # Kopf keeps a task per object for this long after its last event; at hundreds per second they add up.
    settings.queueing.idle_timeout = IDLE_SECONDS
    settings.watching.chunk_size = PAGE
    if selector:
        settings.watching.field_selectors[resource.group, resource.version, resource.plural] = selector
    if watch.namespace_selector is not None:
        settings.watching.label_selectors["v1", "namespaces"] = watch.namespace_selector
    return settings
