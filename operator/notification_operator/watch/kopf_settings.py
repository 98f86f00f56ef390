"""Kopf set up to watch and to do nothing else: it stores nothing, posts nothing, scans nothing.

Its storages do nothing on purpose. They would write annotations, which DD-PERF-001 forbids, and they
copy each object several times on every event, although nobody asks what has changed in it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import kopf

if TYPE_CHECKING:
    from atomic_status import Resource
    from notification_contract.settings import Watch

EMPTY = kopf.BodyEssence({})
IDLE_SECONDS = 0.05
"""How long what is there for an object's events, its last body among it, outlives the last one."""
PAGE = 500
"""Objects that a listing brings at once; as a whole it may be larger than this process."""


class NoDiffBase(kopf.DiffBaseStorage):
    """Keeps no last-seen state: no handler is interested in differences."""

    def build(self, **_: object) -> kopf.BodyEssence:
        """Return that there is nothing to compare."""
        return EMPTY

    def fetch(self, **_: object) -> kopf.BodyEssence:
        """Return the same, which ends the comparison at once."""
        return EMPTY

    def store(self, **_: object) -> None:
        """Store nothing."""


class NoProgress(kopf.ProgressStorage):
    """Keeps no progress of handlers: there are only handlers of events, which have none."""

    def fetch(self, **_: object) -> None:
        """Return that there is no progress."""

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
    """Return kopf's settings for an operator that only listens.

    `selector` is the field selector of the resource's objects; an empty one lets all of them be watched.
    """
    settings = kopf.OperatorSettings()
    settings.persistence.diffbase_storage = NoDiffBase()
    settings.persistence.progress_storage = NoProgress()
    # Both would need permissions, and the second one makes an API call for each log line.
    settings.scanning.disabled = True
    settings.posting.enabled = False
    # A task for each object lingers so long after its last event; hundreds a second would pile up.
    settings.queueing.idle_timeout = IDLE_SECONDS
    settings.watching.chunk_size = PAGE
    if selector:
        settings.watching.field_selectors[resource.group, resource.version, resource.plural] = selector
    if watch.namespace_selector is not None:
        settings.watching.label_selectors["v1", "namespaces"] = watch.namespace_selector
    return settings
