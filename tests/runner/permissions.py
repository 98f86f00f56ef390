"""Writes the tables of permissions into docs/permissions.md: `python -m tests.runner.permissions --write`.

They have what the program registers: without optional settings, and in addition with each setting that adds permissions.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from platform_infra.cluster import Connection
from platform_infra.crd.user_roles import UserRole, user_roles
from platform_infra.names import (
    DRILL,
    GATEWAY,
    OPERATOR,
    PLURAL,
    PREVIEW_ACCOUNT,
    RECEIVER_PLURAL,
    SOURCE_PLURAL,
)
from platform_infra.preview.grants import MANAGER_ROLE
from platform_infra.settings.reader import parse
from tests.kit.recording import record_settings
from tools.generate.artifacts import ROOT, replace_block

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

DOCUMENT: Final = ROOT / "docs" / "permissions.md"
BLOCK: Final = "permissions, by make generate"
ROLES_BLOCK: Final = "roles, by make generate"
HOME: Final = "notification-system"
TENANT: Final = "shop"
MOST_NAMES: Final = 3
"""Names of objects that a row lists; of more, it shows the first and the last one."""


class Place(StrEnum):
    """Where a permission holds."""

    HOME = "the operator's namespace"
    SERVED = "watched namespaces"
    PREVIEWS = "namespaces of previews"
    CLUSTER = "the cluster"


@dataclass(frozen=True, slots=True, kw_only=True)
class Permission:
    """Verbs of one account on one resource; empty `names` for all objects of it."""

    account: str
    place: Place
    group: str
    resource: str
    names: tuple[str, ...]
    verbs: tuple[str, ...]

    def widened(self) -> Permission:
        """Return the permission of a ClusterRole, which takes the place of those in watched namespaces."""
        return replace(self, place=Place.CLUSTER) if self.place == Place.SERVED else self


@dataclass(frozen=True, slots=True, kw_only=True)
class Switch:
    """A setting that adds permissions, as the page names it; `needs` are its prerequisites."""

    label: str
    values: Mapping[str, str]
    needs: Mapping[str, str] = field(default_factory=dict)


SMALLEST: Final = {
    "clusterKind": "existing",
    "clusterKubeconfig": "kubeconfig",
    "clusterContext": "context",
    "operatorImage": f"registry.example.com/operator@sha256:{'1' * 64}",
    "operatorReplicas": "2",
    "watchNamespaces": json.dumps([TENANT]),
    "monitoringMode": "none",
    "receiversEnabled": "false",
    "retentionEnabled": "false",
    "eventsLevel": "none",
    "gatewayTokenReviews": "false",
    "admissionEnabled": "false",
}
"""Settings with the fewest permissions."""
WITH_RECEIVERS: Final = {"receiversEnabled": "true"}
WITH_GATEWAY: Final = {"gatewayEnabled": "true", "watchNamespaces": json.dumps([TENANT, HOME])}
EVERYWHERE: Final = {"watchNamespaces": "[]"}
MAIL: Final = {"host": "mail.example.com", "from": "a@example.com", "to": ["b@example.com"]}
RECEIVER: Final = {
    "name": "mail",
    "spec": {
        "type": "email",
        "email": {**MAIL, "authSecretRef": {"name": "smtp"}},
        "template": {"configMapRef": {"name": "layout"}},
    },
    "existingSecrets": ["smtp"],
}
SWITCHES: Final = (
    Switch(label="`eventsLevel`, unless `none`", values={"eventsLevel": "all"}),
    Switch(label="`retentionEnabled`", values={"retentionEnabled": "true"}),
    Switch(label="`operatorShards` above 1", values={"operatorShards": "2"}),
    Switch(label="`receiversEnabled`", values=WITH_RECEIVERS),
    Switch(
        label="`receivers`",
        values={"receivers": json.dumps([RECEIVER]), "networkEgressPorts": "[443, 587]"},
        needs=WITH_RECEIVERS,
    ),
    Switch(label="`receiversReadAll`", values={"receiversReadAll": "true"}, needs=WITH_RECEIVERS),
    Switch(label="`receiversNamespaced`", values={"receiversNamespaced": "true"}, needs=WITH_RECEIVERS),
    Switch(label="`receiversEnabled` without `watchNamespaces`", values=EVERYWHERE, needs=WITH_RECEIVERS),
    Switch(label="`watchNamespaceSelector`", values={**EVERYWHERE, "watchNamespaceSelector": "team=web"}),
    Switch(label="`gatewayEnabled`", values=WITH_GATEWAY),
    Switch(label="`gatewaySecrets`", values={"gatewaySecrets": '["hook"]'}, needs=WITH_GATEWAY),
    Switch(label="`gatewayReadAll`", values={"gatewayReadAll": "true"}, needs=WITH_GATEWAY),
    Switch(label="`gatewayTenantSources`", values={"gatewayTenantSources": "true"}, needs=WITH_GATEWAY),
    Switch(label="`gatewayTokenReviews`", values={"gatewayTokenReviews": "true"}, needs=WITH_GATEWAY),
    Switch(label="`drillSchedule`", values={"drillSchedule": "0 6 * * *"}, needs=WITH_RECEIVERS),
    Switch(
        label="`monitoringExternalHeartbeatSecret`",
        values={"monitoringExternalHeartbeatSecret": "heartbeat"},
        needs={**WITH_RECEIVERS, "drillSchedule": "0 6 * * *"},
    ),
    Switch(label="`previewBase`", values={"previewBase": "true"}),
)
ACCOUNTS: Final = {
    OPERATOR: "Operator",
    GATEWAY: "Gateway",
    DRILL: "Drills",
    PREVIEW_ACCOUNT: "Previews",
}
UNBOUND: Final = {MANAGER_ROLE: (PREVIEW_ACCOUNT, Place.PREVIEWS)}
"""Roles that another program binds, by name."""


def recorded(values: Mapping[str, str]) -> frozenset[Permission]:
    """Return the permissions that the program grants to its accounts with some settings."""
    recording = record_settings(
        parse(dict(values)), connect=lambda _options: Connection(kubeconfig="", context="")
    )
    entries = [entry.inputs for kind in ("RoleBinding", "ClusterRoleBinding") for entry in recording.of(kind)]
    bound = {each["roleRef"]["name"]: each["subjects"][0]["name"] for each in entries}
    roles = [entry.inputs for kind in ("Role", "ClusterRole") for entry in recording.of(kind)]
    return frozenset(permission for role in roles for permission in _of_role(role, bound))


def _of_role(role: Mapping[str, Any], bound: Mapping[str, str]) -> Iterator[Permission]:
    name = role["metadata"]["name"]
    place = Place.HOME if name.endswith(".own") else Place.SERVED
    place = place if "namespace" in role["metadata"] else Place.CLUSTER
    account, place = UNBOUND.get(name) or (bound.get(name), place)
    if account is None:
        return
    for rule in role["rules"]:
        yield Permission(
            account=account,
            place=place,
            group=rule["apiGroups"][0],
            resource=rule["resources"][0],
            names=tuple(rule.get("resourceNames") or ()),
            verbs=tuple(rule["verbs"]),
        )


@cache
def rows() -> tuple[tuple[str, Permission], ...]:
    """Return each permission with the label of the setting that adds it; an empty one for the settings with the fewest."""
    found = [("", each) for each in recorded(SMALLEST)]
    for switch in SWITCHES:
        before = recorded({**SMALLEST, **switch.needs})
        known = before | {each.widened() for each in before}
        found += [
            (switch.label, each) for each in recorded({**SMALLEST, **switch.needs, **switch.values}) - known
        ]
    return tuple(found)


def tables() -> str:
    """Return one table per account, in Markdown."""
    parts = []
    for account, title in ACCOUNTS.items():
        merged: dict[tuple[str, Permission], set[Place]] = {}
        for label, each in rows():
            if each.account == account:
                merged.setdefault((label, replace(each, place=Place.HOME)), set()).add(each.place)
        lines = [_row(label, each, places) for (label, each), places in sorted(merged.items(), key=_order)]
        head = [
            f"## {title}",
            "",
            f"The account is `{account}`.",
            "",
            "| in | with | group | resource | verbs |",
        ]
        parts.append("\n".join([*head, "|---|---|---|---|---|", *lines]))
    return "\n\n".join(parts)


def _order(entry: tuple[tuple[str, Permission], set[Place]]) -> tuple[int, int, str, str, tuple[str, ...]]:
    (label, each), places = entry
    labels = ["", *(switch.label for switch in SWITCHES)]
    return labels.index(label), min(map([*Place].index, places)), each.group, each.resource, each.names


def _row(label: str, each: Permission, places: set[Place]) -> str:
    shown = [f"`{name}`" for name in each.names]
    names = f"{shown[0]} to {shown[-1]}" if len(shown) > MOST_NAMES else ", ".join(shown)
    cells = (
        ", ".join(place for place in Place if place in places),
        label,
        f"`{each.group}`" if each.group else "core",
        f"`{each.resource}`" + (f": {names}" if names else ""),
        _verbs(each.verbs),
    )
    return f"| {' | '.join(cells)} |"


def _verbs(verbs: tuple[str, ...]) -> str:
    return ", ".join(f"`{verb}`" for verb in verbs)


COLUMNS: Final = {
    "notifications": PLURAL,
    "receivers": RECEIVER_PLURAL,
    "sources, with `gatewayEnabled`": SOURCE_PLURAL,
}


def roles() -> str:
    """Return one row per role of users, in Markdown."""
    default = {each.name: each for each in user_roles(edit_includes_receivers=False, gateway=False)}
    lines = [
        f"| {' | '.join((f'`{each.name}`', _part_of(each, default.get(each.name)), *_cells(each)))} |"
        for each in user_roles(edit_includes_receivers=True, gateway=True)
    ]
    return "\n".join([f"| ClusterRole | part of | {' | '.join(COLUMNS)} |", "|---|---|---|---|---|", *lines])


def _part_of(role: UserRole, default: UserRole | None) -> str:
    parts = ", ".join(f"`{each}`" for each in role.part_of)
    is_optional = default is not None and default.part_of != role.part_of
    return f"{parts}, with `crdEditIncludesReceivers`" if is_optional else parts


def _cells(role: UserRole) -> Iterator[str]:
    verbs = {grant.resource: _verbs(grant.verbs) for grant in role.grants}
    for resource in COLUMNS.values():
        status = verbs.get(f"{resource}/status")
        yield f"{verbs[resource]}; {status} of the status" if resource in verbs else ""


def document(text: str) -> str:
    """Return the page's text with up-to-date tables."""
    return replace_block(replace_block(text, BLOCK, tables()), ROLES_BLOCK, roles())


if __name__ == "__main__":
    if sys.argv[1:] != ["--write"]:
        sys.exit("usage: python -m tests.runner.permissions --write")
    DOCUMENT.write_text(document(DOCUMENT.read_text("utf-8")), "utf-8")
