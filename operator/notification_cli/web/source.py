"""What the page shows: read from the API server, with the user's rights."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Protocol

from notification_cli.actions.listing import phase_selector
from notification_cli.actions.single import explained
from notification_cli.kube.notifications import Notifications, Selection

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from datetime import datetime

    from notification_cli.rules import Rules
    from notification_cli.session import Session
    from notification_cli.views.explanation import Explanation
    from notification_operator.domain.model import Notification

PAGE: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """What the list shows."""

    namespace: str = ""
    phases: Sequence[str] = ()
    labels: str = ""
    name: str = ""
    """Set for a single notification."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """One page of the list."""

    objects: Sequence[dict[str, Any]]
    next: str
    version: str


class Source(Protocol):
    """Where the page reads notifications."""

    async def page(self, chosen: Filter, start: str) -> Listed:
        """Return the page that starts there.

        Raises:
            CliError: it cannot be read.
        """
        ...

    async def get(self, namespace: str, name: str) -> dict[str, Any]:
        """Return one notification.

        Raises:
            CliError: it does not exist, or cannot be read.
        """
        ...

    def changes(self, chosen: Filter, version: str) -> AsyncIterator[dict[str, Any]]:
        """Yield the events after a version, until the API server ends the watch."""
        ...

    async def explained(self, notification: Notification, now: datetime) -> Explanation:
        """Return why a notification goes where it goes, as far as that can be read."""
        ...


class ClusterSource:
    """Reads from the API server."""

    def __init__(self, session: Session, rules: Rules) -> None:
        self._session = session
        self._notifications: Notifications = session.notifications
        self._rules = rules

    async def page(self, chosen: Filter, start: str) -> Listed:
        """See `Source.page`."""
        objects: list[dict[str, Any]] = []
        version, following = "", start
        async for page in self._notifications.pages(_selection(chosen), limit=PAGE, start=start):
            objects += page.items
            version, following = version or page.version, page.next
        return Listed(objects=objects, next=following, version=version)

    async def get(self, namespace: str, name: str) -> dict[str, Any]:
        """See `Source.get`."""
        return await self._notifications.get(namespace, name)

    def changes(self, chosen: Filter, version: str) -> AsyncIterator[dict[str, Any]]:
        """See `Source.changes`."""
        return self._notifications.changes(_selection(chosen), version)

    async def explained(self, notification: Notification, now: datetime) -> Explanation:
        """See `Source.explained`."""
        explanation, missing = await explained(
            self._session, notification, rules=self._rules, home=self._rules.namespace, now=now
        )
        return replace(explanation, notes=(*explanation.notes, *missing))


def _selection(chosen: Filter) -> Selection:
    fields = f"metadata.name={chosen.name}" if chosen.name else phase_selector(chosen.phases)
    return Selection(namespace=chosen.namespace, labels=chosen.labels, fields=fields)
