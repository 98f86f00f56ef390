"""The Secrets and ConfigMaps that receivers refer to: each one is followed by its name, a Secret by its label, too.

So the account needs no permission for others, a new credential takes effect with its event, and no Secret enters the process unless its
owner lets receivers use it (DD-SECRET-001).
"""

from __future__ import annotations

import asyncio
from base64 import b64decode
from collections import Counter
from contextlib import aclosing
from dataclasses import dataclass, replace
from http import HTTPStatus
from sys import getsizeof
from typing import TYPE_CHECKING, Any, Final

import structlog

from notification_contract.kinds.secrets import GRANT, SECRET_TYPES
from notification_domain.json_values import mapping, text
from notification_domain.receivers.references import ObjectState, object_keys, template_key
from notification_runtime.kube.collection_watch import Changed, Collection, Failed, Listed, Removed, TaskSet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from notification_domain.receivers.catalog import Catalog, Receiver, ReceiverKey
    from notification_domain.receivers.references import ObjectKey
    from notification_runtime.kube.collection_watch import CollectionWatch, Event, KubeWatches

logger = structlog.get_logger(__name__)

UNKNOWN: Final = ObjectState()
"""Not looked for yet."""
MISSING: Final = ObjectState(known=True)
RETRY_SECONDS: Final = 30.0
"""A change whose handler has failed is handed on again after this time."""
MOST_OBJECTS: Final = 2_048
"""Secrets and ConfigMaps that are followed in other namespaces than the operator's: each takes a connection, which is 52 KB."""
MOST_BYTES: Final = 16 * 1024 * 1024
"""Bytes of their values."""
EXCESS_SECONDS: Final = 600.0
"""An object that was too much is read again after this time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectKind:
    """A kind of the API server itself whose objects hold values by key."""

    kind: str
    plural: str
    read: Callable[[str], str | None]
    """Returns a value from its JSON; None if it is not text."""
    label_selector: str = ""
    types: tuple[str, ...] = ()
    """The types of objects whose values are kept; empty for all."""


def _decoded(value: str) -> str | None:
    try:
        return b64decode(value).decode()
    except ValueError:
        return None


def _verbatim(value: str) -> str | None:
    return value


SECRETS: Final = ObjectKind(
    kind="Secret", plural="secrets", read=_decoded, label_selector=GRANT, types=SECRET_TYPES
)
CONFIG_MAPS: Final = ObjectKind(kind="ConfigMap", plural="configmaps", read=_verbatim)


class Taken:
    """What the objects take that are followed in other namespaces than the operator's, of all kinds together."""

    def __init__(self) -> None:
        self._bytes: Counter[str] = Counter()
        self._objects: Counter[str] = Counter()
        """Both by namespace."""

    def has_place(self, namespace: str) -> bool:
        """Return whether a namespace leaves as many places free as it takes with one object more."""
        return _leaves_as_much(self._objects, namespace, 1, MOST_OBJECTS)

    def has_room(self, namespace: str, size: int) -> bool:
        """Return whether a namespace leaves as many bytes free as it takes with so many more."""
        return size <= 0 or _leaves_as_much(self._bytes, namespace, size, MOST_BYTES)

    def add(self, namespace: str, size: int) -> None:
        self._bytes[namespace] += size
        self._objects[namespace] += 1

    def remove(self, namespace: str, size: int) -> None:
        self._bytes -= Counter({namespace: size})
        self._objects -= Counter({namespace: 1})


