"""The sources of heartbeats: kept up to date in memory, as they were last seen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from notification_operator.domain.heartbeats.beats import Beats
from notification_operator.kube.objects import SOURCE_RESOURCE, collection
from notification_operator.watch.collection_watch import Changed, Collection, Listed, Removed

if TYPE_CHECKING:
    from collections.abc import Collection as Items
    from collections.abc import Container, Mapping

    from notification_operator.watch.collection_watch import KubeWatches

CRD_HINT: Final = "apply the CRD of NotificationSource, which comes with the gateway; until then there are no heartbeats to report"


class Seen(NamedTuple):
    """A source as an event shows it."""

    uid: str
    beats: Beats | None
    """None for a source of another type."""

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Seen:
        """Return what is worth its memory of a source."""
        return cls(document["metadata"]["uid"], Beats.parse(document))


class HeartbeatSources:
    """Follows the sources of the type heartbeat.

    Args:
        home: the operator's own namespace.
        everywhere: whether sources of other namespaces count, too.
        served: contains the other namespaces that this operator serves.
    """

    def __init__(self, watches: KubeWatches, *, home: str, everywhere: bool, served: Container[str]) -> None:
        namespace = None if everywhere else home
        self._watch = watches.open(
            Collection(
                path=collection(SOURCE_RESOURCE, namespace),
                name=f"sources in namespace {namespace}" if namespace else "sources",
                crd=SOURCE_RESOURCE,
            ),
            Seen.of,
        )
        self._home = home
        self._served = served
        self._beats: dict[str, Beats] = {}
        """By uid."""

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
                    self._beats = {seen.uid: seen.beats for seen in items if seen.beats is not None}
                case Changed(item=seen):
                    self._put(seen)
                case Removed(item=seen):
                    self._beats.pop(seen.uid, None)
                case _:
                    continue  # a failure, which is retried

    def take(self, document: Mapping[str, Any]) -> None:
        """Take in a source that was read, unless it was deleted since: no event would remove it again."""
        seen = Seen.of(document)
        if seen.uid in self._beats:
            self._put(seen)

    def _put(self, seen: Seen) -> None:
        if seen.beats is None:
            self._beats.pop(seen.uid, None)
        else:
            self._beats[seen.uid] = seen.beats
