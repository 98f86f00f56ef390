"""The watch of a collection: a complete listing, then each change, without end.

Unlike the watch of notifications, which kopf keeps, it feeds a snapshot that decisions are based on (DD-CATALOG-001).
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from random import random
from typing import TYPE_CHECKING, Any, Final, Generic, TypeAlias, TypeVar

import structlog

from notification_operator.kube.objects import METADATA, lists
from notification_operator.kube.requests import JSON, KubeError, watch
from notification_operator.watch import backoff
from notification_operator.watch.served_kind import ServedKind

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence

    from kubernetes.aio.client import ApiClient

    from atomic_status import Resource

LIST_SECONDS: Final = 10.0
"""Time limit of a page."""
WATCH_SECONDS: Final = 120
"""Seconds after which the API server ends a watch; up to a quarter less, so that not all watches end at once."""
MARGIN_SECONDS: Final = 20
"""Seconds past its end after which a silent watch counts as broken."""
CONCURRENT_LISTINGS: Final = 16
"""Listings that run at once: after a start, a thousand Secrets may have to be read."""

logger = structlog.get_logger(__name__)

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True, kw_only=True)
class Collection:
    """What is watched."""

    path: str
    name: str
    """Names it in messages, such as `ConfigMap rules in namespace platform`."""
    field_selector: str = ""
    label_selector: str = ""
    metadata_only: bool = False
    crd: Resource | None = None
    """The kind, if a CRD declares it: until the CRD is installed, the collection counts as empty."""
    quiet: bool = False
    """Whether it is one of many, so that its establishment is no news."""

    @property
    def selectors(self) -> dict[str, Any]:
        """The query parameters that select objects."""
        selectors = {"fieldSelector": self.field_selector, "labelSelector": self.label_selector}
        return {name: text for name, text in selectors.items() if text}


@dataclass(frozen=True, slots=True)
class Listed(Generic[Item]):
    """All objects that exist."""

    items: Sequence[Item]


@dataclass(frozen=True, slots=True)
class Changed(Generic[Item]):
    """An object was created or changed, or only its status was."""

    item: Item


@dataclass(frozen=True, slots=True)
class Removed(Generic[Item]):
    """An object was deleted; this was its last state."""

    item: Item


@dataclass(frozen=True, slots=True)
class Failed:
    """The collection could not be listed or watched; that is retried, and what is known stays the last known state."""

    error: KubeError


Event: TypeAlias = Listed[Item] | Changed[Item] | Removed[Item] | Failed


class CollectionWatch(Generic[Item]):
    """A watch over the Kubernetes API.

    Args:
        client: has no limit on connections, because each watch takes one.
        keep: turns each object into what is worth its memory.
        served: knows whether the CRD is installed; None for a kind of the API server itself.
        listings: bounds how many listings run at once.
    """

    def __init__(
        self,
        client: ApiClient,
        collection: Collection,
        *,
        keep: Callable[[Mapping[str, Any]], Item],
        served: ServedKind | None = None,
        listings: asyncio.Semaphore | None = None,
    ) -> None:
        self._client = client
        self._collection = collection
        self._keep = keep
        self._served = served
        self._listings = listings or asyncio.Semaphore()
        self._version = ""
        """The version to watch from; empty where a listing has to come first."""
        self.failures = 0
        """Consecutive failures."""
        self._refused = False
        """Whether the latest failure was a missing permission."""
        self._established = False
        self.error = ""
        """Why the collection cannot be listed or watched now; empty while it can."""

    async def changes(self) -> AsyncIterator[Event[Item]]:
        """Yield a complete listing, then each change, without end; a listing again after a failure."""
        clock, self._version = asyncio.get_running_loop().time, ""
        while True:
            started = clock()
            try:
                if not self._version:
                    yield Listed(await self._list())
                async for change in self._watch():
                    yield change
            except KubeError as error:
                failure = error
            except Exception as error:  # noqa: BLE001 - a response of another shape, such as a proxy's
                failure = KubeError(status=None, reason=f"unexpected response: {error!r}")
            else:
                # The API server ended the watch in order: the next one goes on where this one ended.
                await asyncio.sleep(max(started + backoff.FIRST - clock(), 0.0))
                continue
            self._version = ""
            if failure.not_found and self._served and await self._served.is_missing():
                self.error = f"CRD {self._served.name} is not installed"
                yield Listed(())
                await self._served.wait()
                continue
            if not failure.expired:
                self._report(failure)
                yield Failed(failure)
            await asyncio.sleep(self._pause(elapsed=clock() - started))

    def _pause(self, *, elapsed: float) -> float:
        if not self.failures:
            return max(backoff.FIRST - elapsed, 0.0)
        return backoff.delay(self.failures, longest=backoff.LONGEST_REFUSED if self._refused else None)

    async def _list(self) -> Sequence[Item]:
        items: list[Item] = []
        collection = self._collection
        async with self._listings:
            async for page in lists(
                self._client,
                collection.path,
                collection.selectors,
                metadata_only=collection.metadata_only,
                seconds=LIST_SECONDS,
            ):
                items += map(self._keep, page["items"])
                version = page["metadata"]["resourceVersion"]
        self._version = version
        return items

    async def _watch(self) -> AsyncIterator[Event[Item]]:
        seconds = round(WATCH_SECONDS * (1 - random() / 4))  # noqa: S311 - spreads load, guards nothing
        query = {
            **self._collection.selectors,
            "resourceVersion": self._version,
            "timeoutSeconds": seconds,
            "allowWatchBookmarks": "true",
        }
        accept = METADATA if self._collection.metadata_only else JSON
        limit = seconds + MARGIN_SECONDS
        async with watch(
            self._client, self._collection.path, query=query, seconds=limit, accept=accept
        ) as events:
            self._on_established()
            async for event in events:
                self._version = event["object"]["metadata"]["resourceVersion"]
                match event["type"]:
                    case "ADDED" | "MODIFIED":
                        yield Changed(self._keep(event["object"]))
                    case "DELETED":
                        yield Removed(self._keep(event["object"]))
                    case _:
                        continue  # a bookmark: nothing but a newer version

    def _on_established(self) -> None:
        """Clear the error; log the first watch, and each one after a failure."""
        if self.failures or not self._established:
            level = logging.DEBUG if self._collection.quiet and not self.failures else logging.INFO
            logger.log(level, "watch established", collection=self._collection.name)
        self.failures, self._refused, self._established, self.error = 0, False, True, ""

    def _report(self, error: KubeError) -> None:
        """Log a failure, once while it stays the same."""
        self.failures += 1
        self._refused = error.denied
        if str(error) != self.error:
            self.error = str(error)
            logger.warning(
                "cannot list or watch; retrying",
                collection=self._collection.name,
                error=self.error,
                hint=_hint(error, self._collection),
            )


class KubeWatches:
    """Opens watches over the Kubernetes API.

    Args:
        client: has no limit on connections, because each watch takes one.
        hint: what to do about a missing CRD, for the log.
    """

    def __init__(self, client: ApiClient, *, hint: str) -> None:
        self._client = client
        self._hint = hint
        self._listings = asyncio.Semaphore(CONCURRENT_LISTINGS)
        self._served: dict[Resource, ServedKind] = {}
        """The kinds of CRDs; watches of the same kind wait for it together."""

    def open(
        self, collection: Collection, keep: Callable[[Mapping[str, Any]], Item]
    ) -> CollectionWatch[Item]:
        """Return the watch of a collection."""
        return CollectionWatch(
            self._client,
            collection,
            keep=keep,
            served=None if collection.crd is None else self._served_kind(collection.crd),
            listings=self._listings,
        )

    def _served_kind(self, resource: Resource) -> ServedKind:
        if resource not in self._served:
            self._served[resource] = ServedKind(self._client, resource, hint=self._hint)
        return self._served[resource]


def _hint(error: KubeError, collection: Collection) -> str:
    if error.denied:
        return f"allow the operator's service account to list and watch {collection.name}"
    if error.not_found:
        return "check the server address: an API server returns an empty list here, not 404"
    return "no action needed if the API server recovers"
