"""The supervisor of the watches: whatever ends a watch, it begins again with a listing, and the process goes on.

Each watch is retried on its own, without end and with a capped delay (DD-WATCH-002). A watch fails for one of these
reasons: the API server is away, the kind is not served, one namespace refuses, or the version has expired.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

import structlog

from notification_runtime.kube.collection_watch import retry_delay
from notification_runtime.kube.requests import KubeError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence

    from notification_operator.watch.namespaces import SelectedNamespaces
    from notification_operator.watch.notifications import EventHandler, Listing
    from notification_runtime.kube.client import Connectivity
    from notification_runtime.kube.collection_watch import ServedKind

CLIENT = "watching"
"""The client whose watches are supervised."""
STABLE_SECONDS = 10.0
"""A watch that lasted so long was healthy, and its next failure counts as the first."""
UNAVAILABLE_AFTER = 60.0
"""Seconds of refusals after which a namespace is reported as unavailable, and the process is judged without it."""

logger = structlog.get_logger(__name__)


@dataclass(slots=True, kw_only=True)
class SupervisedWatch:
    """One watch, and its latest trouble.

    Args:
        namespace: None for a watch of the whole cluster.
        of_notifications: whether the work depends on it; otherwise it follows namespaces.
    """

    path: str
    namespace: str | None = None
    of_notifications: bool = True
    failures: int = 0
    """Consecutive attempts that failed or did not last."""
    moved_at: float | None = None
    """When an attempt failed, or a listing came further, last."""
    refused_since: float | None = None
    """Since when the API server refuses this namespace; None while it does not."""
    unavailable: bool = False
    """Whether the namespace has been refused for long."""
    error: str = ""
    """Why the watch is not open; empty while it is."""


class WatchSupervisor:
    """Follows the watches that kopf opens, and restarts the ones that end.

    Args:
        watches: the watches that should be open.
        notifications: is told the complete listings of notifications.
        namespaces: is told those of namespaces, if a label selects them.
        on_unavailable: called with a namespace that has been refused for long, and with the error.
        clock: monotonic seconds.
    """

    def __init__(  # noqa: PLR0913 - its watches, what it asks, and whom it informs
        self,
        watches: Sequence[SupervisedWatch],
        *,
        served: ServedKind,
        connectivity: Connectivity,
        notifications: EventHandler,
        namespaces: SelectedNamespaces | None = None,
        on_unavailable: Callable[[str, str], None],
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self.watches: Final = {watch.path: watch for watch in watches}
        """The watches that should be open, by path."""
        self.served: Final = served
        """Tells whether the kind is served."""
        self._connectivity = connectivity
        self._on_unavailable = on_unavailable
        self._clock = clock
        self._notifications = notifications
        self._namespaces = namespaces

    @property
    def unavailable_namespaces(self) -> tuple[str, ...]:
        """The namespaces that the API server has refused for long."""
        return tuple(each.namespace for each in self.watches.values() if each.unavailable and each.namespace)

    @property
    def required(self) -> int:
        """The number of watches that should be open; a namespace that is refused for long does not count.

        If every namespace is refused, all of them count.
        """
        return len(self._required())

    @property
    def error(self) -> str:
        """Why a required watch is not open; empty if none has failed."""
        if self.served.missing:
            return f"waiting for the CRD {self.served.name}"
        return next((each.error for each in self._required() if each.error), "")

    @property
    def closed_seconds(self) -> float:
        """Seconds for which notifications may have gone unnoticed: since a required watch of them was open."""
        return max(
            self._connectivity.closed_seconds(CLIENT, each.path)
            for each in self._required()
            if each.of_notifications
        )

    @property
    def stalled_seconds(self) -> float:
        """Seconds since every watch was open or moved: one that is retried or still lists is not stalled, one that hangs is."""
        if self.served.missing:
            return 0.0
        now = self._clock()
        return max(
            min(
                self._connectivity.closed_seconds(CLIENT, each.path),
                float("inf") if each.moved_at is None else now - each.moved_at,
            )
            for each in self.watches.values()
        )

    async def follow(
        self, path: str, stream: AsyncIterator[Any], *, listed: object
    ) -> AsyncGenerator[Any, None]:
        """Yield the events of one attempt to list and watch; after its end, wait until the next one makes sense.

        Args:
            path: the collection that is watched.
            stream: yields the listed objects, then `listed`, then the changes.
            listed: marks the end of the listing.
        """
        watch, began, failure = self.watches[path], self._clock(), None
        observer = self._notifications if watch.of_notifications else self._namespaces
        listing: Listing[Any] | None = observer.begin_listing(watch.namespace) if observer else None
        complete = False
        try:
            async for event in stream:
                if not complete:
                    watch.moved_at = self._clock()
                if event is listed:
                    complete = True
                    self._on_listed(watch, listing)
                    listing = None
                elif listing and not listing.add(event["object"]):
                    continue
                yield event
        except KubeError as error:
            failure = error
        except Exception as error:  # noqa: BLE001 - kopf ends the process at every other failure, whatever it is
            failure = KubeError(status=None, reason=str(error) or type(error).__name__)
        if failure is None and not complete:
            failure = KubeError(status=None, reason="the connection broke during the listing")
        self._connectivity.close_watch(CLIENT, path)
        if self._clock() - began >= STABLE_SECONDS:
            watch.failures = 0
        await self._recover(watch, failure)

    def _required(self) -> Sequence[SupervisedWatch]:
        watches = tuple(self.watches.values())
        available = any(each.of_notifications and not each.unavailable for each in watches)
        return [each for each in watches if not (each.unavailable and available)]

    def _on_listed(self, watch: SupervisedWatch, listing: Listing[Any] | None) -> None:
        if watch.error:
            logger.info("watch recovered", watch=watch.path)
        watch.error, watch.refused_since, watch.unavailable = "", None, False
        if listing:
            listing.complete()

    async def _recover(self, watch: SupervisedWatch, failure: KubeError | None) -> None:
        """Report a failure and wait; no failure means that the version has expired."""
        watch.failures += 1
        watch.moved_at = self._clock()
        if failure is not None and not failure.expired:
            if failure.not_found and watch.of_notifications and await self._wait_for_kind(watch):
                return
            self._report(watch, failure)
        await asyncio.sleep(retry_delay(watch.failures))

    async def _wait_for_kind(self, watch: SupervisedWatch) -> bool:
        """Wait until the kind is served; return False if it was all the time."""
        if not await self.served.wait():
            return False
        watch.failures, watch.moved_at = 0, self._clock()
        return True

    def _report(self, watch: SupervisedWatch, failure: KubeError) -> None:
        """Log a failure, once while it stays the same, and a namespace that is refused for long."""
        if str(failure) != watch.error:
            watch.error = str(failure)
            logger.warning("watch failed; retrying", watch=watch.path, error=watch.error, hint=_hint(failure))
        if watch.namespace is None or not (failure.denied or failure.not_found):
            watch.refused_since = None
            return
        now = self._clock()
        if watch.refused_since is None:
            watch.refused_since = now
        if now - watch.refused_since >= UNAVAILABLE_AFTER and not watch.unavailable:
            watch.unavailable = True
            logger.warning(
                "namespace is not watched",
                namespace=watch.namespace,
                error=watch.error,
                hint="restore the namespace and the operator's Role in it, or remove it from watch.namespaces; "
                "other namespaces are not affected",
            )
            self._on_unavailable(watch.namespace, watch.error)


def _hint(failure: KubeError) -> str:
    if failure.denied:
        return "allow the operator's service account to list and watch this path"
    if failure.not_found:
        return "check that the CRD is established and that the namespace exists"
    if failure.bad_request:
        return "update the NotificationRequest CRD: this one has no selectable fields"
    return "no action needed if the API server recovers"
