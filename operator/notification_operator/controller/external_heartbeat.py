"""Tells a dead man's switch elsewhere that the platform delivers: as long as the last drill has reached all receivers (DD-DRILL-001).

The URL is a credential. It is read from its Secret for each request, and is in no log.
"""

from __future__ import annotations

import asyncio
from base64 import b64decode
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import structlog

from notification_contract import names
from notification_contract.settings import is_http_url
from notification_domain.drill_jobs import why_not_green
from notification_domain.json_values import entries, mapping, text
from notification_runtime.delivery.channel import DeliveryError
from notification_runtime.delivery.http_client import HttpClient
from notification_runtime.kube.requests import KubeError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from datetime import datetime, timedelta

    from prometheus_client import Counter, Gauge

    from notification_contract.settings import ExternalHeartbeat as Settings

logger = structlog.get_logger(__name__)

SHARD: Final = "external heartbeat"
"""The owner of the shard of this key sends the requests."""
SECONDS: Final = 10.0
"""Time limit of one request, and of each read of the API server."""
MOST_JOBS: Final = 500
"""Jobs that are read: the CronJob keeps six."""
RETRY_SECONDS: Final = 60.0
"""The longest time to the next look after a request that failed, and while the last drill is not green."""
IDLE_SECONDS: Final = 5.0
"""Seconds between two looks whether this replica has become the owner."""


class ExternalHeartbeat:
    """Sends the requests.

    Args:
        period: the longest time between two drills.
        home: the operator's own namespace.
        read: gets a path of the API server, with a query; raises `KubeError`.
        owns: returns whether this replica owns what has a shard key.
        last_success: shows the Unix time of the last request that succeeded.
        failures: counts those that failed.
        clock: the wall-clock time, with which the age of a drill is computed.
    """

    def __init__(  # noqa: PLR0913 - what it reads, and what it shows
        self,
        settings: Settings,
        *,
        period: timedelta,
        home: str,
        read: Callable[[str, Mapping[str, str]], Awaitable[Mapping[str, Any]]],
        owns: Callable[[str], bool],
        last_success: Gauge,
        failures: Counter,
        clock: Callable[[], datetime],
    ) -> None:
        self._settings = settings
        self._period = period
        self._home = quote(home, safe="")
        self._read = read
        self._owns = owns
        self._last_success = last_success
        self._failures = failures
        self._clock = clock
        self._noted = ""

    async def run(self) -> None:
        """Work until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            pause = await self._turn() if self._owns(SHARD) else IDLE_SECONDS
            await asyncio.sleep(began + pause - loop.time())

    async def _turn(self) -> float:
        """Send a request if there is reason to; return the seconds until the next look."""
        retry = min(RETRY_SECONDS, self._settings.every_seconds)
        try:
            silence = await self._silence()
            if not silence:
                await _post(await self._url())
        except (KubeError, DeliveryError, TimeoutError, ValueError) as error:
            self._failures.inc()
            self._note(
                "external heartbeat not sent; retrying", error=str(error) or f"no answer within {SECONDS:g} s"
            )
            return retry
        if silence:
            self._note("external heartbeat paused", reason=silence)
            return retry
        self._last_success.set(self._clock().timestamp())
        if self._noted:
            logger.info("external heartbeat resumed")
        self._noted = ""
        return self._settings.every_seconds

    async def _silence(self) -> str:
        selector = ",".join(f"{name}={value}" for name, value in names.DRILL_JOB_LABELS.items())
        path = f"/apis/batch/v1/namespaces/{self._home}/jobs"
        listed = await self._read(path, {"labelSelector": selector, "limit": str(MOST_JOBS)})
        jobs = map(mapping, entries(listed.get("items")))
        return why_not_green(jobs, period=self._period, now=self._clock())

    async def _url(self) -> str:
        """Return the URL.

        Raises:
            KubeError: the Secret cannot be read.
            ValueError: it has no URL; the text shows nothing of its value.
        """
        name, key = self._settings.secret, self._settings.secret_key
        # By its name: the account lists and watches Secrets, and has no other verb on them (SECURITY.md).
        query = {"fieldSelector": f"metadata.name={name}", "limit": "1"}
        listed = await self._read(f"/api/v1/namespaces/{self._home}/secrets", query)
        secret = next(map(mapping, entries(listed.get("items"))), None)
        if secret is None:
            raise ValueError(f"the Secret {name} does not exist")
        try:
            url = b64decode(text(mapping(secret.get("data")).get(key))).decode().strip()
        except ValueError:
            url = ""
        if not is_http_url(url):
            raise ValueError(f"the key {key} of the Secret {name} has no http or https URL")
        return url

    def _note(self, event: str, **facts: str) -> None:
        """Log why no request was sent, once while it stays the same."""
        if self._noted != (noted := f"{event} {facts}"):
            logger.warning(event, **facts)
        self._noted = noted


async def _post(url: str) -> None:
    """Send one request.

    Raises:
        DeliveryError: it was not accepted; the text shows nothing of the URL but its host.
        TimeoutError: there was no answer.
    """
    client = HttpClient(url, connections=1)
    try:
        async with asyncio.timeout(SECONDS):
            await client.post(b"", headers={})
    finally:
        await client.close()
