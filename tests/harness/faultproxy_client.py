"""A client for the fault proxy: injects failures, delays and disconnects, and returns the requests."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeAlias

from tests.harness.eventually import eventually
from tests.harness.json_client import JsonClient

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.harness.faultproxy.creations import Manner

Object: TypeAlias = dict[str, Any]

RESOURCE = "notificationrequests"


class Fault:
    """A rule that was set."""

    def __init__(self, proxy: JsonClient, number: int) -> None:
        self._proxy = proxy
        self.number = number

    @property
    def used(self) -> int:
        """The number of requests that the rule was applied to; 0 after its removal."""
        rules: list[Object] = self._proxy.request("GET", "/rules")
        return next((rule["used"] for rule in rules if rule["id"] == self.number), 0)

    def remove(self) -> None:
        self._proxy.request("DELETE", f"/rules/{self.number}")


class FaultProxy:
    def __init__(self, base: str) -> None:
        self._proxy = JsonClient(base)

    def fail(
        self,
        *,
        verb: str | None = None,
        resource: str | None = None,
        subresource: str | None = None,
        namespace: str | None = None,
        name: str | None = None,
        containing: str = "",
        code: int | None = None,
        body: Any = None,
        headers: dict[str, str] | None = None,
        delay: float = 0,
        delay_after: float = 0,
        cut: bool = False,
        after: bool = False,
        times: int | None = 1,
        skip: int = 0,
    ) -> Fault:
        """Inject a fault into the requests that match all arguments; the first matching rule applies.

        Args:
            verb: get, list, watch, create, update, patch, delete, deletecollection.
            resource: in the plural, such as leases.
            subresource: such as status; "" for requests without one.
            namespace: the namespace of the request.
            name: a regular expression for the object's whole name.
            containing: a part of the request's body as JSON without spaces.
            code: respond with it, with a Status as the body unless `body` is given (a JSON value or a text).
            body: see code.
            headers: such as {"Retry-After": "1"}.
            delay: seconds before anything else.
            delay_after: seconds between the API server's response and the client's.
            cut: close the connection instead. An aiohttp client repeats a request other than POST and PATCH
                once if its connection had been used before: cut two `times` then.
            after: forward the request first; then the response is replaced or lost.
            times: how many requests the rule applies to; None for all of them, until it is removed.
            skip: how many matching requests pass first.
        """
        arguments = {key: value for key, value in locals().items() if key != "self"}
        return self._set({**arguments, "headers": headers or {}})

    @contextmanager
    def lag(self, seconds: float, *, resource: str = RESOURCE) -> Iterator[None]:
        """Delay every event of the resource's watches, including running ones."""
        fault = self._set({"verb": "watch", "resource": resource, "lag": seconds})
        try:
            yield
        finally:
            fault.remove()

    def cut_watches(self, *, resource: str = RESOURCE) -> int:
        """Cut the connections of the resource's watches; return their number."""
        return self._watches("cut", resource)

    def expire_watches(self, *, resource: str = RESOURCE) -> int:
        """End the resource's watches with "410 Expired" in the stream; return their number."""
        return self._watches("expire", resource)

    def requests(self, *, code: int | None = None, **which: str) -> list[Object]:
        """Wait until no matching request is open, and return those with this code, or all; oldest first.

        The effect of a request is visible at the API server before its response has passed the proxy, so an open
        request has no result yet. A watch has one as soon as it runs. Arguments and fields: see `so_far`.
        """
        ended = eventually(lambda: self.so_far(**which), lambda result: all(map(_has_result, result)))
        return [request for request in ended if code in (None, request["code"])]

    def so_far(self, **which: str) -> list[Object]:
        """Return the matching requests, also open ones, oldest first.

        Args:
            which: verb, resource, subresource, namespace, name; as for `fail`.

        Each has: at, ended, verb, resource, subresource, namespace, name, method, path, code (the client's
        response; None while open, or cut), upstream (the API server's response; None without one), rule
        (the number of the applied rule), events (forwarded by a watch).
        """
        result: list[Object] = self._proxy.request("GET", "/requests", **which)
        return result

    def answer_creations(self, manner: Manner) -> None:
        """Play a provider from 4.29 on; see `Manner`."""
        self._proxy.request("POST", "/creations", {"manner": manner})

    def existing(self) -> list[str]:
        """Return the paths of objects that existed when the provider created them."""
        paths: list[str] = self._proxy.request("GET", "/creations")
        return paths

    def clear(self) -> None:
        """Remove all rules and recorded requests."""
        self._proxy.request("DELETE", "/rules")
        self._proxy.request("DELETE", "/requests")

    def _set(self, rule: Object) -> Fault:
        return Fault(self._proxy, self._proxy.request("POST", "/rules", rule)["id"])

    def _watches(self, what: str, resource: str) -> int:
        answer: Object = self._proxy.request("POST", f"/watches/{what}", {"resource": resource})
        count: int = answer["count"]
        return count


def _has_result(request: Object) -> bool:
    return request["ended"] is not None or (request["verb"] == "watch" and request["code"] is not None)
