"""The verb, resource and name of a Kubernetes API request, from method and path. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

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
