"""The labels of the namespaces, for receivers that select by them who may use them."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

import structlog

from notification_operator.domain.json_values import mapping
from notification_operator.watch.collection_watch import Changed, Collection, Failed, Listed, Removed
from notification_operator.watch.receivers.references import TaskSet

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from notification_operator.watch.collection_watch import Event, KubeWatches

NAMESPACES: Final = Collection(path="/api/v1/namespaces", name="namespaces", metadata_only=True)
NONE: Final[Mapping[str, Mapping[str, str]]] = {}

logger = structlog.get_logger(__name__)


class NamespaceLabels:
    """Follows the namespaces while they are wanted: most clusters have no receiver that needs them."""

    def __init__(self, watches: KubeWatches) -> None:
        self._watch = watches.open(NAMESPACES, _name_and_labels)
        self._tasks: TaskSet[str] = TaskSet(self._follow)
        self._on_change: Callable[[], None] = _nothing
        self.labels: Mapping[str, Mapping[str, str]] = NONE
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
            self.labels, self.answered = NONE, False

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
                self._set(NONE)

    def _set(self, labels: Mapping[str, Mapping[str, str]]) -> None:
        if self.answered and labels == self.labels:
            return
        self.labels, self.answered = labels, True
        self._on_change()


def _name_and_labels(obj: Mapping[str, Any]) -> tuple[str, Mapping[str, str]]:
    meta = mapping(obj.get("metadata"))
    return meta["name"], dict(mapping(meta.get("labels")))


def _nothing() -> None:
    pass
