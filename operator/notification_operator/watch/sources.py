"""The sources of heartbeats: kept up to date in memory, as they were last seen, within the quota of the gateway (DD-QUOTA-001)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from notification_domain.heartbeats.beats import Beats
from notification_domain.json_values import text
from notification_domain.key import Key
from notification_domain.quota import places
from notification_runtime.kube.collection_watch import Changed, Collection, Listed, Removed
from notification_runtime.kube.objects import SOURCE_RESOURCE, collection

if TYPE_CHECKING:
    from collections.abc import Collection as Items
    from collections.abc import Container, Iterable, Mapping

    from notification_domain.quota import Quota
    from notification_runtime.kube.collection_watch import KubeWatches

CRD_HINT: Final = "apply the CRD of NotificationSource, which comes with the gateway; until then there are no heartbeats to report"


class Seen(NamedTuple):
    """A source as an event shows it."""

    key: Key
    beats: Beats | None
    """None for a source of another type, and for one source too many."""


class HeartbeatSources:
    """Follows the sources of the type heartbeat.

    Args:
        home: the operator's own namespace.
        everywhere: whether sources of other namespaces count, too.
        served: contains the other namespaces that this operator serves.
        quota: says which sources are kept, as in the gateway.
    """

    def __init__(
        self,
        watches: KubeWatches,
        *,
        home: str,
        everywhere: bool,
        served: Container[str],
        quota: Quota[Key],
    ) -> None:
        namespace = None if everywhere else home
        self._watch = watches.open(
            Collection(
                path=collection(SOURCE_RESOURCE, namespace),
                name=f"sources in namespace {namespace}" if namespace else "sources",
                crd=SOURCE_RESOURCE,
            ),
            self._see,
        )
        self._home = home
        self._served = served
        self._quota = quota
        self._beats: dict[Key, Beats] = {}

    @property
    def beats(self) -> Items[Beats]:
        """The beats of every source that counts."""
        return [
            each
            for each in self._beats.values()
            if each.key.namespace == self._home or each.key.namespace in self._served
        ]

    async def run(self) -> None:
        """Follow the sources until cancelled."""
        async for event in self._watch.changes():
            match event:
                case Listed(items=items):
                    for key in frozenset(self._quota.keys) - {seen.key for seen in items}:
                        self._remove(key)
                    for seen in items:
                        self._put(seen)
                case Changed(item=seen):
                    self._put(seen)
                case Removed(item=seen):
                    self._remove(seen.key)
                case _:
                    continue  # a failure, which is retried

    def take(self, document: Mapping[str, Any]) -> None:
        """Take in a source that was read, unless it was deleted since: no event would remove it again."""
        beats = Beats.parse(document)
        if beats is not None and beats.key in self._beats:
            self._beats[beats.key] = beats

    def _see(self, document: Mapping[str, Any]) -> Seen:
        """Count a source, before the next one is read; return what is worth its memory."""
        metadata = document["metadata"]
        key = Key(metadata["namespace"], metadata["name"], metadata["uid"])
        created, size = text(metadata.get("creationTimestamp")), places(document.get("spec"))
        self._reconsider(self._quota.add(key, created=created, places=size))
        return Seen(key, None if self._quota.problem(key) else Beats.parse(document))

    def _reconsider(self, keys: Iterable[Key]) -> None:
        """Drop what is not kept any more; read again what is kept now."""
        for key in keys:
            if self._quota.problem(key):
                self._beats.pop(key, None)
            else:
                self._watch.expire()

    def _put(self, seen: Seen) -> None:
        if seen.beats is None or self._quota.problem(seen.key):
            self._beats.pop(seen.key, None)
        else:
            self._beats[seen.key] = seen.beats

    def _remove(self, key: Key) -> None:
        self._beats.pop(key, None)
        self._reconsider(self._quota.remove(key))
