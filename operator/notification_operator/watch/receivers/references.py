"""What the receivers of the catalog refer to: the objects to follow, and the receivers that a change concerns."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

from notification_operator.domain.receivers.references import object_keys, template_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from notification_operator.domain.receivers.catalog import Receiver, ReceiverKey
    from notification_operator.domain.receivers.references import ObjectKey
    from notification_operator.watch.receivers.catalog import ReceiverCatalog
    from notification_operator.watch.receivers.referenced_objects import ReferencedObjects


class Uses:
    """Which receivers use which objects of a kind."""

    def __init__(
        self, objects: ReferencedObjects, keys_of: Callable[[Receiver], Iterable[ObjectKey]]
    ) -> None:
        self.objects = objects
        self._keys_of = keys_of
        self._noted: dict[ReceiverKey, Receiver] = {}
        """The receivers that use any, as they were noted."""
        self._users: dict[ObjectKey, tuple[ReceiverKey, ...]] = {}

    def users(self, key: ObjectKey) -> frozenset[ReceiverKey]:
        """Return the receivers that use an object."""
        return frozenset(self._users.get(key, ()))

    def put(self, key: ReceiverKey, receiver: Receiver | None) -> None:
        """Note what a receiver uses now; None for one that is gone."""
        before = self._noted.get(key)
        if before is receiver:
            return
        self._noted.pop(key, None)
        for used in () if before is None else self._keys_of(before):
            users = tuple(user for user in self._users.pop(used) if user != key)
            if users:
                self._users[used] = users
        if receiver is None:
            return
        for used in self._keys_of(receiver):
            self._users[used] = (*self._users.get(used, ()), key)
            self._noted[key] = receiver

    def follow(self) -> None:
        """Follow what is used."""
        self.objects.follow(frozenset(self._users))


class ReceiverReferences:
    """Follows the Secrets and ConfigMaps that receivers refer to, as long as they do."""

    def __init__(
        self, catalog: ReceiverCatalog, *, secrets: ReferencedObjects, config_maps: ReferencedObjects
    ) -> None:
        self._catalog = catalog
        self._uses = (Uses(secrets, object_keys), Uses(config_maps, _template_keys))

    def update(self, changed: frozenset[ReceiverKey]) -> None:
        """Follow what the changed receivers refer to now."""
        for uses in self._uses:
            for key in sorted(changed):
                uses.put(key, self._catalog.catalog.get(key))
            uses.follow()

    async def run(self, on_change: Callable[[frozenset[ReceiverKey]], None]) -> None:
        """Work until cancelled; call `on_change` with the receivers whose Secret or ConfigMap has changed."""
        async with asyncio.TaskGroup() as tasks:
            for uses in self._uses:
                tasks.create_task(uses.objects.run(partial(_concern, uses, on_change)))


def _concern(uses: Uses, on_change: Callable[[frozenset[ReceiverKey]], None], key: ObjectKey) -> None:
    receivers = uses.users(key)
    if receivers:
        on_change(receivers)


def _template_keys(receiver: Receiver) -> tuple[ObjectKey, ...]:
    key = template_key(receiver)
    return () if key is None else (key,)
