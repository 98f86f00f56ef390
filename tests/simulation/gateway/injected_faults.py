"""Stores with one mistake each that the design of the gateway removes: a simulation that did not find them would prove nothing."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING, Any

from notification_gateway.store import IncidentEvent, RequestStore, Stored

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from datetime import datetime

    from notification_domain.mapping.translation import Notification


NUMBERS = count()


class NamelessStore(RequestStore):
    """Each creation has a name of its own, so that a repeat is another notification."""

    async def create(self, namespace: str, wanted: Notification, *, dry_run: bool = False) -> Stored:
        unique = replace(wanted, name=f"{wanted.name}-{next(NUMBERS)}")
        return await super().create(namespace, unique, dry_run=dry_run)


class EagerStore(RequestStore):
    """The answer comes before the notification is stored, so that a crash or a lost request loses it."""

    async def create_all(
        self,
        namespace: str,
        wanted: Sequence[Notification],
        complete: Callable[[Notification], Awaitable[Notification]],
        *,
        now: datetime,
    ) -> list[Stored]:
        self.later = asyncio.ensure_future(super().create_all(namespace, wanted, complete, now=now))
        self.later.add_done_callback(_retrieve)
        return [Stored(name=each.name, uid="", is_new=True) for each in wanted]


class ForgetfulStore(RequestStore):
    """The name of the period before is not looked for, so that a repeat after its end is another notification."""

    async def earlier(self, namespace: str, wanted: Notification, *, now: datetime) -> Stored | Notification:
        del namespace, now
        return wanted


class DeafStore(RequestStore):
    """No Resolve is looked for, so that what fires again after it is a repeat."""

    async def last_resolve(self, namespace: str, wanted: Notification) -> IncidentEvent | None:
        del namespace, wanted
        return None


class BlindStore(RequestStore):
    """No Trigger is looked for, so that the Resolve of one that arrived late is a repeat."""

    async def last_trigger(self, namespace: str, wanted: Notification) -> IncidentEvent | None:
        del namespace, wanted
        return None


def _retrieve(task: asyncio.Future[Any]) -> None:
    if not task.cancelled():
        task.exception()


FAULTS = {
    "nameless": (NamelessStore, "is told"),
    "eager": (EagerStore, "is stored"),
    "forgetful": (ForgetfulStore, "is told twice within"),
    "deaf": (DeafStore, "is stored"),
    "blind": (BlindStore, "is open"),
}
"""By name: the store with the mistake, and words of the violation that it causes."""
