"""What the page shows: read from the API server, with the user's rights."""

from __future__ import annotations

from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from notification_cli.actions.listing import phase_selector
from notification_cli.actions.single import explained
from notification_cli.errors import ApiError, CliError, ExitCode
from notification_cli.kube.resources import Notifications, Selection
from notification_cli.views.rows import ReceiverFilter, receivers_of
from notification_domain.incident import incident_selector

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from datetime import datetime

    from notification_cli.kube.resources import Receivers
    from notification_cli.rules import Rules
    from notification_cli.session import Session
    from notification_cli.views.explaining.explanation import Explanation
    from notification_domain.model import Notification

PAGE: Final = 100
LEAST_STEP: Final = 25
"""Notifications that are read at once where a filter of our own applies: a page that has no room for so many is full."""
MOST_SCANNED: Final = 2000
"""Notifications that are read for one page where a filter of our own applies."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    namespace: str = ""
    phases: Sequence[str] = ()
    labels: str = ""
    receiver: str = ""
    """`NAME` or `NAMESPACE/NAME`; empty for any."""
    name: str = ""
    """The name of a single notification; empty for a list."""
    incident: str = ""
    """The `spec.dedupKey` of the notifications; empty for any."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    objects: Sequence[dict[str, Any]]
    next: str
    version: str
    scanned: int = 0
    """How many notifications were read for it, if more than it has; else 0."""


NOTHING: Final = Listed(objects=(), next="", version="")


class Source:
    """Reads what the page shows. Each method raises `CliError` for what does not exist or cannot be read."""

    def __init__(self, session: Session, rules: Rules) -> None:
        self._session = session
        self._notifications: Notifications = session.notifications
        self._receivers: Receivers = session.receivers
        self._rules = rules

    async def page(self, chosen: Filter, start: str) -> Listed:
        if chosen.receiver:
            return await self._filtered(chosen, start)
        objects: list[dict[str, Any]] = []
        version, following = "", start
        async for page in self._notifications.pages(_selection(chosen), limit=PAGE, start=start):
            objects += page.items
            version, following = version or page.version, page.next
        return Listed(objects=objects, next=following, version=version)

    async def _filtered(self, chosen: Filter, start: str) -> Listed:
        """Return a page of what is for a receiver: no selector of the API server knows receivers."""
        try:
            receiver = ReceiverFilter.parse(chosen.receiver)
        except ValueError as error:
            raise CliError(f"filter for a receiver: {error}", code=ExitCode.USAGE) from None
        objects: list[dict[str, Any]] = []
        version, following, scanned = "", start, 0
        while (step := PAGE - len(objects)) >= LEAST_STEP and scanned < MOST_SCANNED:
            page = await self._notifications.page(_selection(chosen), limit=step, start=following)
            objects += [obj for obj in page.items if receiver.matches(receivers_of(obj))]
            version, following, scanned = version or page.version, page.next, scanned + len(page.items)
            if not following:
                break
        return Listed(objects=objects, next=following, version=version, scanned=scanned)

    async def incident(self, namespace: str, key: str) -> Listed:
        """Return the notifications of an incident; none without the right to list them, or if the CRD is older than incidents."""
        selection = _selection(Filter(namespace=namespace, incident=key))
        objects: list[dict[str, Any]] = []
        version = ""
        try:
            async for page in self._notifications.pages(selection, limit=MOST_SCANNED):
                objects += page.items
                version = version or page.version
        except ApiError as error:
            if not (error.unselectable or error.status == HTTPStatus.FORBIDDEN):
                raise
            return NOTHING
        return Listed(objects=objects, next="", version=version)

    async def get(self, namespace: str, name: str) -> dict[str, Any]:
        return await self._notifications.get(namespace, name)

    def changes(self, chosen: Filter, version: str) -> AsyncIterator[dict[str, Any]]:
        return self._notifications.changes(_selection(chosen), version)

    async def explained(self, notification: Notification, now: datetime) -> Explanation:
        explanation, missing = await explained(
            self._session, notification, rules=self._rules, home=self._rules.namespace, now=now
        )
        return replace(explanation, notes=(*explanation.notes, *missing))

    async def receivers(self, namespace: str, start: str) -> Listed:
        page = await self._receivers.page(Selection(namespace=namespace), limit=PAGE, start=start)
        return Listed(objects=page.items, next=page.next, version=page.version)

    async def receiver(self, namespace: str, name: str) -> dict[str, Any]:
        return await self._receivers.get(namespace, name)

    def receiver_changes(self, chosen: Filter, version: str) -> AsyncIterator[dict[str, Any]]:
        return self._receivers.changes(_selection(replace(chosen, phases=(), labels="")), version)


def _selection(chosen: Filter) -> Selection:
    if chosen.incident:
        return Selection(namespace=chosen.namespace, fields=incident_selector(chosen.incident))
    fields = f"metadata.name={chosen.name}" if chosen.name else phase_selector(chosen.phases)
    return Selection(namespace=chosen.namespace, labels=chosen.labels, fields=fields)
