"""Whether the API server serves the kind: its CRD may arrive after the operator, and may be deleted and return."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import structlog

from notification_operator.domain.json_values import entries, mapping, text
from notification_operator.kube.requests import KubeError, call
from notification_operator.watch import backoff

if TYPE_CHECKING:
    from kubernetes.aio.client import ApiClient

    from atomic_status import Resource

SECONDS: Final = 10.0
"""Time limit of one discovery request."""
HINT: Final = "apply the CRD; the operator begins to work a few seconds later and needs no restart"

logger = structlog.get_logger(__name__)


class ServedKind:
    """Asks the API server's discovery for the kind.

    Args:
        hint: what to do about a missing CRD, for the log.
    """

    def __init__(self, client: ApiClient, resource: Resource, *, hint: str = HINT) -> None:
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
                await asyncio.sleep(backoff.delay(failures))
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
            discovery = mapping(await call(self._client, "GET", f"/apis/{version}", seconds=SECONDS))
        except KubeError as error:
            if not error.not_found or await self._serves(version):
                raise
            return frozenset()
        return frozenset(text(mapping(each).get("name")) for each in entries(discovery.get("resources")))

    async def _serves(self, version: str) -> bool:
        """Return whether the API server serves a version of a group.

        Its 404 for a version that does not exist is a plain page, which a load balancer may have written.
        """
        discovery = mapping(await call(self._client, "GET", "/apis", seconds=SECONDS))
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
