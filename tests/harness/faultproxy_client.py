"""The fault proxy in verbs: let requests fail, be late or be cut, and see what was asked."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeAlias

from tests.harness.asking import Asking

if TYPE_CHECKING:
    from collections.abc import Iterator

Object: TypeAlias = dict[str, Any]

RESOURCE = "notificationrequests"


class Fault:
    """A rule of the proxy that was set."""

    def __init__(self, proxy: Asking, number: int) -> None:
        self._proxy = proxy
        self.number = number

    @property
    def used(self) -> int:
        """How many requests have met it; 0 once it is removed."""
        rules: list[Object] = self._proxy.ask("GET", "/rules")
        return next((rule["used"] for rule in rules if rule["id"] == self.number), 0)

    def remove(self) -> None:
        """Take it out of force."""
        self._proxy.ask("DELETE", f"/rules/{self.number}")


class FaultProxy:
    """The proxy between one operator and the API server."""

    def __init__(self, base: str) -> None:
        self._proxy = Asking(base)

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
        """Let requests fail that fit all that is given; the first rule that was set and fits is the one.

        Args:
            verb: get, list, watch, create, update, patch, delete, deletecollection.
            resource: in the plural, such as leases.
            subresource: such as status; "" for requests that are about none.
            namespace: the namespace that is asked about.
            name: a regular expression for the object's whole name.
            containing: must stand in the request's body, written as JSON without spaces.
            code: answer with it, with a Status as the body unless `body` is given (a JSON value or a text).
            body: see code.
            headers: such as {"Retry-After": "1"}.
            delay: seconds before anything else is done.
            delay_after: seconds between the API server's answer and the asker's.
            cut: close the connection instead of an answer. An aiohttp client repeats a request other than POST
                and PATCH by itself, once, when the connection had been used before: cut two `times` then.
            after: only when the API server has done its work: the answer is replaced or lost.
            times: how many requests meet it; None for all of them, until it is removed.
            skip: how many that fit go through first.
        """
        arguments = {key: value for key, value in locals().items() if key != "self"}
        return self._set({**arguments, "headers": headers or {}})

    @contextmanager
    def lag(self, seconds: float, *, resource: str = RESOURCE) -> Iterator[None]:
        """Hold every event of the resource's watches back so long, those that run already included."""
        fault = self._set({"verb": "watch", "resource": resource, "lag": seconds})
        try:
            yield
        finally:
            fault.remove()

    def cut_watches(self, *, resource: str = RESOURCE) -> int:
        """Cut the connections of the resource's watches; return how many there were."""
        return self._watches("cut", resource)

    def expire_watches(self, *, resource: str = RESOURCE) -> int:
        """End the resource's watches with "410 Expired" in the stream; return how many there were."""
        return self._watches("expire", resource)

    def requests(
        self,
        *,
        verb: str | None = None,
        resource: str | None = None,
        subresource: str | None = None,
        namespace: str | None = None,
        name: str | None = None,
        code: int | None = None,
    ) -> list[Object]:
        """Return the requests that fit, oldest first.

        Each has: at, ended, verb, resource, subresource, namespace, name, method, path, code (what the asker
        got; None while open, or cut), upstream (what the API server said; None when it was not asked), rule
        (the number of the fault that it met), events (that a watch has passed on).
        """
        arguments = {key: value for key, value in locals().items() if key != "self"}
        result: list[Object] = self._proxy.ask("GET", "/requests", **arguments)
        return result

    def clear(self) -> None:
        """Let everything through from now on, and forget what was asked."""
        self._proxy.ask("DELETE", "/rules")
        self._proxy.ask("DELETE", "/requests")

    def _set(self, rule: Object) -> Fault:
        return Fault(self._proxy, self._proxy.ask("POST", "/rules", rule)["id"])

    def _watches(self, what: str, resource: str) -> int:
        answer: Object = self._proxy.ask("POST", f"/watches/{what}", {"resource": resource})
        count: int = answer["count"]
        return count
