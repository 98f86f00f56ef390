"""What a deletion that does not complete is explained by: kinds of a discovery, and the objects that finalizers hold."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import nullcontext
from itertools import repeat
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from pulumi.automation import CommandError, CommandResult

from platform_infra.cluster.api_client import ApiClient
from tools.platform.kinds import Kind, kinds_of
from tools.platform.pulumi.removal import deletion
from tools.platform.pulumi.removal.deletion import (
    Deletions,
    HeldError,
    HeldObject,
    explained,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

DELETED = "2026-01-01T00:00:00Z"
VERBS = ["delete", "get", "list"]
RECEIVERS = "/apis/kubernaut.ai/v1alpha1/notificationreceivers"
CRD = "kubernetes:apiextensions.k8s.io/v1:CustomResourceDefinition"
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


def resource(plural: str, kind: str, *, scope: str = "Namespaced", verbs: list[str] | None = None) -> Any:
    return {
        "resource": plural,
        "responseKind": {"kind": kind},
        "scope": scope,
        "verbs": VERBS if verbs is None else verbs,
    }


def group(name: str, version: str, *resources: Any) -> Any:
    return {"metadata": {"name": name}, "versions": [{"version": version, "resources": list(resources)}]}


CORE = {
    "items": [
        group(
            "",
            "v1",
            resource("namespaces", "Namespace", scope="Cluster"),
            resource("configmaps", "ConfigMap"),
            resource("bindings", "Binding", verbs=["create"]),
        )
    ]
}
GROUPS = {
    "items": [
        group("kubernaut.ai", "v1alpha1", resource("notificationreceivers", "NotificationReceiver")),
        group(
            "apiextensions.k8s.io",
            "v1",
            resource("customresourcedefinitions", "CustomResourceDefinition", scope="Cluster"),
        ),
    ]
}


def held(name: str, *finalizers: str, namespace: str = "", deleted: str = DELETED) -> Any:
    metadata: dict[str, Any] = {"name": name, "namespace": namespace, "finalizers": list(finalizers)}
    return {"metadata": metadata | ({"deletionTimestamp": deleted} if deleted else {})}


def deletions(**answers: Any) -> Deletions:
    return Deletions(client(**answers))


def client(refusals: Iterable[int] = (), **answers: Any) -> ApiClient:
    """Return a client of a cluster that answers by path, an iterator with one document after the other, and 404 for every other one.

    `refusals` are the status codes of the first answers to lists of receivers.
    """
    refused = iter(refusals)
    known = {"/api": CORE, "/apis": GROUPS, **answers}

    def call(_method: str, url: str, *_request: Any, **_options: Any) -> Any:
        path = url.partition("?")[0]
        if path == RECEIVERS and (status := next(refused, None)):
            return SimpleNamespace(status=status, reason="", read=lambda: b"")
        answer = known.get(path)
        document = next(answer) if isinstance(answer, Iterator) else answer
        content = json.dumps(document).encode()
        return SimpleNamespace(status=200 if path in known else 404, reason="", read=lambda: content)

    def serialized(method: str, path: str, **_options: Any) -> Any:
        return method, path, {}, None, None

    return ApiClient(SimpleNamespace(call_api=call, param_serialize=serialized))


def test_kinds_are_those_that_the_cluster_serves() -> None:
    namespaces, config_maps, bindings = kinds_of(CORE)
    assert namespaces.path(name="a") == "/api/v1/namespaces/a"
    assert config_maps.path("a", "b") == "/api/v1/namespaces/a/configmaps/b"
    assert not bindings.deletable
    (receivers, _) = kinds_of(GROUPS)
    assert receivers == Kind(
        version="kubernaut.ai/v1alpha1",
        name="NotificationReceiver",
        plural="notificationreceivers",
        namespaced=True,
        deletable=True,
    )


def test_namespace_is_held_by_what_it_contains() -> None:
    result = deletions(
        **{
            "/api/v1/namespaces/home": held("home"),
            "/api/v1/namespaces/home/configmaps": {
                "items": [held("a", "x.example/y", namespace="home"), held("b", namespace="home")]
            },
        }
    ).holders([("kubernetes:core/v1:Namespace", "home"), ("kubernetes:core/v1:ConfigMap", "home/other")])
    assert [each.text() for each in result] == ["ConfigMap home/a has the finalizer x.example/y"]


def test_definition_is_held_by_its_instances() -> None:
    name = "notificationreceivers.kubernaut.ai"
    result = deletions(
        **{
            f"{CRDS}/{name}": held(name, "customresourcecleanup.apiextensions.k8s.io"),
            RECEIVERS: {"items": [held("mail", "x.example/y", "x.example/z", namespace="home")]},
        }
    ).holders([(CRD, name)])
    assert [each.text() for each in result] == [
        "NotificationReceiver home/mail has the finalizers x.example/y, x.example/z",
    ]


@pytest.mark.parametrize(
    ("conditions", "message"),
    [
        (
            [
                {"type": "Established", "message": "the initial names have been accepted"},
                {"type": "Terminating", "message": "could not list instances"},
            ],
            "could not list instances",
        ),
        (None, "its deletion has not begun"),
    ],
)
def test_unfinished_definition_has_the_message_of_the_api_server(conditions: Any, message: str) -> None:
    name = "notificationreceivers.kubernaut.ai"
    definition = held(name, "customresourcecleanup.apiextensions.k8s.io") | {
        "status": {"conditions": conditions}
    }
    result = deletions(**{f"{CRDS}/{name}": definition})
    resources = [("kubernetes:core/v1:Namespace", "home"), (CRD, name), (CRD, "others.kubernaut.ai")]
    assert result.unfinished(resources) == [f"CustomResourceDefinition {name}: {message}"]


def test_unfinished_definition_says_what_failed_also_while_it_is_repeated() -> None:
    name = "notificationreceivers.kubernaut.ai"
    states = [
        ("InstanceDeletionInProgress", "in progress"),
        ("InstanceDeletionFailed", "could not list instances"),
    ]
    documents = (
        held(name)
        | {"status": {"conditions": [{"type": "Terminating", "reason": reason, "message": message}]}}
        for reason, message in states
    )
    cluster = deletions(**{f"{CRDS}/{name}": documents})
    assert cluster.unfinished([(CRD, name)]) == [f"CustomResourceDefinition {name}: could not list instances"]


def test_definition_that_is_not_being_deleted_is_finished() -> None:
    name = "notificationreceivers.kubernaut.ai"
    assert deletions(**{f"{CRDS}/{name}": held(name, deleted="")}).unfinished([(CRD, name)]) == []


def test_deletion_waits_until_objects_of_a_definition_can_be_listed() -> None:
    refusals = iter([429, 429, 200, 429])
    cluster = Deletions(client(refusals, **{RECEIVERS: {"items": []}}))
    cluster.await_caches(["notificationreceivers.kubernaut.ai", "others.kubernaut.ai"])
    assert list(refusals) == [429]


def test_deletion_waits_for_objects_no_longer_than_its_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deletion, "READY_WITHIN", 0.3)
    Deletions(client(repeat(429))).await_caches(["notificationreceivers.kubernaut.ai"])


@pytest.mark.parametrize("path", ["/api/v1/namespaces/home", "/elsewhere"])
def test_object_that_is_not_being_deleted_is_held_by_nothing(path: str) -> None:
    result = deletions(**{path: held("home", "x.example/y", deleted="")})
    assert result.holders([("kubernetes:core/v1:Namespace", "home")]) == []


def test_explanation_has_the_command_that_removes_a_finalizer() -> None:
    receiver = HeldObject(
        kind="NotificationReceiver",
        plural="notificationreceivers.kubernaut.ai",
        namespace="home",
        name="mail",
        finalizers=("x.example/y",),
    )
    lines, hint = explained([receiver], "prod", again="down prod")
    assert lines == "\n  - NotificationReceiver home/mail has the finalizer x.example/y"
    assert "kubectl --context prod -n home patch notificationreceivers.kubernaut.ai mail --type merge" in hint
    assert hint.endswith("then run `down prod` again")


def test_failed_destruction_says_which_definition_it_waits_for(monkeypatch: pytest.MonkeyPatch) -> None:
    def destroy(*_stack: Any, **_options: Any) -> None:
        raise CommandError(CommandResult("", "timed out", 255))

    name = "notificationreceivers.kubernaut.ai"
    state = SimpleNamespace(kubeconfig="{}", context="prod", definitions=[name], objects=[(CRD, name)])
    cluster = client(**{f"{CRDS}/{name}": held(name)})
    monkeypatch.setattr(deletion, "destroy", destroy)
    monkeypatch.setattr(deletion, "contents", lambda _stack: state)
    monkeypatch.setattr(deletion, "api_client", lambda _document, _context: nullcontext(cluster))
    stack: Any = SimpleNamespace(name="prod")
    with pytest.raises(HeldError, match=f"deleting:\n  - CustomResourceDefinition {name}: its") as caught:
        deletion.delete_resources(stack, again="down prod")
    assert caught.value.hint.endswith("then run `down prod` again")
