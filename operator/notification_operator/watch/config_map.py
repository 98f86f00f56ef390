"""One ConfigMap, followed by a list and a watch of that one object: what there is, then each change."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING, Any

import aiohttp
import orjson
import structlog
from kubernetes.aio.client.exceptions import ApiException

from notification_operator.kube.requests import accepted, opened, refusal

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from kubernetes.aio.client import ApiClient

OK, UNAUTHORIZED, FORBIDDEN, NOT_FOUND, GONE = 200, 401, 403, 404, 410
LIST_SECONDS, WATCH_SECONDS = 10, 120
"""Seconds that a listing may take, and after which the API server ends a watch."""
MARGIN_SECONDS = 20
"""Seconds past its time after which a watch that nothing comes from counts as broken."""
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0
"""Seconds between two listings: doubled with each round that fails, up to the longest."""

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where the ConfigMap is."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


class ConfigMapWatch:
    """Lists and watches by name, so that permission for this one ConfigMap is enough."""

    def __init__(self, client: ApiClient, place: Place) -> None:
        self._client = client
        self._place = place
        self._failures = 0
        self.trouble = ""
        """Why the ConfigMap cannot be read or followed just now."""

    async def changes(self) -> AsyncIterator[Mapping[str, Any] | None]:
        """Yield what there is (None for no such ConfigMap), again after each change, without end.

        An API server that fails is asked again, after a pause that grows; so is one that has
        forgotten the version to watch from.
        """
        while True:
            began = monotonic()
            try:
                found, version = await self._list()
                yield found
                async for changed in self._watch(version):
                    yield changed
            except (ApiException, aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
                self._note(error)
            pause = min(FIRST_PAUSE * 2.0 ** max(self._failures - 1, 0), LONGEST_PAUSE)
            await asyncio.sleep(pause if self._failures else max(began + pause - monotonic(), 0.0))

    async def _list(self) -> tuple[Mapping[str, Any] | None, str]:
        async with await self._get(LIST_SECONDS) as answer:
            found = orjson.loads(await accepted(answer))
        return next(iter(found["items"]), None), found["metadata"]["resourceVersion"]

    async def _watch(self, version: str) -> AsyncIterator[Mapping[str, Any] | None]:
        seconds = WATCH_SECONDS + MARGIN_SECONDS
        query = {"watch": "true", "resourceVersion": version, "timeoutSeconds": WATCH_SECONDS}
        async with await self._get(seconds, **query) as answer:
            if answer.status != OK:
                await accepted(answer)
            self._failures, self.trouble = 0, ""
            async for line in answer.content:
                event = orjson.loads(line)
                match event["type"]:
                    case "ADDED" | "MODIFIED":
                        yield event["object"]
                    case "DELETED":
                        yield None
                    case "ERROR":
                        raise refusal(event["object"])
                    case _:
                        continue

    async def _get(self, seconds: float, **query: Any) -> aiohttp.ClientResponse:  # noqa: ANN401 - as the API takes it
        path = f"/api/v1/namespaces/{self._place.namespace}/configmaps"
        query["fieldSelector"] = f"metadata.name={self._place.name}"
        return await opened(self._client, "GET", path, query=query, seconds=seconds)

    def _note(self, error: Exception) -> None:
        """Say what is wrong, once as long as it is the same."""
        code, trouble = None, str(error) or type(error).__name__
        if isinstance(error, ApiException):
            code, trouble = error.status, f"{error.status} {error.reason}"
        if code == GONE:
            logger.debug("watch starts anew", config_map=str(self._place), error=trouble)
            return
        self._failures += 1
        if trouble != self.trouble:
            self.trouble = trouble
            logger.warning(
                "ConfigMap not read, will try again",
                config_map=str(self._place),
                error=trouble,
                remedy=_remedy(code, self._place),
            )


def _remedy(code: int | None, place: Place) -> str:
    if code in {UNAUTHORIZED, FORBIDDEN}:
        return f"let the operator's account list and watch the ConfigMap {place.name} in {place.namespace}"
    if code == NOT_FOUND:
        return "look at what answers there: an API server lists ConfigMaps also where there are none"
    return "none is needed where the API server comes back"
