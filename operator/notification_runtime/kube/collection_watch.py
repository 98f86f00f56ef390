"""The watch of a collection: a complete listing, then each change, without end.

Unlike the watch of notifications, which kopf keeps, it feeds a snapshot that decisions are based on (DD-CATALOG-001).
Both wait alike: for a kind whose CRD may arrive after the operator, may be deleted and return, and after a failure for a
delay that grows to a few seconds, never ends, and differs between replicas (DD-WATCH-002).
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from random import random
from typing import TYPE_CHECKING, Any, Final, Generic, TypeAlias, TypeVar

import structlog

from notification_domain.json_values import entries, mapping, text
from notification_runtime.kube.objects import METADATA, METADATA_LIST, lists
from notification_runtime.kube.requests import JSON, KubeError, call, watch

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Hashable, Mapping, Sequence

    from kubernetes.aio.client import ApiClient

    from atomic_status import Resource

logger = structlog.get_logger(__name__)

DISCOVERY_SECONDS: Final = 10.0
"""Time limit of one discovery request."""
MISSING_HINT: Final = "apply the CRD; the operator begins to work a few seconds later and needs no restart"
FIRST_DELAY, LONGEST_DELAY = 0.5, 5.0
"""Seconds; doubled with each consecutive failure up to the longest, which bounds the delay after an outage."""
LONGEST_DELAY_REFUSED = 30.0
"""The longest delay while the account lacks a permission, where there may be a thousand such watches."""
LEAST_SHARE = 0.5
"""The delay is drawn between this share of it and all of it, so that replicas do not return at one moment."""
LIST_SECONDS: Final = 10.0
"""Time limit of a page."""
WATCH_SECONDS: Final = 120
"""Seconds after which the API server ends a watch; up to a quarter less, so that not all watches end at once."""
MARGIN_SECONDS: Final = 20
"""Seconds past its end after which a silent watch counts as broken."""
CONCURRENT_LISTINGS: Final = 4
"""Listings that run at once: after a start, a thousand Secrets may have to be read, each of up to 10 MiB while it is read."""
Item = TypeVar("Item")
Key = TypeVar("Key", bound="Hashable")


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
        self._expired = False
        self.error = ""
        """Why the collection cannot be listed or watched now; empty while it can."""

    @property
    def missing(self) -> bool:
        """Whether the kind is not installed: what is listed then is empty."""
        return self._served is not None and self._served.missing

    def expire(self) -> None:
        """List again when the present watch ends, which is after two minutes at most."""
        self._expired = True

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
                await asyncio.sleep(max(started + FIRST_DELAY - clock(), 0.0))
                if self._expired:
                    self._version = ""
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
            return max(FIRST_DELAY - elapsed, 0.0)
        return retry_delay(self.failures, longest=LONGEST_DELAY_REFUSED if self._refused else None)

    async def _list(self) -> Sequence[Item]:
        self._expired, items = False, list[Item]()
        collection = self._collection
        async with self._listings:
            async for page in lists(
                self._client,
                collection.path,
                collection.selectors,
                accept=METADATA_LIST if collection.metadata_only else JSON,
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
        crd, served = collection.crd, None
        if crd is not None:
            served = self._served.setdefault(crd, ServedKind(self._client, crd, hint=self._hint))
        return CollectionWatch(self._client, collection, keep=keep, served=served, listings=self._listings)


class ServedKind:
    """Whether the API server serves a kind, as its discovery says.

    Args:
        hint: what to do about a missing CRD, for the log.
    """

    def __init__(self, client: ApiClient, resource: Resource, *, hint: str = MISSING_HINT) -> None:
        self._client = client
        self._resource = resource
        self._hint = hint
        self._polling = asyncio.Lock()
        """One watch polls, and the others wait for it."""
        self.missing = False
        """Whether the API server does not serve the kind, as far as it was asked."""

    @property
    def name(self) -> str:
        """The name of the CRD."""
        return f"{self._resource.plural}.{self._resource.group}"

    async def wait(self) -> bool:
        """Wait while the kind is not served, without end; return whether there was anything to wait for."""
        async with self._polling:
            failures = 0
            while await self.is_missing():
                failures += 1
                await asyncio.sleep(retry_delay(failures))
            return failures > 0

    async def is_missing(self) -> bool:
        """Ask once. Without an answer, the previous one counts."""
        try:
            kinds = await self._kinds()
        except KubeError:
            return self.missing
        self._note(missing=self._resource.plural not in kinds)
        return self.missing

    async def _kinds(self) -> frozenset[str]:
        """Return the served kinds of the version.

        Raises:
            KubeError: there is no answer, or one that does not come from an API server.
        """
        version = f"{self._resource.group}/{self._resource.version}"
        try:
            discovery = mapping(
                await call(self._client, "GET", f"/apis/{version}", seconds=DISCOVERY_SECONDS)
            )
        except KubeError as error:
            if not error.not_found or await self._serves(version):
                raise
            return frozenset()
        return frozenset(text(mapping(each).get("name")) for each in entries(discovery.get("resources")))

    async def _serves(self, version: str) -> bool:
        """Return whether the API server serves a version of a group.

        Its 404 for a version that does not exist is a plain page, which a load balancer may have written.
        """
        discovery = mapping(await call(self._client, "GET", "/apis", seconds=DISCOVERY_SECONDS))
        if "groups" not in discovery:
            raise KubeError(status=None, reason="unexpected response instead of the API groups")
        groups = map(mapping, entries(discovery["groups"]))
        versions = (mapping(each) for group in groups for each in entries(group.get("versions")))
        return any(each.get("groupVersion") == version for each in versions)

    def _note(self, *, missing: bool) -> None:
        if missing and not self.missing:
            logger.warning("CRD not found; waiting for it", crd=self.name, hint=self._hint)
        elif self.missing and not missing:
            logger.info("CRD found", crd=self.name)
        self.missing = missing


def retry_delay(failures: int, *, longest: float | None = None) -> float:
    """Return the seconds to wait after so many consecutive failures, at least one."""
    limit = min(FIRST_DELAY * 2.0 ** min(failures - 1, 16), LONGEST_DELAY if longest is None else longest)
    return limit * (LEAST_SHARE + (1 - LEAST_SHARE) * random())  # noqa: S311 - spreads load, guards nothing


def _hint(error: KubeError, collection: Collection) -> str:
    if error.denied:
        return f"allow the operator's service account to list and watch {collection.name}"
    if error.not_found:
        return "check the server address: an API server returns an empty list here, not 404"
    return "no action needed if the API server recovers"


class TaskSet(Generic[Key]):
    """Runs one task for each wanted key.

    Args:
        work: what the task of a key does; it ends only when it is cancelled.
    """

    def __init__(self, work: Callable[[Key], Coroutine[None, None, None]]) -> None:
        self._work = work
        self._wanted: frozenset[Key] = frozenset()
        self._changed = asyncio.Event()

    @property
    def wanted(self) -> frozenset[Key]:
        """The keys that have a task, or get one as soon as `run` does."""
        return self._wanted

    def want(self, keys: frozenset[Key]) -> None:
        """Start the tasks of new keys soon, and end those of the others."""
        if keys != self._wanted:
            self._wanted = keys
            self._changed.set()

    async def run(self) -> None:
        """Run the tasks until cancelled; those of new keys start in the order of their texts."""
        tasks: dict[Key, asyncio.Task[None]] = {}
        async with asyncio.TaskGroup() as group:
            while True:
                await self._changed.wait()
                self._changed.clear()
                for key in sorted(tasks.keys() - self._wanted, key=str):
                    tasks.pop(key).cancel()
                for key in sorted(self._wanted - tasks.keys(), key=str):
                    tasks[key] = group.create_task(self._work(key), name=f"watch {key}")
