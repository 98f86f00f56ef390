"""`drift` names exactly what was changed or deleted by hand, `up --refresh` restores it, and then `drift` is silent.

On a real API server with the controllers that write into these objects.

DD-DRIFT-001 has the reasons.
"""

from __future__ import annotations

import importlib
import pkgutil
import shutil
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pulumi
import pytest

import platform_infra
from tests.api_server.edits import EDITS
from tests.api_server.settings_space import RECEIVERS, ROUTING
from tests.harness.eventually import eventually
from tests.harness.shared_clusters import OBJECT_CONTROLLERS, STACK, Team, shared_cluster
from tools.platform.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.harness.shared_clusters import SharedCluster

pytestmark = [pytest.mark.xdist_group("shared-clusters"), pytest.mark.timeout(300, func_only=True)]
PROGRAM = Path(__file__).with_name("without_node.py")
EVERYTHING: dict[str, Any] = {
    "operatorEnabled": True,
    "operatorImage": "registry.example.com/operator:1",
    "previewBase": True,
    "watchNamespaceSelector": "!kubernaut.ai/preview",
    "channelsFileEnabled": True,
    "channelsFileVolume": "hostPath",
    "channelsSlackEnabled": True,
    "channelsSlackWebhookUrl": "http://relay.example:443/x",
    "routing": ROUTING,
    "receivers": RECEIVERS[1:],
    "networkEgressPorts": [443, 587, 6443],
    "drillSchedule": "0 9 * * 1",
    "gatewayEnabled": True,
    "gatewayHost": "hooks.example.com",
    "gatewayAllowedCidrs": ["192.0.2.0/24"],
    "gatewayClassName": "nginx",
    "monitoringMode": "crds",
}
"""Settings of a stack that makes an object of every type."""
CUSTOM_RESOURCE = "CustomResource"
CUSTOM_KINDS = {"CustomResourceDefinition", "NotificationReceiver", "PodMonitor", "PrometheusRule"}
"""What the platform makes without a class for the type."""
OF_PREVIEWS = {"ResourceQuota"}
"""Types that only a preview makes, which no drift is searched in."""
Resource = dict[str, Any]


@pytest.fixture
def cluster() -> Iterator[SharedCluster]:
    with shared_cluster(*OBJECT_CONTROLLERS) as started:
        started.serve_monitoring_kinds()
        yield started


@pytest.fixture
def team(cluster: SharedCluster, tmp_path: Path) -> Team:
    """A checkout whose stack is up, with an object of every type."""
    team = Team(tmp_path / "team")
    shutil.copy(PROGRAM, team.checkout.folder / "infra" / "__main__.py")
    team.add_context("there", server=cluster.server, authority=cluster.authority, token=cluster.token)
    team.configure("there", **EVERYTHING)
    team.up()
    return team


def objects(team: Team) -> list[Resource]:
    """Return the resources of the stack that are objects in the cluster."""
    return [each for each in team.resources().values() if each["type"].startswith("kubernetes:")]


def kind(resource: Resource) -> str:
    name: str = resource["type"].rpartition(":")[2]
    return name


def edited(team: Team) -> dict[str, Resource]:
    """Return the resource of each edit, by kind."""
    by_name = {(kind(each), each["urn"].rpartition("::")[2]): each for each in objects(team)}
    return {name: by_name[name, edit.resource] for name, edit in EDITS.items()}


def url(resource: Resource) -> str:
    """Return the path of an object in the API."""
    _, version, name = resource["type"].split(":")
    plural = (
        f"{name.lower()[:-1]}ies"
        if name.endswith("y")
        else f"{name.lower()}{'es' if name.endswith('s') else 's'}"
    )
    root = f"/api/{version.removeprefix('core/')}" if version.startswith("core/") else f"/apis/{version}"
    *namespace, own = resource["id"].split("/")
    return "/".join([root, *(("namespaces", *namespace) if namespace else ()), plural, own])


def drift(team: Team, *, code: int) -> dict[str, list[str]]:
    """Run `drift`; return the changed fields by the line of their object, such as `~ update Role a/b`."""
    result = team.platform("drift", STACK)
    assert result.code == code, result.text
    entries: dict[str, list[str]] = {}
    for line in result.text.splitlines():
        if line.startswith("      "):
            entries[list(entries)[-1]].append(line.strip().partition(": ")[0])
        elif line.startswith("  "):
            entries[line.strip()] = []
    return entries


def restore(team: Team) -> None:
    """Run `up --refresh`, after which nothing differs."""
    result = team.platform("up", STACK, "--refresh")
    assert result.code == 0, result.text
    assert drift(team, code=0) == {}


def made_types() -> set[str]:
    """Return the kind of every class of a Kubernetes object that a module of the platform imports."""
    modules = pkgutil.walk_packages(platform_infra.__path__, "platform_infra.")
    return {
        name
        for module in [each.name for each in modules]
        for name, value in vars(importlib.import_module(module)).items()
        if isinstance(value, type)
        and issubclass(value, pulumi.CustomResource)
        and value.__module__.startswith("pulumi_kubernetes.")
    }


def test_every_type_that_the_platform_makes_has_an_edit() -> None:
    assert made_types() - {CUSTOM_RESOURCE} - OF_PREVIEWS | CUSTOM_KINDS == EDITS.keys()


def test_edits_and_deletions_are_named_exactly_and_undone(team: Team, cluster: SharedCluster) -> None:
    assert {kind(each) for each in objects(team)} == EDITS.keys()
    resources = edited(team)
    for name, edit in EDITS.items():
        assert cluster.send("PATCH", url(resources[name]), edit.patch), name
    assert drift(team, code=ExitCode.DIFFERENT) == {
        f"~ update {name} {resources[name]['id']}": list(edit.fields) for name, edit in EDITS.items()
    }
    restore(team)

    expected: dict[str, list[str]] = {
        f"- delete {kind(each)} {each['id']}": [] for each in objects(team) if is_deleted(each, resources)
    }
    for resource in resources.values():
        assert cluster.send("DELETE", url(resource)), kind(resource)
    for resource in resources.values():
        eventually(partial(cluster.send, "GET", url(resource)), lambda exists: not exists, within=60)
    assert drift(team, code=ExitCode.DIFFERENT) == expected
    restore(team)


def is_deleted(resource: Resource, chosen: Mapping[str, Resource]) -> bool:
    """Return whether an object is chosen, or goes with its namespace or with the definition of its kind."""
    namespace = resource["id"].partition("/")[0] if "/" in resource["id"] else ""
    return (
        resource["urn"] in {each["urn"] for each in chosen.values()}
        or namespace == chosen["Namespace"]["id"]
        or kind(resource) == "NotificationReceiver"
    )
