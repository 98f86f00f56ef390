"""The receivers that a notification can reach, read as far as the user may."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from notification_cli.errors import ApiError, CliError
from notification_cli.kube.resources import Selection
from notification_cli.views.explaining.known import NOTHING_KNOWN, USUAL_CHANNELS, Known, declared
from notification_contract.kinds.channel_names import ReceiverType
from notification_contract.kinds.choices import NamespacesFrom
from notification_domain.receivers.catalog import Catalog, Receiver, ReceiverKey
from notification_domain.receivers.targets import receiver_of
from notification_domain.routing import choose

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from notification_cli.kube.resources import Receivers
    from notification_domain.model import Notification
    from notification_domain.routing import RoutingState

MOST: Final = 100
"""Receivers that are read for one notification: its targets, and the fallbacks that may follow them."""


async def known_receivers(
    receivers: Receivers,
    notification: Notification,
    rules: RoutingState | None,
    *,
    home: str,
    channels: frozenset[str] | None = None,
) -> Known:
    """Return the receivers that a notification names, that are defaults for its channels, and their fallbacks.

    Args:
        receivers: reads them.
        notification: as just read.
        rules: the routing rules; None if they cannot be read.
        home: the operator's namespace.
        channels: the channels of the operator's settings; None if they are not known.
    """
    names = _names(notification, rules)
    keys = [key for name in names if (key := receiver_of(name, notification.namespace)) is not None]
    keys += notification.receiver_refs
    defaults = _needs_defaults(notification, names, USUAL_CHANNELS if channels is None else channels)
    if not keys and not defaults:
        return replace(NOTHING_KNOWN, channels=channels)
    search = _Search(receivers, home=home)
    if defaults:
        await search.list_all(dict.fromkeys((notification.namespace, home)))
    await search.follow(keys)
    return await search.result(notification.namespace, channels)


def _names(notification: Notification, rules: RoutingState | None) -> tuple[str, ...]:
    """Return channels and targets: those of the status, of the spec, and of the present rules."""
    recorded = (*notification.status.target_names, *notification.resolved_channels)
    chosen: tuple[str, ...] = ()
    if rules is not None:
        status = replace(notification.status, resolved_channels=())
        chosen = choose(replace(notification, status=status), rules.table).targets
    return tuple(dict.fromkeys((*recorded, *notification.channels, *chosen)))


def _needs_defaults(notification: Notification, names: Iterable[str], channels: frozenset[str]) -> bool:
    """Return whether a default receiver may stand for a channel; recorded targets stay."""
    if notification.status.target_names:
        return False
    return any(name in set(ReceiverType) and name not in channels for name in names)


class _Search:
    """Collects receivers, and what keeps the user from reading them."""

    def __init__(self, receivers: Receivers, *, home: str) -> None:
        self._receivers = receivers
        self._home = home
        self._objects: dict[ReceiverKey, Mapping[str, Any]] = {}
        self._unreadable: dict[ReceiverKey, str] = {}
        self._asked: set[ReceiverKey] = set()
        self._notes: dict[str, None] = {}

    async def list_all(self, namespaces: Iterable[str]) -> None:
        for namespace in namespaces:
            try:
                async for page in self._receivers.pages(Selection(namespace=namespace)):
                    self._take(page.items)
            except ApiError as error:
                self._notes[str(error)] = None

    async def follow(self, keys: Iterable[ReceiverKey]) -> None:
        """Read some receivers, and then the fallbacks of all that are known."""
        waiting = list(keys)
        while waiting and len(self._asked) < MOST:
            new = [
                key for key in dict.fromkeys(waiting) if key not in self._asked and key not in self._objects
            ]
            self._asked.update(new)
            await asyncio.gather(*map(self._get, new))
            waiting = [
                key for key in self._fallbacks() if key not in self._asked and key not in self._objects
            ]

    def _fallbacks(self) -> list[ReceiverKey]:
        fallbacks = []
        for key, obj in self._objects.items():
            fallback = (obj.get("spec") or {}).get("fallback") or {}
            if fallback.get("name"):
                fallbacks.append(ReceiverKey(key.namespace, str(fallback["name"])))
        return fallbacks

    async def _get(self, key: ReceiverKey) -> None:
        try:
            self._take([await self._receivers.get(key.namespace, key.name)])
        except ApiError as error:
            self._unreadable[key] = str(error)
            self._notes[str(error)] = None
        except CliError:
            # It does not exist.
            pass

    def _take(self, objects: Iterable[Mapping[str, Any]]) -> None:
        for obj in objects:
            meta = obj["metadata"]
            self._objects[ReceiverKey(meta["namespace"], meta["name"])] = obj

    async def result(self, namespace: str, channels: frozenset[str] | None) -> Known:
        result = declared(self._objects, home=self._home)
        return replace(
            result,
            catalog=Catalog(
                home=self._home,
                receivers=result.catalog.receivers,
                labels=await self._labels(namespace, result.catalog.receivers.values()),
            ),
            unreadable=self._unreadable,
            channels=channels,
            notes=tuple(self._notes),
        )

    async def _labels(self, namespace: str, receivers: Iterable[Receiver]) -> Mapping[str, Mapping[str, str]]:
        """Return the labels of the namespace if they decide whether it may use a receiver."""
        selects = any(
            each.spec.allowed_namespaces.source is NamespacesFrom.SELECTOR and each.key.namespace != namespace
            for each in receivers
        )
        if not selects:
            return {}
        try:
            return {namespace: await self._receivers.namespace_labels(namespace)}
        except ApiError as error:
            self._notes[str(error)] = None
            return {}
