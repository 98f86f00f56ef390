"""The namespaces that are served, all of them or the ones that match a label selector, and the labels of namespaces.

The API server applies the selector. A namespace that begins to match is ADDED to this watch; a namespace
that no longer matches is DELETED.
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

import structlog

from notification_domain.json_values import mapping
from notification_operator.watch.notifications import DELETED, Listing
from notification_runtime.kube.collection_watch import (
    Changed,
    Collection,
    Failed,
    Listed,
    Removed,
    TaskSet,
    retry_delay,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from notification_operator.watch.notifications import EventHandler
    from notification_runtime.kube.collection_watch import Event, KubeWatches
    from notification_runtime.kube.objects import Pages

logger = structlog.get_logger(__name__)

NAMESPACES: Final = Collection(path="/api/v1/namespaces", name="namespaces", metadata_only=True)
NO_LABELS: Final[Mapping[str, Mapping[str, str]]] = {}


class AllNamespaces:
    """Serves every namespace."""

    def __contains__(self, _name: object) -> bool:
        return True

    def served_since(self, _name: str) -> object | None:
        """Return the same for every namespace: each is served all the time."""
        return True

    def observe(self, on_change: Callable[[str], None]) -> None:
        """Never call the function: the namespaces do not change."""


class SelectedNamespaces:
    """Serves the namespaces that match; the notifications of a namespace that begins to match are listed once.

    Args:
        pages: lists the open notifications.
    """

    def __init__(self, pages: Pages) -> None:
        self._pages = pages
        self._names: dict[str, asyncio.Task[None]] = {}
        """The namespaces that match, each with its listing, which identifies the time since it began to match."""
        self._on_change: list[Callable[[str], None]] = []

    def observe(self, on_change: Callable[[str], None]) -> None:
        """Call a function with each namespace that begins or ceases to match, from now on."""
        self._on_change.append(on_change)

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def served_since(self, name: str) -> object | None:
        """Return what identifies the time since a namespace is served; None if it is not.

        Where a namespace is served again, another operator may have worked on it meanwhile.
        """
        return self._names.get(name)

    def note(self, event_type: str | None, name: str, handler: EventHandler) -> None:
        """Handle an event of the namespace watch.

        The listing is not awaited: kopf handles the events of a namespace one after another, and it may leave meanwhile.
        """
        if event_type == DELETED:
            self.leave(name)
        elif name not in self._names:
            self._names[name] = asyncio.create_task(self._list(name, handler), name=f"listing of {name}")
            logger.info("namespace joined", namespace=name)
            self._report(name)

    def begin_listing(self, _namespace: str | None) -> Listing[str]:
        """Begin to compare a listing of the namespaces that match with the served ones.

        Kopf's handler is called with each of them, because it lists what is in the namespace.
        """
        return Listing(self._names, key_of=lambda obj: obj["metadata"]["name"], on_missing=self.leave)

    def leave(self, name: str) -> None:
        """Serve a namespace no longer."""
        if listing := self._names.pop(name, None):
            listing.cancel()
        logger.info("namespace left", namespace=name)
        self._report(name)

    def close(self) -> None:
        """End the listings."""
        for listing in self._names.values():
            listing.cancel()

    def _report(self, name: str) -> None:
        for on_change in self._on_change:
            on_change(name)

    async def _list(self, name: str, handler: EventHandler) -> None:
        """Enqueue the existing notifications; retry until the API server answers."""
        failures = 0
        while True:
            try:
                async for page in self._pages(name):
                    for obj in page:
                        handler.handle(None, obj)
            except Exception as error:  # noqa: BLE001 - without its listing, a namespace would wait for a restart
                failures += 1
                logger.warning(
                    "namespace not listed; retrying", namespace=name, error=str(error) or repr(error)
                )
                await asyncio.sleep(retry_delay(failures))
            else:
                return


class NamespaceLabels:
    """The labels of the namespaces, for receivers that select by them who may use them.

    They are followed while they are wanted: most clusters have no receiver that needs them.
    """

    def __init__(self, watches: KubeWatches) -> None:
        self._watch = watches.open(NAMESPACES, _name_and_labels)
        self._tasks: TaskSet[str] = TaskSet(self._follow)
        self._on_change: Callable[[], None] = lambda: None
        self.labels: Mapping[str, Mapping[str, str]] = NO_LABELS
        """The labels by the name of the namespace; empty while nothing is known of any."""
        self.answered = False
        """Whether the namespaces were listed, or the account may not list them."""

    @property
    def error(self) -> str:
        """Why the namespaces cannot be followed now; empty while they can, or are not wanted."""
        return self._watch.error if self._tasks.wanted else ""

    def want(self, *, wanted: bool) -> None:
        """Follow the namespaces from now on, or no longer."""
        self._tasks.want(frozenset({NAMESPACES.name}) if wanted else frozenset())

    async def run(self, on_change: Callable[[], None]) -> None:
        """Work until cancelled; call `on_change` after the first answer, and after each change of labels."""
        self._on_change = on_change
        await self._tasks.run()

    async def _follow(self, _name: str) -> None:
        try:
            async for event in self._watch.changes():
                self._handle(event)
        finally:
            self.labels, self.answered = NO_LABELS, False

    def _handle(self, event: Event[tuple[str, Mapping[str, str]]]) -> None:
        match event:
            case Listed(items=items):
                self._set(dict(items))
            case Changed(item=(name, labels)):
                self._set({**self.labels, name: labels})
            case Removed(item=(name, _)):
                self._set({each: labels for each, labels in self.labels.items() if each != name})
            case Failed(error=error) if error.status == HTTPStatus.FORBIDDEN and not self.answered:
                logger.warning(
                    "namespaces not readable: selectors in allowedNamespaces match nothing",
                    error=str(error),
                    hint="allow the operator's service account to list and watch namespaces",
                )
                self._set(NO_LABELS)

    def _set(self, labels: Mapping[str, Mapping[str, str]]) -> None:
        if self.answered and labels == self.labels:
            return
        self.labels, self.answered = labels, True
        self._on_change()


def _name_and_labels(obj: Mapping[str, Any]) -> tuple[str, Mapping[str, str]]:
    meta = mapping(obj.get("metadata"))
    return meta["name"], dict(mapping(meta.get("labels")))
