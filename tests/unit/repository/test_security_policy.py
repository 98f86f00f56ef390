"""SECURITY.md: what the operator's account may read, compared with its roles."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from platform_infra.settings.derivation import operator_settings
from platform_infra.settings.reader import parse
from platform_infra.workload.rbac import OperatorAccountArgs, home_grants, served_grants
from tools.platform.pulumi.environment import ROOT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from platform_infra.workload.rbac import Grant

LISTED = {"watchNamespaces": ["shop"]}
ROWS: dict[str, dict[str, Any]] = {
    "the defaults": {},
    "a receiver of the stack with the Secret `team-slack`": {
        "receivers": [
            {
                "name": "team",
                "spec": {"type": "slack", "slack": {"webhookUrlSecretRef": {"name": "team-slack"}}},
                "existingSecrets": ["team-slack"],
            }
        ]
    },
    "`receiversReadAll: true`": {"receiversReadAll": True},
    "`receiversEnabled: false`": {"receiversEnabled": False},
    "`receiversNamespaced: true` with `watchNamespaces`": {"receiversNamespaced": True, **LISTED},
    "`receiversNamespaced: true` without `watchNamespaces`": {"receiversNamespaced": True},
    "`monitoringExternalHeartbeatSecret: dead-mans-switch`": {
        "drillSchedule": "@weekly",
        "monitoringExternalHeartbeatSecret": "dead-mans-switch",
    },
    "`gatewayEnabled: true`": {"gatewayEnabled": True},
}
"""The settings of a row of the table."""
TABLE = dict(
    re.findall(
        r"^\| ([^|]*?) \| (.*) \|$",
        (ROOT / "SECURITY.md").read_text("utf-8").partition("| settings |")[2],
        re.MULTILINE,
    )
)


def grants(values: dict[str, Any]) -> tuple[Sequence[Grant], Sequence[Grant]]:
    """Return the grants in the operator's namespace, and in every watched one."""
    settings = parse(values)
    args = OperatorAccountArgs(
        namespace=settings.operator.namespace,
        home=settings.operator.namespace,
        watch=settings.watch,
        routing_config_map=settings.routing_config_map.name,
        lease=settings.leader_election.lease_name,
        shards=settings.operator.shards,
        events=settings.events.level,
        retention=settings.retention.enabled,
        receivers=operator_settings(settings).receivers,
        reads_all=settings.receivers_read_all,
        secrets=tuple(name for each in settings.receivers for name in each.secret_names),
        config_maps=(),
        gateway=settings.gateway.enabled,
        tenant_sources=settings.gateway.tenant_sources,
        heartbeat_secret=settings.monitoring.external_heartbeat.secret,
        service_account=settings.operator.service_account,
    )
    return home_grants(args), served_grants(args)


def reach(values: dict[str, Any], resource: str) -> str:
    """Return which objects of a resource the account may read, in the words of the table."""
    home, served = ([grant for grant in part if grant.resource == resource] for part in grants(values))
    everywhere = any(not grant.names for grant in served)
    if everywhere and not values.get("watchNamespaces"):
        return "all of the cluster"
    if any(not grant.names for grant in home):
        own = "all of the operator's namespace"
    else:
        named = [f"`{name}`" for grant in home for name in grant.names]
        own = f"{', '.join(named)} of the operator's namespace" if named else ""
    return ", ".join(filter(None, [own, "all of each listed namespace" if everywhere else ""])) or "none"


@pytest.mark.parametrize("row", ROWS)
def test_policy_states_which_secrets_and_config_maps_are_read(row: str) -> None:
    values = ROWS[row]
    assert TABLE[row] == f"{reach(values, 'secrets')} | {reach(values, 'configmaps')}"


def test_policy_names_the_verbs_and_what_is_never_granted() -> None:
    text = (ROOT / "SECURITY.md").read_text("utf-8")
    for values in ROWS.values():
        for grant in (grant for part in grants(values) for grant in part):
            assert "patch" not in grant.verbs
            assert "*" not in (grant.group, grant.resource, *grant.verbs)
            if grant.resource in {"secrets", "configmaps"}:
                assert {"list"} <= set(grant.verbs) <= {"list", "watch"}
    assert "no `patch` and no wildcard" in text
    assert "lists and watches Secrets and ConfigMaps, and has no other verb on them" in text
