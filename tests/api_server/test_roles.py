"""The permissions of users and of the operator's account, according to a real API server (DD-RBAC-001)."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from kubernetes import client

from notification_runtime.kube.events import Event, EventType, Regarding
from platform_infra import names
from tests.api_server.conftest import KIND, NAMESPACE, objects
from tests.api_server.tenant_attempts import ACCOUNTS, ESCALATIONS, STOLEN
from tests.api_server.tenant_place import sent, token_of
from tests.harness.eventually import eventually
from tests.harness.notifications import notification

if TYPE_CHECKING:
    from tests.api_server.conftest import ApiServer

pytestmark = pytest.mark.xdist_group("api-server")
RBAC = "rbac.authorization.k8s.io"
OPERATOR = f"system:serviceaccount:{NAMESPACE}:{names.OPERATOR}"
COORDINATION = "coordination.k8s.io"
LEASES = f"/apis/{COORDINATION}/v1/namespaces/{NAMESPACE}/leases"
EVENTS = "/apis/events.k8s.io/v1/namespaces"
READ = {"get", "list", "watch"}
USERS = {"sender": "notifications-sender", "viewer": "notifications-viewer", "editor": "receivers-editor"}
ACCOUNTS_AND_ROLES = {"ServiceAccount", "Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"}
VERBS = ("get", "list", "watch", "create", "update", "patch", "delete", "deletecollection")


@pytest.fixture(scope="module")
def namespace(api_server: ApiServer) -> str:
    """A namespace in which each user of `USERS` has one role."""
    name = api_server.namespace()
    for user, role in USERS.items():
        binding = {
            "apiVersion": f"{RBAC}/v1",
            "kind": "RoleBinding",
            "metadata": {"name": role, "namespace": name},
            "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": role},
            "subjects": [{"apiGroup": RBAC, "kind": "User", "name": user}],
        }
        api_server.apply(binding)
        plural = names.RECEIVER_PLURAL if user == "editor" else names.PLURAL
        eventually(partial(allowed, api_server, user, name, plural, verbs=("get",)), bool, within=10)
    return name


def allowed(
    api_server: ApiServer,
    user: str,
    namespace: str,
    resource: str,
    *,
    group: str = names.GROUP,
    name: str = "",
    verbs: tuple[str, ...] = VERBS,
) -> set[str]:
    """Return the verbs that a user may use."""
    plural, _, subresource = resource.partition("/")
    attributes: dict[str, Any] = {
        "namespace": namespace,
        "group": group,
        "resource": plural,
        "subresource": subresource,
        "name": name,
    }
    reviews = client.AuthorizationV1Api(api_server.cluster.api)

    def may(verb: str) -> bool:
        review = {"spec": {"user": user, "resourceAttributes": attributes | {"verb": verb}}}
        return bool(reviews.create_subject_access_review(review).status.allowed)

    return {verb for verb in verbs if may(verb)}


@pytest.mark.parametrize(
    ("user", "kind", "status"),
    [
        ("sender", {*READ, "create", "delete"}, {"get"}),
        ("viewer", READ, {"get"}),
        ("editor", set(), set()),
        ("nobody", set(), set()),
    ],
)
def test_user_roles_grant_exactly_these_verbs(
    api_server: ApiServer, namespace: str, user: str, kind: set[str], status: set[str]
) -> None:
    assert allowed(api_server, user, namespace, names.PLURAL) == kind
    assert allowed(api_server, user, namespace, f"{names.PLURAL}/status") == status
    assert allowed(api_server, user, "default", names.PLURAL) == set()


@pytest.mark.parametrize(
    ("user", "receivers", "status"),
    [
        ("editor", {*READ, "create", "update", "patch", "delete"}, {"get"}),
        ("viewer", READ, {"get"}),
        ("sender", set(), set()),
        ("nobody", set(), set()),
    ],
)
def test_user_roles_grant_exactly_these_verbs_on_receivers(
    api_server: ApiServer, namespace: str, user: str, receivers: set[str], status: set[str]
) -> None:
    assert allowed(api_server, user, namespace, names.RECEIVER_PLURAL) == receivers
    assert allowed(api_server, user, namespace, f"{names.RECEIVER_PLURAL}/status") == status


def test_sender_creates_and_deletes_and_writes_no_status(api_server: ApiServer, namespace: str) -> None:
    obj = notification(namespace)
    assert api_server.create(obj, user="editor").code == 403
    assert api_server.create(obj, user="sender").code == 201
    assert api_server.write_status(obj, user="sender", phase="Sent").code == 403
    path = f"{KIND}/{namespace}/{names.PLURAL}/{obj['metadata']['name']}"
    assert api_server.send("GET", path, user="viewer").code == 200
    assert api_server.send("DELETE", path, user="viewer").code == 403
    assert api_server.send("DELETE", path, user="sender").code == 200


def test_sender_cannot_write_receivers_and_their_editor_can(api_server: ApiServer, namespace: str) -> None:
    receiver = {
        "apiVersion": f"{names.GROUP}/{names.VERSION}",
        "kind": names.RECEIVER_KIND,
        "metadata": {"name": "chat", "namespace": namespace},
        "spec": {"type": "console"},
    }
    path = f"{KIND}/{namespace}/{names.RECEIVER_PLURAL}/chat"
    patch = {"spec": {"suspend": True}}
    merge = "application/merge-patch+json"
    expected = {"sender": (403, 403, 403), "viewer": (403, 403, 403), "editor": (201, 200, 200)}
    for user, codes in expected.items():
        answers = (
            api_server.create(receiver, user=user),
            api_server.send("PATCH", path, patch, user=user, content=merge),
            api_server.send("DELETE", path, user=user),
        )
        assert tuple(each.code for each in answers) == codes


@pytest.mark.parametrize(
    ("values", "receivers"),
    [
        ({}, set()),
        (
            {"crdEditIncludesReceivers": "true"},
            {f"{RBAC}/aggregate-to-edit", f"{RBAC}/aggregate-to-admin"},
        ),
    ],
)
def test_user_roles_become_part_of_the_default_roles(values: dict[str, str], receivers: set[str]) -> None:
    labels = {
        obj["metadata"]["name"]: {key for key in obj["metadata"]["labels"] if "aggregate" in key}
        for obj in objects(**values)
        if obj["kind"] == "ClusterRole" and obj["metadata"]["name"] in USERS.values()
    }
    assert labels == {
        "notifications-viewer": {f"{RBAC}/aggregate-to-view"},
        "notifications-sender": {f"{RBAC}/aggregate-to-edit", f"{RBAC}/aggregate-to-admin"},
        "receivers-editor": receivers,
    }


@pytest.mark.parametrize(
    ("name", "verbs"),
    [
        ("", {"list", "create"}),
        (names.LEASE, {"list", "create", "update"}),
        ("kube-scheduler", {"list", "create"}),
    ],
)
def test_operator_updates_its_own_lease_only(api_server: ApiServer, name: str, verbs: set[str]) -> None:
    granted = allowed(api_server, OPERATOR, NAMESPACE, "leases", group=COORDINATION, name=name)
    assert granted == verbs


def lease(name: str) -> dict[str, Any]:
    return {
        "apiVersion": f"{COORDINATION}/v1",
        "kind": "Lease",
        "metadata": {"name": name.rpartition("/")[2]},
    }


def test_operator_writes_its_lease_and_no_foreign_one(api_server: ApiServer) -> None:
    for name, code in ((names.LEASE, 200), ("foreign", 403)):
        created = api_server.send("POST", LEASES, lease(name), user=OPERATOR)
        assert created.code == 201
        assert api_server.send("PUT", f"{LEASES}/{name}", created.document, user=OPERATOR).code == code
        assert api_server.send("DELETE", f"{LEASES}/{name}", user=OPERATOR).code == 403


@pytest.mark.parametrize(
    ("name", "verbs"),
    [
        ("", {"list"}),
        (names.GATEWAY_LEASES[0], {"list", "create", "update", "delete"}),
        (names.LEASE, {"list"}),
        (f"{names.LEASE}-shard-1", {"list"}),
    ],
)
def test_gateway_writes_its_own_leases_only(
    api_server: ApiServer, stack: dict[str, str], name: str, verbs: set[str]
) -> None:
    gateway = f"system:serviceaccount:{stack['home']}:{names.GATEWAY}"
    assert allowed(api_server, gateway, stack["home"], "leases", group=COORDINATION, name=name) == verbs


def test_gateway_creates_its_leases_by_name_and_no_other_one(
    api_server: ApiServer, stack: dict[str, str]
) -> None:
    gateway = f"system:serviceaccount:{stack['home']}:{names.GATEWAY}"
    leases = f"/apis/{COORDINATION}/v1/namespaces/{stack['home']}/leases"
    own, of_operator = f"{leases}/{names.GATEWAY_LEASES[0]}", f"{leases}/{names.LEASE}"
    calls = (("PUT", own), ("PUT", own), ("POST", leases), ("PUT", of_operator), ("DELETE", of_operator))
    codes = [api_server.send(method, path, lease(path), user=gateway).code for method, path in calls]
    assert codes == [201, 422, 403, 403, 403]
    assert api_server.send("DELETE", own, user=gateway).code == 200


def test_operator_creates_events_and_changes_none(api_server: ApiServer, namespace: str) -> None:
    pod = Regarding(api_version="v1", kind="Pod", namespace=namespace, name="operator")
    event = Event(
        regarding=pod, type=EventType.WARNING, reason="R", action="A", note="n", at=datetime.now(UTC)
    )
    path = f"{EVENTS}/{namespace}/events"
    assert api_server.send("POST", path, event.body("pod-1"), user=OPERATOR).code == 201
    merge = "application/merge-patch+json"
    assert api_server.send("PATCH", f"{path}/{event.name}", {}, user=OPERATOR, content=merge).code == 403
    assert allowed(api_server, OPERATOR, namespace, "events", group="events.k8s.io") == {"create"}


def test_operator_reads_and_deletes_notifications_and_updates_their_status(
    api_server: ApiServer, namespace: str
) -> None:
    assert allowed(api_server, OPERATOR, namespace, names.PLURAL) == {*READ, "delete"}
    assert allowed(api_server, OPERATOR, namespace, f"{names.PLURAL}/status") == {"update"}
    for resource in ("secrets", "pods", "configmaps"):
        assert allowed(api_server, OPERATOR, namespace, resource, group="") == set()
    assert allowed(api_server, OPERATOR, namespace, "namespaces", group="") == {"list", "watch"}


def test_operator_reads_receivers_and_updates_their_status(api_server: ApiServer, namespace: str) -> None:
    for each in (namespace, NAMESPACE):
        assert allowed(api_server, OPERATOR, each, names.RECEIVER_PLURAL) == READ
        assert allowed(api_server, OPERATOR, each, f"{names.RECEIVER_PLURAL}/status") == {"update"}


def test_operator_of_a_stack_without_receivers_reads_one_config_map_alone(
    api_server: ApiServer, namespace: str
) -> None:
    for where in (NAMESPACE, namespace):
        for resource in ("secrets", "configmaps"):
            assert allowed(api_server, OPERATOR, where, resource, group="") == set()
    rules = names.ROUTING_CONFIG_MAP
    assert allowed(api_server, OPERATOR, NAMESPACE, "configmaps", group="", name=rules) == {"list", "watch"}


@pytest.mark.parametrize("reads_all", [False, True])
def test_operator_follows_the_secrets_of_the_receivers_of_its_stack(
    api_server: ApiServer, *, reads_all: bool
) -> None:
    home = api_server.namespace()
    hook = {"type": "webhook", "webhook": {"urlSecretRef": {"name": "hook"}}}
    receivers = json.dumps([{"name": "a", "spec": hook, "existingSecrets": ["hook"]}])
    values = {"receivers": receivers, "receiversReadAll": str(reads_all).lower()}
    for obj in objects(operatorNamespace=home, **values):
        if obj["metadata"].get("namespace") == home and obj["kind"] != "ConfigMap":
            api_server.apply(obj)
    user = f"system:serviceaccount:{home}:{names.OPERATOR}"
    secrets = f"/api/v1/namespaces/{home}/secrets"

    def code(query: str) -> int:
        return api_server.send("GET", f"{secrets}{query}", user=user).code

    eventually(lambda: code("?fieldSelector=metadata.name%3Dhook"), lambda each: each == 200, within=10)
    assert code("?fieldSelector=metadata.name%3Dhook&watch=true&timeoutSeconds=1") == 200
    others = [code("?fieldSelector=metadata.name%3Dother"), code(""), code("?watch=true&timeoutSeconds=1")]
    assert others == ([200] * 3 if reads_all else [403] * 3)
    assert code("/hook") == 403


@pytest.fixture(scope="module")
def stack(api_server: ApiServer) -> dict[str, str]:
    """The namespaces of a stack with all of its accounts, and of a tenant."""
    home, other = api_server.namespace(), api_server.namespace()
    values = {"gatewayEnabled": "true", "gatewaySecrets": '["hook"]', "drillSchedule": "@weekly"}
    for obj in objects(operatorNamespace=home, **values):
        if obj["kind"] in ACCOUNTS_AND_ROLES and home in json.dumps(obj):
            api_server.apply(obj)
    for namespace in (home, other):
        api_server.cluster.request("POST", f"/api/v1/namespaces/{namespace}/secrets", STOLEN)
    gateway = f"system:serviceaccount:{home}:{names.GATEWAY}"
    path = f"/api/v1/namespaces/{home}/secrets/hook"
    eventually(lambda: api_server.send("GET", path, user=gateway).code, lambda code: code == 404, within=10)
    return {"home": home, "other": other}


@pytest.mark.parametrize("account", ACCOUNTS)
def test_account_of_a_stack_gets_no_rights_of_another_one(
    api_server: ApiServer, stack: dict[str, str], account: str
) -> None:
    token = token_of(api_server, stack["home"], account)
    answers = {(call.method, call.path): sent(api_server, token, call, stack).code for call in ESCALATIONS}
    assert answers == dict.fromkeys(answers, 403)
