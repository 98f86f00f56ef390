"""The rights that an account needs to bring a stack up and take it down, derived from the objects of the program, and the roles that grant them. Pure.

RBAC lets an account grant only what it holds itself: whoever creates a Role needs every right in it, or the verb `escalate`, and
whoever creates a binding needs every right of the bound role, or the verb `bind`.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby, product
from typing import TYPE_CHECKING, Any, Final

import yaml

from platform_infra import names

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from tools.platform.kinds import Kind
    from tools.platform.preflight.objects import PlannedObject

    Kinds = Mapping[tuple[str, str], Kind]
    """Kinds by group with version, and name: `("apps/v1", "Deployment")`."""

RBAC: Final = "rbac.authorization.k8s.io"
OF_AN_OBJECT: Final = ("get", "create", "patch", "delete")
"""Server-side apply needs `patch`, and `create` if the object does not exist."""
OF_A_KIND: Final = ("list", "watch")
"""A deletion waits until the object is gone."""
AWAITED: Final[Mapping[str, Sequence[tuple[str, str]]]] = {
    "Deployment": (("apps", "replicasets"), ("", "pods"), ("", "persistentvolumeclaims")),
}
"""What the provider watches until an object of a kind is ready."""
ROLES: Final = {"Role": "roles", "ClusterRole": "clusterroles"}
BINDINGS: Final = ("RoleBinding", "ClusterRoleBinding")


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Right:
    """What a request does to a resource; empty `namespace` for the whole cluster, empty `name` for every object."""

    namespace: str
    group: str
    resource: str
    """The resource with its subresource, such as `notificationrequests/status`."""
    verb: str
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """A right that is needed for an object, unless the account has another one; `purpose` is such as `manage`."""

    right: Right
    purpose: str
    subject: str
    """The object, such as `Role team-a/operator`."""
    unless: Right | None = None


def needs(objects: Sequence[PlannedObject], served: Kinds) -> list[Need]:
    """Return every right that the objects need, each once for a purpose; kinds that are not served are left out."""
    known = [(each, served.get((each.api_version, each.kind))) for each in objects]
    own = [need for each, resource in known if resource for need in _of_object(each, resource.plural)]
    return list(dict.fromkeys([*own, *_of_roles(objects)]))


def _of_object(each: PlannedObject, plural: str) -> Iterator[Need]:
    def right(verb: str, name: str = "", resource: tuple[str, str] = (each.group, plural)) -> Right:
        group, kind = resource
        return Right(namespace=each.namespace, group=group, resource=kind, verb=verb, name=name)

    if each.only_read:
        home = Right(namespace=each.name, group=each.group, resource=plural, verb="get", name=each.name)
        yield Need(right=home, purpose="read", subject=str(each))
        return
    for verb in OF_AN_OBJECT:
        yield Need(right=right(verb, each.name), purpose="manage", subject=str(each))
    for verb in OF_A_KIND:
        yield Need(right=right(verb), purpose="wait for", subject=str(each))
        for resource in AWAITED.get(each.kind, ()):
            yield Need(right=right(verb, resource=resource), purpose="wait for", subject=str(each))


def _of_roles(objects: Iterable[PlannedObject]) -> Iterator[Need]:
    """Yield what must be held to create the roles and to bind them."""
    known = {(each.kind, each.namespace, each.name): each for each in objects if each.kind in ROLES}
    for role in known.values():
        allowed = _on_role("escalate", role.kind, role.namespace, role.name)
        yield from _held(role, role, allowed, "grant it in")
    for binding in objects:
        if binding.kind not in BINDINGS:
            continue
        reference = binding.document["roleRef"]
        kind, name = str(reference["kind"]), str(reference["name"])
        home = binding.namespace if kind == "Role" else ""
        # The verb is asked for where the binding is.
        allowed = _on_role("bind", kind, binding.namespace, name)
        if bound := known.get((kind, home, name)):
            yield from _held(bound, binding, allowed, "bind it in")
        else:
            yield Need(right=allowed, purpose="create", subject=str(binding))


def _on_role(verb: str, kind: str, namespace: str, name: str) -> Right:
    return Right(namespace=namespace, group=RBAC, resource=ROLES[kind], verb=verb, name=name)


def _held(role: PlannedObject, subject: PlannedObject, unless: Right, purpose: str) -> Iterator[Need]:
    """Yield every right of a role, which must be held where the subject is: the role itself or a binding."""
    home = subject.namespace
    for rule in role.document.get("rules") or ():
        names_of = rule.get("resourceNames") or ("",)
        for parts in product(rule["apiGroups"], rule["resources"], rule["verbs"], names_of):
            group, resource, verb, name = parts
            right = Right(namespace=home, group=group, resource=resource, verb=verb, name=name)
            yield Need(right=right, purpose=purpose, subject=str(subject), unless=unless)


DEPLOYER: Final = f"{names.PROJECT}-deployer"
ACCOUNT_PREFIX: Final = "system:serviceaccount:"


def manifest(rights: Iterable[Right], user: str) -> str:
    places = groupby(sorted(set(rights)), key=lambda right: right.namespace)
    documents = [each for namespace, held in places for each in _place(namespace, list(held), user)]
    return yaml.safe_dump_all(documents, sort_keys=False)


def _place(namespace: str, rights: Sequence[Right], user: str) -> list[dict[str, Any]]:
    kind = "Role" if namespace else "ClusterRole"
    metadata = {"name": DEPLOYER, **({"namespace": namespace} if namespace else {})}
    role = {"apiVersion": f"{RBAC}/v1", "kind": kind, "metadata": metadata, "rules": rules(rights)}
    binding = {
        "apiVersion": f"{RBAC}/v1",
        "kind": f"{kind}Binding",
        "metadata": dict(metadata),
        "roleRef": {"apiGroup": RBAC, "kind": kind, "name": DEPLOYER},
        "subjects": [_subject(user)],
    }
    return [role, binding]


def rules(rights: Sequence[Right]) -> list[dict[str, Any]]:
    verbs: dict[tuple[str, str, str], list[str]] = {}
    for each in rights:
        verbs.setdefault((each.group, each.resource, each.name), []).append(each.verb)
    return [
        {"apiGroups": [group], "resources": [resource]}
        | ({"resourceNames": [name]} if name else {})
        | {"verbs": sorted(each)}
        for (group, resource, name), each in verbs.items()
    ]


def _subject(user: str) -> dict[str, str]:
    if user.startswith(ACCOUNT_PREFIX):
        namespace, _, name = user.removeprefix(ACCOUNT_PREFIX).partition(":")
        return {"kind": "ServiceAccount", "name": name, "namespace": namespace}
    return {"apiGroup": RBAC, "kind": "User", "name": user}
