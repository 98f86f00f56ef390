"""What `down` shows and checks, from the state of a stack."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from platform_infra.cluster.api_server import ApiServer
from platform_infra.cluster.ownership import Owner
from platform_infra.names import CRD_OWNER
from platform_infra.settings.reader import parse
from platform_infra.settings.sections.cluster import Cluster
from tools.platform.pulumi import stack as stack_module
from tools.platform.pulumi.environment import STATE_FOLDER
from tools.platform.pulumi.removal import deletion, destruction
from tools.platform.pulumi.removal.deletion import forget_cluster
from tools.platform.pulumi.removal.destruction import (
    PROVIDER,
    STASH,
    WrongClusterError,
    check_given_up,
    check_place,
    contents_of,
)
from tools.platform.pulumi.state.backend import shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

KUBECONFIG = json.dumps({"clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:1"}}]})
SECRET = "4dabf18193072939515e22adb298388d"
"""The engine's mark of a secret."""
OWNER = Owner(stack="organization/notification-platform/prod", state="1f", cluster="9a")


def resource(kind: str, *, custom: bool = True, **more: Any) -> dict[str, Any]:
    return {"type": kind, "custom": custom, **more}


def provider(**inputs: object) -> dict[str, Any]:
    kubeconfig = {SECRET: "1b47061264138c4ac30d75fd1eb44270", "plaintext": json.dumps(KUBECONFIG)}
    return resource(PROVIDER, inputs={"kubeconfig": kubeconfig, "context": "there", **inputs})


def crd(name: str = "notificationrequests.kubernaut.ai", **more: Any) -> dict[str, Any]:
    metadata = {"name": name, "annotations": {CRD_OWNER: OWNER.text()}}
    kind = "kubernetes:apiextensions.k8s.io/v1:CustomResourceDefinition"
    return resource(kind, inputs={"metadata": metadata}, **more)


STATE = [
    resource("pulumi:pulumi:Stack", custom=False),
    resource("notification-platform:index:Bundle", custom=False),
    resource(STASH),
    provider(clusterIdentifier="9a"),
    resource("pulumi:providers:kubernetes", delete=True, inputs={"clusterIdentifier": "old"}),
    resource("kubernetes:apps/v1:Deployment"),
    resource("kubernetes:rbac.authorization.k8s.io/v1:ClusterRole"),
    resource("kubernetes:rbac.authorization.k8s.io/v1:ClusterRole"),
    crd(retainOnDelete=True),
]


def test_question_names_resources_cluster_and_backend() -> None:
    assert contents_of(STATE).text("prod", "s3://state") == (
        "`down` destroys the stack prod:\n"
        "  cluster  https://127.0.0.1:1 (context there, uid 9a)\n"
        "  backend  s3://state\n"
        "  deletes  3 resource(s): 2 ClusterRole, 1 Deployment\n"
        "  keeps    1 resource(s): 1 CustomResourceDefinition, which stay in the cluster, with all notifications and receivers"
    )


def namespace(name: str, **more: Any) -> dict[str, Any]:
    return resource("kubernetes:core/v1:Namespace", inputs={"metadata": {"name": name}}, **more)


def test_question_names_namespaces_that_go_with_what_others_created_there() -> None:
    *_, deletes, everything, keeps = (
        contents_of([*STATE, namespace("notification-system"), namespace("handed-over", retainOnDelete=True)])
        .text("prod", "s3://state")
        .splitlines()
    )
    assert deletes == "  deletes  4 resource(s): 2 ClusterRole, 1 Deployment, 1 Namespace"
    assert everything == (
        "  deletes  everything in the namespace notification-system: receivers, Secrets, notifications and volume claims, also those "
        "that the stack has not created"
    )
    assert keeps == (
        "  keeps    2 resource(s): 1 CustomResourceDefinition, 1 Namespace, which stay in the cluster, with the notifications and "
        "receivers in other namespaces"
    )


def test_question_names_crds_that_go_with_every_object() -> None:
    *_, last = contents_of([provider(), crd()]).text("prod", "s3://state").splitlines()
    assert (
        last
        == "  deletes  every object of notificationrequests.kubernaut.ai, in all namespaces of the cluster"
    )


def test_question_about_a_vanished_cluster_tells_what_is_forgotten() -> None:
    state = [*STATE, resource("aws:eks/cluster:Cluster", id="prod")]
    *_, deletes, forgets = contents_of(state).text("prod", "s3://state", cluster_gone=True).splitlines()
    assert deletes == "  deletes  1 resource(s): 1 Cluster"
    assert forgets == (
        "  forgets  4 resource(s): 2 ClusterRole, 1 CustomResourceDefinition, 1 Deployment, which stay in the cluster if it "
        "still exists"
    )


def test_recorded_setting_does_not_keep_the_provider_from_forgetting(monkeypatch: pytest.MonkeyPatch) -> None:
    """The variable decides for this run alone: a later `down` must still take the cluster for a shared one."""
    imported: list[Any] = []
    recorded = [provider(deleteUnreachable="false"), resource("kubernetes:apps/v1:Deployment")]
    stack: Any = SimpleNamespace(
        name="prod",
        workspace=SimpleNamespace(env_vars={"A": "b"}),
        export_stack=lambda: SimpleNamespace(version=3, deployment={"resources": recorded}),
        import_stack=imported.append,
    )
    monkeypatch.setattr(deletion, "destroy", lambda _stack: None)
    forget_cluster(stack)
    assert stack.workspace.env_vars == {"A": "b", "PULUMI_K8S_DELETE_UNREACHABLE": "true"}
    (state,) = imported
    assert "deleteUnreachable" not in state.deployment["resources"][0]["inputs"]
    assert not contents_of(state.deployment["resources"]).may_vanish


