"""A StatusStore over the Kubernetes API; the only place that calls a status endpoint.

It speaks JSON through the client's low-level call: the generated models of a client know nothing
of custom resources, and a generic object model costs time on every pass.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import aiohttp
import orjson

from atomic_status._ports import JsonObject, ObjectRef, StatusStore
from atomic_status.errors import Conflict, Gone, Rejected, StatusError, Unavailable

if TYPE_CHECKING:
    from kubernetes.aio.client import ApiClient

NOT_FOUND, CONFLICT, TOO_MANY_REQUESTS, SERVER_ERROR, BAD_REQUEST = 404, 409, 429, 500, 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """A namespaced resource kind with a status subresource, as it stands in URLs."""

    group: str
    """For instance `example.org`; the kinds of the core group have other paths and are not for this."""
    version: str
    plural: str

    def path(self, ref: ObjectRef) -> str:
        """Return the URL path of one object."""
        base = f"/apis/{self.group}/{self.version}/namespaces/{quote(ref.namespace, safe='')}"
        return f"{base}/{self.plural}/{quote(ref.name, safe='')}"


class KubeStatusStore(StatusStore):
    """Reads from and writes to an API server: no cache, no watch, one request a call.

    Args:
        client: a `kubernetes.aio` client with its credentials; whoever made it closes it.
        resource: the kind of the objects.
        timeout: seconds that a request may take in all; `Unavailable` after that.
    """

    def __init__(self, client: ApiClient, resource: Resource, *, timeout: float = 10.0) -> None:
        self._client = client
        self._resource = resource
        self._timeout = aiohttp.ClientTimeout(total=timeout)

    async def read(self, ref: ObjectRef) -> JsonObject:
        """See `StatusStore.read`."""
        return await self._call(ref, "GET", self._resource.path(ref))

    async def replace_status(self, obj: JsonObject) -> JsonObject:
        """See `StatusStore.replace_status`."""
        meta = obj["metadata"]
        ref = ObjectRef(namespace=meta["namespace"], name=meta["name"], uid=meta["uid"])
        identity = ("namespace", "name", "uid", "resourceVersion")
        # The status endpoint takes nothing but the status from the body: a large spec stays here.
        body = {
            "apiVersion": obj["apiVersion"],
            "kind": obj["kind"],
            "metadata": {key: meta[key] for key in identity},
            "status": obj["status"],
        }
        return await self._call(ref, "PUT", f"{self._resource.path(ref)}/status", body)

    async def _call(
        self, ref: ObjectRef, method: str, path: str, body: JsonObject | None = None
    ) -> JsonObject:
        try:
            response = await self._client.rest_client.request(
                method,
                self._client.configuration.host + path,
                headers=await self._headers(),
                body=body,
                _request_timeout=self._timeout,
            )
            data: bytes = await response.read()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise Unavailable(ref, reason=str(error) or type(error).__name__) from error
        if response.status >= BAD_REQUEST:
            raise _error(ref, response.status, data, response.getheader("Retry-After"))
        try:
            decoded: JsonObject = orjson.loads(data)
        except orjson.JSONDecodeError as error:
            # Something between here and the API server answered in its place.
            raise Unavailable(ref, reason=f"{response.status} without JSON: {_message(data)}") from error
        return decoded

    async def _headers(self) -> dict[str, str]:
        """Return the headers of a request; the client renews tokens that run out."""
        headers = {"Accept": "application/json", "User-Agent": self._client.user_agent}
        settings: dict[str, Any] = await self._client.configuration.auth_settings()
        for auth in settings.values():
            if auth["in"] == "header" and auth["value"]:
                headers[auth["key"]] = auth["value"]
        return headers


def _error(ref: ObjectRef, code: int, data: bytes, retry_after: str | None) -> StatusError:
    match code:
        case 404:
            return Gone(ref)
        case 409:
            return Conflict(ref)
        case _ if code == TOO_MANY_REQUESTS or code >= SERVER_ERROR:
            pause = float(retry_after) if retry_after and retry_after.isdecimal() else None
            return Unavailable(ref, reason=f"{code} {_message(data)}", retry_after=pause)
        case _:
            return Rejected(ref, code=code, reason=_message(data))


def _message(data: bytes) -> str:
    try:
        decoded = orjson.loads(data)
    except orjson.JSONDecodeError:
        decoded = None
    if isinstance(decoded, dict) and decoded.get("message"):
        return str(decoded["message"])
    return data[:500].decode(errors="replace")
