"""Objects that are being deleted and do not go, because a finalizer of another controller holds them or what they contain."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from platform_infra.cluster.api_client import JSON

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from platform_infra.cluster.api_client import ApiClient

    Object = Mapping[str, Any]

DISCOVERY = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
"""All kinds of a cluster in two requests (Kubernetes 1.30)."""
METADATA = "application/json;g=meta.k8s.io;v=v1;as=PartialObjectMetadata"
METADATA_LIST = f"{METADATA}List"
NAMESPACE, DEFINITION = "Namespace", "CustomResourceDefinition"
OWN = frozenset({"customresourcecleanup.apiextensions.k8s.io", "foregroundDeletion", "orphan"})
"""Finalizers that the cluster itself removes once nothing else holds the object."""
TERMINATING = "Terminating"
"""The condition of a definition that is being deleted."""
LISTED = 500
"""Objects of a kind that are looked at; the first few tell what is wrong."""
SHOWN = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of object that the cluster serves."""

    root: str
    """The path of its group and version, such as `/apis/apps/v1`."""
    group: str
    name: str
    plural: str
    namespaced: bool
    deletable: bool

    def path(self, namespace: str = "", name: str = "") -> str:
        """Return the path of an object, or without a name that of a list."""
        parts = [
            self.root,
            *(("namespaces", namespace) if namespace else ()),
            self.plural,
            *filter(None, [name]),
        ]
        return "/".join(parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldObject:
    """An object with a deletion timestamp and finalizers."""

    kind: str
    plural: str
    """The plural with its group, as kubectl takes it, such as `notificationreceivers.kubernaut.ai`."""
    namespace: str
    name: str
    finalizers: tuple[str, ...]

    def text(self) -> str:
        """Return the object and what holds it, such as `ConfigMap a/b has the finalizer example.com/c`."""
        place = f"{self.namespace}/{self.name}" if self.namespace else self.name
        several = "s" if len(self.finalizers) > 1 else ""
        return f"{self.kind} {place} has the finalizer{several} {', '.join(self.finalizers)}"

    def command(self, context: str) -> str:
        """Return the command that removes the finalizers."""
        place = f" -n {self.namespace}" if self.namespace else ""
        return (
            f"kubectl --context {context}{place} patch {self.plural} {self.name} --type merge "
            '-p \'{"metadata":{"finalizers":null}}\''
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class UnfinishedDefinition:
    """A CustomResourceDefinition that waits for the API server to delete its objects."""

    name: str
    message: str
    """What the API server says about it."""

    def text(self) -> str:
        """Return the definition and its state, such as `CustomResourceDefinition a.example.com: could not list instances`."""
        return f"{DEFINITION} {self.name}: {self.message}"


class Deletions:
    """The deletions that an API server has not completed.

    A request that fails counts as an empty answer: this only explains another failure.
    """

    def __init__(self, api: ApiClient) -> None:
        self._api = api
        self._kinds: list[Kind] | None = None

    def holders(self, resources: Iterable[tuple[str, str]]) -> list[HeldObject]:
        """Return what holds objects of a state, which are pairs of the engine's type and id; each holder once."""
        holders = [each for kind, name in resources for each in self._holders_of(kind, name)]
        return list(dict.fromkeys(holders))[:SHOWN]

    def unfinished(self, resources: Iterable[tuple[str, str]]) -> list[UnfinishedDefinition]:
        """Return the definitions among objects of a state whose objects the API server has not deleted yet."""
        result = []
        for type_, name in resources:
            kind = self._kind(type_)
            if kind is None or kind.name != DEFINITION:
                continue
            document = self._get(kind.path(name=name))
            if document.get("metadata", {}).get("deletionTimestamp"):
                result.append(UnfinishedDefinition(name=name, message=_progress(document)))
        return result

    def in_namespace(self, name: str) -> list[HeldObject]:
        """Return the objects in a namespace that finalizers hold."""
        kinds = [kind for kind in self._served() if kind.namespaced and kind.deletable]
        return list(dict.fromkeys(each for kind in kinds for each in self._list(kind, name)))[:SHOWN]

    def _holders_of(self, type_: str, id_: str) -> Iterator[HeldObject]:
        """Yield what holds one object: its own finalizers, and those of what a namespace or a definition contains."""
        kind = self._kind(type_)
        if kind is None:
            return
        *namespace, own = id_.split("/")
        document = self._get(kind.path("".join(namespace), own), METADATA)
        if not document.get("metadata", {}).get("deletionTimestamp"):
            return
        yield from _held(kind, document)
        if kind.name == NAMESPACE:
            yield from self.in_namespace(own)
        if kind.name == DEFINITION:
            plural, _, group = own.partition(".")
            instances = [each for each in self._served() if (each.group, each.plural) == (group, plural)]
            yield from (each for kind in instances for each in self._list(kind))

    def _kind(self, type_: str) -> Kind | None:
        """Return the kind of one of the engine's types; None if the cluster does not serve it."""
        _, version, name = type_.split(":")
        group = version.rpartition("/")[0].removeprefix("core")
        return next((each for each in self._served() if (each.group, each.name) == (group, name)), None)

    def _list(self, kind: Kind, namespace: str = "") -> Iterator[HeldObject]:
        for item in self._get(f"{kind.path(namespace)}?limit={LISTED}", METADATA_LIST).get("items") or []:
            yield from _held(kind, item)

    def _served(self) -> list[Kind]:
        if self._kinds is None:
            self._kinds = [
                kind for path in ("/api", "/apis") for kind in kinds_of(path, self._get(path, DISCOVERY))
            ]
        return self._kinds

    def _get(self, path: str, accept: str = JSON) -> Object:
        # Imported here: the imports take a second, and are needed after a failure only.
        from kubernetes.client.exceptions import ApiException  # noqa: PLC0415
        from urllib3.exceptions import HTTPError  # noqa: PLC0415

        try:
            answer = self._api.get(path, accept=accept)
        except (ApiException, HTTPError):
            return {}
        return answer.document if answer.accepted else {}


def kinds_of(path: str, discovery: Object) -> Iterator[Kind]:
    """Yield the kinds of an APIGroupDiscoveryList from `/api` or `/apis`, each in its preferred version."""
    for item in discovery.get("items") or []:
        group = item["metadata"].get("name", "")
        for version in item["versions"][:1]:
            root = "/".join(part for part in (path, group, version["version"]) if part)
            for resource in version.get("resources") or []:
                yield Kind(
                    root=root,
                    group=group,
                    name=(resource.get("responseKind") or {}).get("kind", ""),
                    plural=resource["resource"],
                    namespaced=resource["scope"] == "Namespaced",
                    deletable={"list", "delete"} <= set(resource["verbs"]),
                )


def _held(kind: Kind, document: Object) -> Iterator[HeldObject]:
    metadata = document["metadata"]
    finalizers = tuple(each for each in metadata.get("finalizers") or () if each not in OWN)
    if metadata.get("deletionTimestamp") and finalizers:
        yield HeldObject(
            kind=kind.name,
            plural=f"{kind.plural}.{kind.group}".rstrip("."),
            namespace=metadata.get("namespace", ""),
            name=metadata["name"],
            finalizers=finalizers,
        )


def _progress(definition: Object) -> str:
    """Return what the API server says about the deletion of a definition."""
    conditions = definition.get("status", {}).get("conditions") or []
    messages = (each.get("message") for each in conditions if each["type"] == TERMINATING)
    return next(filter(None, messages), "its deletion has not begun")


def explained(held: Sequence[HeldObject], context: str, *, again: str) -> tuple[str, str]:
    """Return what holds a deletion, one line per object, and what to do; `again` is the command to repeat."""
    hint = (
        "the controller that sets a finalizer also removes it: check that it runs. If it no longer exists, remove the finalizer, for "
        f"example with `{held[0].command(context)}`; then run `{again}` again"
    )
    return _listed(held), hint


def waiting(unfinished: Sequence[UnfinishedDefinition], *, again: str) -> tuple[str, str]:
    """Return which definitions a deletion waits for, one line each, and what to do; `again` is the command to repeat."""
    hint = f"the API server repeats it by itself, after pauses of up to several minutes; then run `{again}` again"
    return _listed(unfinished), hint


def _listed(entries: Iterable[HeldObject | UnfinishedDefinition]) -> str:
    return "".join(f"\n  - {each.text()}" for each in entries)
