"""What exists before a stack creates it: which objects are compared, and what is refused or adopted."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pulumi
import pytest
from pulumi.runtime.settings import SETTINGS
from pulumi.runtime.sync_await import _sync_await

from platform_infra import NotificationPlatform, names
from platform_infra.cluster import ClusterError, Connection
from platform_infra.cluster.adoption import PREFIX
from platform_infra.cluster.cluster import upsert
from platform_infra.settings.reader import SettingsError, parse
from tests.kit.recording import NEW_STATE, record_program, record_settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.kit.recording import Recording, Registration
    from tests.unit.infra.conftest import SharedCluster

VALUES = {
    "operatorImage": "registry.example/operator:1",
    "clusterKind": "existing",
    "clusterKubeconfig": "/k",
    "clusterContext": "there",
    "monitoringMode": "crds",
    "gatewayEnabled": "true",
    "gatewayTenantSources": "true",
    "watchNamespaces": '["shop", "billing"]',
    "channelsFileVolume": "hostPath",
    "channelsFileHostPath": "/var/notifications",
}
HOME = "notification-system"
ROLE = f"Role shop/notification-operator.{HOME}.served"
OURS = f"organization/notification-platform/test state={NEW_STATE} cluster=cluster-uid"


@pytest.fixture
def notes(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The messages of a program."""
    texts: list[str] = []
    monkeypatch.setattr(pulumi.log, "info", texts.append)
    return texts


def created(values: Mapping[str, str] | None = None, *, lasting: bool = True) -> Recording:
    """Record a stack whose first object is created."""
    connection = Connection(kubeconfig="apiVersion: v1", context="there", lasting=lasting)

    settings = parse({**VALUES, **(values or {})})
    return record_settings(settings, connect=lambda _opts: connection, inspect=lambda _bundle: create())


def create(instance: str = "platform") -> None:
    """Do as the engine before it creates an object."""
    # The hooks are registered in the next turn of the event loop.
    _sync_await(asyncio.sleep(0))
    known: Any = SETTINGS.callbacks
    if hook := known.hooks.get(f"{instance}-existing-objects"):
        _sync_await(hook.callback(None))


def key(entry: Registration) -> tuple[str, str, str]:
    metadata = entry.inputs["metadata"]
    return entry.kind, metadata.get("namespace", ""), metadata["name"]


@pytest.mark.parametrize(
    "values",
    [
        {},
        {
            "gatewayTenantSources": "false",
            "watchNamespaces": "[]",
            "previewBase": "true",
            "watchNamespaceSelector": "!kubernaut.ai/preview",
        },
    ],
)
def test_every_object_is_marked_and_searched_for(
    shared_cluster: SharedCluster, values: dict[str, str]
) -> None:
    recording = created(values)
    objects = [entry for entry in recording.registered if entry.type.startswith(PREFIX)]
    assert sorted((each.kind, each.namespace, each.name) for each in shared_cluster.asked) == sorted(
        map(key, objects)
    )
    assert {entry.inputs["metadata"]["annotations"][names.CRD_OWNER] for entry in objects} == {OURS}
    assert {"platform-existing-objects" in entry.create_hooks for entry in objects} == {True}


def test_existing_object_is_refused_with_its_managers(shared_cluster: SharedCluster) -> None:
    shared_cluster.existing = (ROLE, f"Namespace {HOME}")
    with pytest.raises(ClusterError) as caught:
        created()
    for part in (
        f"Namespace {HOME}: owner none; written by kubectl-create",
        f"{ROLE}: owner none; written by kubectl-create",
        "No object has been created",
        "If this stack has never created them, give it another operatorNamespace and set crdManaged to false",
        "otherwise that would delete them",
        "run `tools/notif-platform up test --adopt`",
    ):
        assert part in str(caught.value)


def test_named_stack_adopts_what_exists(
    shared_cluster: SharedCluster, notes: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    shared_cluster.existing = (ROLE,)
    shared_cluster.owners[HOME] = "organization/notification-platform/test state=lost"
    monkeypatch.setenv(names.ADOPT_VARIABLE, "test")
    created()
    (first, all_objects) = notes
    assert first.startswith(f"{names.ADOPTED}:\n  - Namespace {HOME}: owner organization/")
    assert f"{ROLE}: owner none" in all_objects
    monkeypatch.setenv(names.ADOPT_VARIABLE, "another")
    with pytest.raises(ClusterError):
        created()


def test_objects_of_this_state_are_no_strangers(shared_cluster: SharedCluster, notes: list[str]) -> None:
    shared_cluster.owners = {HOME: OURS, names.CRD: OURS}
    shared_cluster.existing = (ROLE,)
    created()
    shared_cluster.owners = {ROLE.removeprefix("Role "): OURS}
    shared_cluster.existing = ()
    created()
    assert notes == []


def test_cluster_of_the_stack_alone_is_not_asked(shared_cluster: SharedCluster) -> None:
    shared_cluster.existing = (ROLE,)
    recording = created(lasting=False)
    assert not any("platform-existing-objects" in entry.create_hooks for entry in recording.registered)
    assert shared_cluster.asked == ()


def test_silent_cluster_fails_the_creation(
    shared_cluster: SharedCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared_cluster.silent_later = True
    with pytest.raises(ClusterError, match="does not answer"):
        created()
    warnings: list[str] = []
    monkeypatch.setattr(pulumi.runtime, "is_dry_run", lambda: True)
    monkeypatch.setattr(pulumi.log, "warn", warnings.append)
    created()
    assert "this preview does not check which objects exist" in warnings[0]


def test_component_adopts_by_its_argument(shared_cluster: SharedCluster, notes: list[str]) -> None:
    shared_cluster.existing = (ROLE,)
    place = {"kubeconfig": "apiVersion: v1", "context": "there"}
    args: dict[str, Any] = {
        **place,
        "operator_image": "registry.example/operator:1",
        "watch_namespaces": ["shop"],
    }

    def program(**more: object) -> None:
        NotificationPlatform("orders", {**args, **more})  # type: ignore[typeddict-item]
        create("orders")

    with pytest.raises(ClusterError, match="To take them over, set adoptExisting to true"):
        record_program(program)
    record_program(lambda: program(adopt_existing=True))
    assert ROLE in notes[0]


def test_argument_of_a_component_is_checked() -> None:
    def program() -> None:
        with pytest.raises(SettingsError, match="adoptExisting is 'yes', but should be true or false"):
            NotificationPlatform("orders", {"cluster_kind": "local", "adopt_existing": "yes"})  # type: ignore[typeddict-item]

    record_program(program)


def test_newer_provider_applies_to_what_the_program_accepts(monkeypatch: pytest.MonkeyPatch) -> None:
    provider = "platform_infra.cluster.cluster.kubernetes.ProviderArgs"
    monkeypatch.setattr(f"{provider}.upsert_existing_objects", property(), raising=False)
    assert upsert() == {"upsert_existing_objects": True}
