"""A watch of one ConfigMap: its present state, then each change."""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import TYPE_CHECKING, Any

import structlog

from notification_operator.kube.errors import KubeError
from notification_operator.kube.requests import call, watch

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from kubernetes.aio.client import ApiClient

    from atomic_status import ObjectRef

LIST_SECONDS, WATCH_SECONDS = 10, 120
"""Time limit of a listing, and the time after which the API server ends a watch."""
MARGIN_SECONDS = 20
"""Seconds past its end after which a silent watch counts as broken."""
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0
"""Seconds between two listings; doubles with each failure in a row, up to the longest."""
MOST_DOUBLINGS = 16
"""Keeps the power finite: 2.0 ** 1024 overflows."""

logger = structlog.get_logger(__name__)


class ConfigMapWatch:
    """Lists and watches by name, so that permission for this one ConfigMap is enough."""

    def __init__(self, client: ApiClient, ref: ObjectRef) -> None:
        self._client = client
        self._ref = ref
        self.failures = 0
        """Consecutive failures."""
        self._established = False
        self.error = ""
        """Why the ConfigMap cannot be read or watched just now; empty while it can."""

    async def changes(self) -> AsyncIterator[Mapping[str, Any] | None]:
        """Yield the ConfigMap (None when it does not exist), again after each change, without end.

        After a failure the ConfigMap is listed again, with a growing delay.
        """
        while True:
            started = monotonic()
            try:
                config_map, version = await self._list()
                yield config_map
                async for changed in self._watch(version):
                    yield changed
            except KubeError as error:
                self._report(error)
            except Exception as error:  # noqa: BLE001 - a response of another shape, such as a proxy's
                self._report(KubeError(status=None, reason=f"unexpected response: {error!r}"))
            doublings = min(max(self.failures - 1, 0), MOST_DOUBLINGS)
            pause = min(FIRST_PAUSE * 2.0**doublings, LONGEST_PAUSE)
            await asyncio.sleep(pause if self.failures else max(started + pause - monotonic(), 0.0))

    async def _list(self) -> tuple[Mapping[str, Any] | None, str]:
        listing = await call(self._client, "GET", self._path, query=self._selector, seconds=LIST_SECONDS)
        return next(iter(listing["items"]), None), listing["metadata"]["resourceVersion"]

    async def _watch(self, version: str) -> AsyncIterator[Mapping[str, Any] | None]:
        query = {**self._selector, "resourceVersion": version, "timeoutSeconds": WATCH_SECONDS}
        seconds = WATCH_SECONDS + MARGIN_SECONDS
        async with watch(self._client, self._path, query=query, seconds=seconds) as events:
            self._on_established()
            async for event in events:
                match event["type"]:
                    case "ADDED" | "MODIFIED":
                        yield event["object"]
                    case "DELETED":
                        yield None
                    case _:
                        continue

    @property
    def _path(self) -> str:
        return f"/api/v1/namespaces/{self._ref.namespace}/configmaps"

    @property
    def _selector(self) -> dict[str, Any]:
        return {"fieldSelector": f"metadata.name={self._ref.name}"}

    def _on_established(self) -> None:
        """Clear the error; log the first watch, and each one after a failure."""
        if self.failures or not self._established:
            logger.info("watch established", config_map=str(self._ref))
        self.failures, self._established, self.error = 0, True, ""

    def _report(self, error: KubeError) -> None:
        """Log a failure, once while it stays the same."""
        if error.expired:
            logger.debug("watch expired; listing again", config_map=str(self._ref), error=str(error))
            return
        self.failures += 1
        if str(error) != self.error:
            self.error = str(error)
            logger.warning(
                "cannot read ConfigMap; retrying",
                config_map=str(self._ref),
                error=self.error,
                hint=_hint(error, self._ref),
            )


def _hint(error: KubeError, ref: ObjectRef) -> str:
    if error.denied:
        return (
            f"allow the operator's service account to list and watch ConfigMap {ref.name} in {ref.namespace}"
        )
    if error.not_found:
        return "check the server address: an API server returns an empty list here, not 404"
    return "no action needed if the API server recovers"
