"""The requests at the proxy: their kind, from method and path, and their result."""

from __future__ import annotations

import time
from collections import deque
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tests.harness.faultproxy.rules import Match

_WITH_NAME = {"GET": "get", "PUT": "update", "PATCH": "patch", "DELETE": "delete", "POST": "create"}
_WITHOUT = {**_WITH_NAME, "GET": "list", "DELETE": "deletecollection"}
_OF_A_NAMESPACE = {"status", "finalize"}


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestKind:
    """One request. Without a resource, for a path such as /version, the verb is the method's name."""

    verb: str
    resource: str = ""
    subresource: str = ""
    namespace: str = ""
    name: str = ""


def kind_of(method: str, path: str, query: Mapping[str, str]) -> RequestKind:
    """Parse a request; `path` is decoded and without the query."""
    match path.strip("/").split("/"):
        case ["api", _version, *rest] if rest:
            pass
        case ["apis", _group, _version, *rest] if rest:
            pass
        case _:
            return RequestKind(verb=method.lower())
    namespace, about = _namespace(rest)
    resource, name, subresource = [*about, "", "", ""][:3]
    verb = (_WITH_NAME if name else _WITHOUT).get(method, method.lower())
    if verb in {"get", "list"} and query.get("watch", "") in {"1", "true", "True"}:
        verb = "watch"
    return RequestKind(verb=verb, resource=resource, subresource=subresource, namespace=namespace, name=name)


def _namespace(rest: Sequence[str]) -> tuple[str, Sequence[str]]:
    match rest:
        case ["namespaces", namespace, part, *_] if part not in _OF_A_NAMESPACE:
            return namespace, rest[2:]
        case _:
            return "", rest


REMEMBERED = 20_000


@dataclass(slots=True, kw_only=True)
class Record:
    """One request; times in seconds since the epoch.

    `code` is the client's response: None while it is open, if the connection was cut, or if the client
    disconnected. `upstream` is the API server's response: None if it has not seen the request. `rule` is the
    number of the applied rule. `events` counts the forwarded events of a watch.
    """

    kind: RequestKind
    method: str
    path: str
    rule: int | None
    at: float = field(default_factory=time.time)
    ended: float | None = None
    code: int | None = None
    upstream: int | None = None
    events: int = 0

    def seen(self) -> dict[str, Any]:
        plain = asdict(self)
        return {**plain.pop("kind"), **plain}


class Records:
    """The most recent requests, oldest first."""

    def __init__(self) -> None:
        self._records: deque[Record] = deque(maxlen=REMEMBERED)

    @contextmanager
    def open(self, record: Record) -> Iterator[Record]:
        """Record a request, and note its end."""
        self._records.append(record)
        try:
            yield record
        finally:
            record.ended = time.time()

    def of(self, match: Match) -> list[dict[str, Any]]:
        """Return the matching requests."""
        return [record.seen() for record in self._records if match.fits(record.kind)]

    def clear(self) -> None:
        self._records.clear()