class ReferencedObjects:
    """Follows the objects of a kind that are wanted; what they hold is in no log.

    Args:
        home: the operator's own namespace.
        namespaced: whether objects of other namespaces are read, too.
        taken: what these take, which the kinds count together; None: this kind is the only one.
    """

    def __init__(
        self,
        watches: KubeWatches,
        kind: ObjectKind,
        *,
        home: str,
        namespaced: bool,
        taken: Taken | None = None,
    ) -> None:
        self._watches = watches
        self._kind = kind
        self._home = home
        self._namespaced = namespaced
        self._denied = ObjectState(
            known=True,
            denied=True,
            error=f"the operator reads {kind.kind}s in namespace {home} only; set receiversNamespaced in the stack",
        )
        self._states: dict[ObjectKey, ObjectState] = {}
        self._sizes: dict[ObjectKey, int] = {}
        """Bytes of the values of each object of another namespace that is followed."""
        self._taken = taken or Taken()
        self._tasks: TaskSet[ObjectKey] = TaskSet(self._follow)
        self._on_change: Callable[[ObjectKey], None] = lambda _key: None

    def get(self, key: ObjectKey) -> ObjectState:
        """Return the state of an object; an unknown one for an object that is not followed."""
        return self._states.get(key, UNKNOWN) if self._may_read(key) else self._denied

    def follow(self, wanted: frozenset[ObjectKey]) -> None:
        self._tasks.want(frozenset(filter(self._may_read, wanted)))

    async def run(self, on_change: Callable[[ObjectKey], None]) -> None:
        """Work until cancelled; call `on_change` when an object is first known, and after each change of it."""
        self._on_change = on_change
        await self._tasks.run()

    def _may_read(self, key: ObjectKey) -> bool:
        return self._namespaced or key.namespace == self._home

    async def _follow(self, key: ObjectKey) -> None:
        try:
            while True:
                async with aclosing(self._open(key).changes()) as events:  # type: ignore[type-var]  # a generator
                    async for event in events:
                        fits = self._take(key, event)
                        # What is too much is not kept until then either.
                        del event
                        if not fits:
                            break
                await asyncio.sleep(EXCESS_SECONDS)
        finally:
            self._states.pop(key, None)
            self._release(key)

    def _take(self, key: ObjectKey, event: Event[ObjectState]) -> bool:
        """Take in an event; return whether there is room for the object."""
        state = _next(self.get(key), event)
        fits = self._takes(key, state)
        self._set(key, state if fits else ObjectState(known=True, excess=True))
        return fits

    def _takes(self, key: ObjectKey, state: ObjectState) -> bool:
        """Count an object; return whether its namespace leaves as much free as it has then, so that the next one finds some.

        What is counted already, and is not larger now, stays: a rotation must not end its use.
        """
        if key.namespace == self._home:
            return True
        before = self._sizes.get(key)
        size = sum(getsizeof(value) for value in (state.data or {}).values())
        fits = before is not None or self._taken.has_place(key.namespace)
        fits = fits and self._taken.has_room(key.namespace, size - (before or 0))
        self._release(key)
        if fits:
            self._sizes[key] = size
            self._taken.add(key.namespace, size)
        return fits

    def _release(self, key: ObjectKey) -> None:
        size = self._sizes.pop(key, None)
        if size is not None:
            self._taken.remove(key.namespace, size)

    def _open(self, key: ObjectKey) -> CollectionWatch[ObjectState]:
        followed = Collection(
            path=f"/api/v1/namespaces/{key.namespace}/{self._kind.plural}",
            name=f"{self._kind.kind} {key.name} in namespace {key.namespace}",
            field_selector=f"metadata.name={key.name}",
            label_selector=self._kind.label_selector,
            quiet=True,
        )
        return self._watches.open(followed, self._read)

    def _read(self, obj: Mapping[str, Any]) -> ObjectState:
        if self._kind.types and obj.get("type") not in self._kind.types:
            return ObjectState(known=True, refused=True)
        values = {name: self._kind.read(text(value)) for name, value in mapping(obj.get("data")).items()}
        return ObjectState(
            data={name: value for name, value in values.items() if value is not None},
            version=text(mapping(obj.get("metadata")).get("resourceVersion")),
            known=True,
        )

    def _set(self, key: ObjectKey, state: ObjectState) -> None:
        before = self.get(key)
        self._states[key] = state
        if _essence(state) != _essence(before):
            self._tell(key)

    def _tell(self, key: ObjectKey) -> None:
        """Hand a change on; again later if its handler fails, as long as the object is followed."""
        if key not in self._states:
            return
        try:
            self._on_change(key)
        except Exception:
            logger.exception("change not handled", kind=self._kind.kind, object=str(key))
            asyncio.get_running_loop().call_later(RETRY_SECONDS, self._tell, key)


def _leaves_as_much(held: Counter[str], namespace: str, more: int, most: int) -> bool:
    return held[namespace] + more <= most - held.total() - more


def _next(state: ObjectState, event: Event[ObjectState]) -> ObjectState:
    """Return the state after an event; what cannot be read now stays what it was."""
    match event:
        case Listed(items=items):
            return next(iter(items), MISSING)
        case Changed(item=item):
            return item
        case Removed():
            return MISSING
        case Failed(error=error):
            denied = error.status == HTTPStatus.FORBIDDEN
            return replace(state, known=state.known or denied, denied=denied, error=str(error))


def _essence(state: ObjectState) -> tuple[object, ...]:
    """Return what a change consists of: not that the API server is away for a while."""
    return state.data, state.known, state.denied, state.refused, state.excess


class ReferenceIndex:
    """Which receivers use which objects of a kind; the objects are followed as long as they are used."""

    def __init__(
        self, objects: ReferencedObjects, keys_of: Callable[[Receiver], Iterable[ObjectKey]]
    ) -> None:
        self._objects = objects
        self._keys_of = keys_of
        self._noted: dict[ReceiverKey, Receiver] = {}
        """The receivers that use any, as they were noted."""
        self._users: dict[ObjectKey, tuple[ReceiverKey, ...]] = {}

    def update(self, changed: Iterable[ReceiverKey], catalog: Catalog) -> None:
        for key in changed:
            self._put(key, catalog.get(key))
        self._objects.follow(frozenset(self._users))

    async def run(self, on_change: Callable[[frozenset[ReceiverKey]], None]) -> None:
        def concern(key: ObjectKey) -> None:
            if users := self._users.get(key):
                on_change(frozenset(users))

        await self._objects.run(concern)

    def _put(self, key: ReceiverKey, receiver: Receiver | None) -> None:
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


class ReceiverReferences:
    """Follows the Secrets and ConfigMaps that receivers refer to, as long as they do."""

    def __init__(self, *, secrets: ReferencedObjects, config_maps: ReferencedObjects) -> None:
        self._kinds = (ReferenceIndex(secrets, object_keys), ReferenceIndex(config_maps, _template_keys))

    def update(self, changed: frozenset[ReceiverKey], catalog: Catalog) -> None:
        """Follow what the changed receivers of a catalog refer to now."""
        for kind in self._kinds:
            kind.update(sorted(changed), catalog)

    async def run(self, on_change: Callable[[frozenset[ReceiverKey]], None]) -> None:
        """Work until cancelled; call `on_change` with the receivers whose Secret or ConfigMap has changed."""
        async with asyncio.TaskGroup() as tasks:
            for kind in self._kinds:
                tasks.create_task(kind.run(on_change))


def _template_keys(receiver: Receiver) -> tuple[ObjectKey, ...]:
    key = template_key(receiver)
    return () if key is None else (key,)
