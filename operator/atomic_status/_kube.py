"""A StatusStore over the Kubernetes API, and the only caller of a status endpoint.

It speaks JSON through the client's low-level call: the generated models of a client do not cover custom
resources, and a generic object model costs time in every reconciliation.
"""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import quote

import aiohttp
import orjson

from atomic_status._ports import JsonObject, ObjectRef, StatusStore
from atomic_status.errors import Conflict, Gone, Rejected, StatusError, Unavailable
from atomic_status.headers import auth_headers, parse_retry_after

if TYPE_CHECKING:
    from kubernetes.aio.client import ApiClient


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """A namespaced resource kind with a status subresource, as it is named in URLs."""

    group: str
    """For instance `example.org`; the kinds of the core group have other paths and are not supported."""
    version: str
    plural: str

    def path(self, ref: ObjectRef) -> str:
        """Return the URL path of one object."""
        base = f"/apis/{self.group}/{self.version}/namespaces/{quote(ref.namespace, safe='')}"
        return f"{base}/{self.plural}/{quote(ref.name, safe='')}"


class KubeStatusStore(StatusStore):
    """Reads from and writes to an API server: no cache, no watch, one request per call.

    Args:
        client: a `kubernetes.aio` client with its credentials; the caller closes it.
        resource: the kind of the objects.
        timeout: time limit of a request in seconds; `Unavailable` after that.
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
        # The status endpoint reads nothing but the status from the body: a large spec is not sent.
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
        headers = {"Accept": "application/json", "User-Agent": self._client.user_agent}
        try:
            response = await self._client.rest_client.request(
                method,
                self._client.configuration.host + path,
                headers=headers | await auth_headers(self._client),
                body=body,
                _request_timeout=self._timeout,
            )
            data: bytes = await response.read()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise Unavailable(ref, reason=str(error) or type(error).__name__) from error
        if response.status >= HTTPStatus.BAD_REQUEST:
            raise _error(ref, response.status, data, response.getheader("Retry-After"))
        try:
            decoded: JsonObject = orjson.loads(data)
        except orjson.JSONDecodeError as error:
            # Something other than an API server responded.
            raise Unavailable(ref, reason=f"{response.status} without JSON: {_message(data)}") from error
        return decoded


def _error(ref: ObjectRef, code: int, data: bytes, retry_after: str | None) -> StatusError:
    match code:
        case HTTPStatus.NOT_FOUND if _is_status(data):
            return Gone(ref)
        case HTTPStatus.NOT_FOUND:
            # Not the API server's word on the object: a load balancer's page, or a path that is not served yet.
            return Unavailable(ref, reason=f"404 without a Status: {_message(data)}")
        case HTTPStatus.CONFLICT:
            return Conflict(ref)
        case _ if code == HTTPStatus.TOO_MANY_REQUESTS or code >= HTTPStatus.INTERNAL_SERVER_ERROR:
            reason = f"{code} {_message(data)}"
            return Unavailable(ref, reason=reason, retry_after=parse_retry_after(retry_after))
        case _:
            return Rejected(ref, code=code, reason=_message(data))


def _is_status(data: bytes) -> bool:
    try:
        decoded = orjson.loads(data)
    except orjson.JSONDecodeError:
        return False
    return isinstance(decoded, dict) and decoded.get("kind") == "Status"


def _message(data: bytes) -> str:
    try:
        decoded = orjson.loads(data)
    except orjson.JSONDecodeError:
        decoded = None
    if isinstance(decoded, dict) and decoded.get("message"):
        return str(decoded["message"])
    return data[:500].decode(errors="replace")