def test_state_without_objects_is_empty() -> None:
    assert contents_of([resource("pulumi:pulumi:Stack", custom=False), resource(STASH), provider()]).is_empty
    assert not contents_of([crd(retainOnDelete=True)]).is_empty


@pytest.mark.parametrize(
    ("value", "vanishes"), [("true", True), (True, True), ("false", False), (None, False)]
)
def test_local_cluster_is_recognized_by_its_provider(value: object, *, vanishes: bool) -> None:
    assert contents_of([provider(deleteUnreachable=value)]).may_vanish is vanishes


def test_cluster_that_does_not_answer_has_two_ways_out() -> None:
    with pytest.raises(WrongClusterError, match="nothing has been destroyed") as caught:
        check_place("prod", contents_of(STATE), Cluster())
    for way in ("run `up` first", "down prod --cluster-gone"):
        assert way in caught.value.hint


ELSEWHERE = {
    "clusterKind": "existing",
    "clusterKubeconfig": "/k",
    "clusterContext": "there",
    "operatorImage": "i",
}
OTHER = Owner(stack="organization/notification-platform/eu", state="2f", cluster="9a")


@pytest.fixture
def check_update(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Return a function that checks an update of a stack with a CRD in its state, whose owner in the cluster is given."""

    def check(
        owner: Owner | None,
        *,
        retained: bool = False,
        uid: str = "9a",
        more: Iterable[dict[str, Any]] = (),
        **values: str,
    ) -> None:
        monkeypatch.setattr(ApiServer, "uid", lambda *_: uid)
        monkeypatch.setattr(ApiServer, "owner_of_definition", lambda *_: owner.text() if owner else "")
        context = SimpleNamespace(text=str, context="there")
        monkeypatch.setattr(destruction, "named_context", lambda _settings: context)
        resources = [provider(clusterIdentifier="9a"), crd(retainOnDelete=retained), *more]
        exported = SimpleNamespace(deployment={"resources": resources})
        stack: Any = SimpleNamespace(name="prod", export_stack=lambda: exported)
        check_given_up(stack, parse(ELSEWHERE | values))

    return check


def test_update_that_deletes_a_crd_of_another_state_is_refused(check_update: Callable[..., None]) -> None:
    with pytest.raises(WrongClusterError) as caught:
        check_update(OTHER, crdManaged="false")
    assert str(caught.value) == (
        f"prod: this update would delete notificationrequests.kubernaut.ai, which belongs to {OTHER.text()} now, and no longer to "
        f"this state ({OWNER.text()}); nothing has been changed"
    )
    assert "up prod --adopt --refresh" in caught.value.hint


def test_refused_update_names_all_that_it_would_delete(check_update: Callable[..., None]) -> None:
    with pytest.raises(WrongClusterError) as caught:
        check_update(OTHER, more=[crd("notificationreceivers.kubernaut.ai")], crdManaged="false")
    assert str(caught.value) == (
        "prod: this update would delete notificationreceivers.kubernaut.ai, notificationrequests.kubernaut.ai, which belong to "
        f"{OTHER.text()} now, and no longer to this state ({OWNER.text()}); nothing has been changed"
    )


@pytest.mark.parametrize(
    ("owner", "values"),
    [
        (OTHER, {}),
        (OTHER, {"crdManaged": "false", "uid": "another"}),
        (OTHER, {"crdManaged": "false", "retained": True}),
        (OWNER, {"crdManaged": "false"}),
        (None, {"crdManaged": "false"}),
    ],
    ids=["managed", "another cluster", "retained", "own", "without an owner"],
)
def test_update_that_deletes_nothing_of_others_is_left_to_the_program(
    check_update: Callable[..., None], owner: Owner | None, values: dict[str, Any]
) -> None:
    check_update(owner, **values)


def test_password_of_the_backend_is_not_shown() -> None:
    for url, text in (
        ("postgres://ann:s3cr3t@db.example:5432/state", "postgres://ann:…@db.example:5432/state"),
        ("s3://state?region=eu", "s3://state?region=eu"),
    ):
        assert shown(url) == text


@pytest.mark.parametrize(
    ("url", "generated", "options"),
    [
        (f"file://{STATE_FOLDER}", False, ["--preserve-config", "--remove-backups"]),
        ("file:///srv/state", False, ["--preserve-config"]),
        ("s3://state", False, ["--preserve-config"]),
        ("file:///srv/state", True, ["--remove-backups"]),
        ("s3://state", True, ["--remove-backups"]),
    ],
)
def test_copies_of_a_lasting_stack_stay_in_a_shared_backend(
    url: str, *, generated: bool, options: list[str]
) -> None:
    calls: list[list[str]] = []
    place = SimpleNamespace(backend=url, remove=lambda _name, *chosen: calls.append([*chosen]))
    removable: Any = SimpleNamespace(name="nowhere", workspace=place)
    stack_module.remove(removable, generated=generated)
    assert calls == [options]
