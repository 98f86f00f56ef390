"""The roles that the owner of a cluster gives an account, so that it has the missing rights. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import yaml

from platform_infra import names
from tools.platform.preflight.rights import RBAC

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tools.platform.preflight.rights import Right

NAME: Final = f"{names.PROJECT}-deployer"
ACCOUNT: Final = "system:serviceaccount:"


def manifest(rights: Iterable[Right], user: str) -> str:
    """Return a role and its binding for each place, as YAML documents."""
    known = set(rights)
    documents = [
        document
        for namespace in sorted({right.namespace for right in known})
        for document in _place(namespace, sorted(each for each in known if each.namespace == namespace), user)
    ]
    return yaml.safe_dump_all(documents, sort_keys=False)


def _place(namespace: str, rights: Sequence[Right], user: str) -> list[dict[str, Any]]:
    kind = "Role" if namespace else "ClusterRole"
    metadata = {"name": NAME, **({"namespace": namespace} if namespace else {})}
    role = {"apiVersion": f"{RBAC}/v1", "kind": kind, "metadata": metadata, "rules": rules(rights)}
    binding = {
        "apiVersion": f"{RBAC}/v1",
        "kind": f"{kind}Binding",
        "metadata": dict(metadata),
        "roleRef": {"apiGroup": RBAC, "kind": kind, "name": NAME},
        "subjects": [_subject(user)],
    }
    return [role, binding]


def rules(rights: Sequence[Right]) -> list[dict[str, Any]]:
    """Return the rules of a role: one per resource and object."""
    verbs: dict[tuple[str, str, str], list[str]] = {}
    for each in rights:
        verbs.setdefault((each.group, each.resource, each.name), []).append(each.verb)
    return [
        {
            "apiGroups": [group],
            "resources": [resource],
            **({"resourceNames": [name]} if name else {}),
            "verbs": sorted(each),
        }
        for (group, resource, name), each in verbs.items()
    ]


def _subject(user: str) -> dict[str, str]:
    if user.startswith(ACCOUNT):
        namespace, _, name = user.removeprefix(ACCOUNT).partition(":")
        return {"kind": "ServiceAccount", "name": name, "namespace": namespace}
    return {"apiGroup": RBAC, "kind": "User", "name": user}
