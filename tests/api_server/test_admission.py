"""The admission policies on a real API server: what is refused, with which message, and for whom."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from platform_infra import names
from platform_infra.settings.reader import parse
from tests.api_server.conftest import NAMESPACE, objects
from tests.harness.eventually import eventually
from tests.harness.notifications import notification
from tests.kit.exports import recorded_export

if TYPE_CHECKING:
    from tests.api_server.conftest import Answer, ApiServer

pytestmark = pytest.mark.xdist_group("api-server")
OPERATOR = f"system:serviceaccount:{NAMESPACE}:{names.OPERATOR}"
PREVIEW = f"system:serviceaccount:pr-7:{names.OPERATOR}"
ROBOT = "system:serviceaccount:tools:robot"
LINK = {"service": "grafana", "label": "Dashboard"}


@pytest.fixture(scope="module", autouse=True)
def enforced(api_server: ApiServer) -> None:
    """Wait until the API server has compiled the policies."""
    namespace = api_server.namespace()
    probe = notification(namespace, actionLinks=[{**LINK, "url": "ftp://x"}])
    eventually(lambda: api_server.create(probe).code, lambda code: code == 422, within=30)


@pytest.fixture
def namespace(api_server: ApiServer) -> str:
    return api_server.namespace()


def created(api_server: ApiServer, namespace: str, **spec: Any) -> Answer:
    return api_server.create(notification(namespace, **spec))


def test_largest_notification_of_the_schema_is_accepted(api_server: ApiServer, namespace: str) -> None:
    answer = created(
        api_server,
        namespace,
        subject="s" * 500,
        body="é" * 262_144,
        metadata={f"name-{number}": "v" * 4096 for number in range(64)},
        actionLinks=[{**LINK, "url": "https://" + "x" * 4000}] * 32,
        channels=["slack", "sms", "console"],
        remediationRequestRef={"name": "rr-1", "namespace": namespace},
    )
    assert answer.code == 201, answer


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://grafana", "http://grafana,"),
        ("javascript:alert(1)", "javascript:alert(1)"),
        ("ftp://" + "x" * 4000, "ftp://" + "x" * 74 + "…,"),
    ],
)
def test_link_with_another_scheme_is_refused(
    api_server: ApiServer, namespace: str, url: str, shown: str
) -> None:
    answer = created(api_server, namespace, actionLinks=[{**LINK, "url": url}])
    assert answer.code == 422
    assert f"spec.actionLinks contains the URL {shown}" in answer.message
    assert "only the schemes https are accepted; use one of them" in answer.message


def test_address_without_effect_is_accepted_with_a_warning(api_server: ApiServer, namespace: str) -> None:
    people = [{"email": "ann@example.com", "slack": "#team"}, {"webhookURL": "https://example.com/"}]

    warnings = eventually(lambda: created(api_server, namespace, recipients=people).warnings, bool)

    assert len(warnings) == 2
    for field, warning in zip(("slack", "webhookURL"), sorted(warnings), strict=True):
        assert f"spec.recipients[].{field} has no effect" in warning
    answer = created(api_server, namespace, recipients=[{"email": "ann@example.com", "slack": ""}])
    assert (answer.code, answer.warnings) == (201, ())


def test_reference_to_another_namespace_is_refused(api_server: ApiServer, namespace: str) -> None:
    answer = created(api_server, namespace, remediationRequestRef={"name": "rr-1", "namespace": "payments"})
    assert answer.code == 422
    assert "spec.remediationRequestRef.namespace is payments" in answer.message
    assert f"an object in its namespace {namespace}; create it there, or remove the field" in answer.message
    assert created(api_server, namespace, remediationRequestRef={"name": "rr-1"}).code == 201


def test_number_of_labels_is_limited(api_server: ApiServer, namespace: str) -> None:
    many = {f"label-{number}": "" for number in range(65)}
    answer = api_server.create(notification(namespace, labels=many))
    assert (answer.code, "metadata.labels has more than 64 entries" in answer.message) == (422, True)


@pytest.mark.parametrize(
    ("setting", "spec", "message"),
    [
        (
            {"admissionBodyCharacters": "10"},
            {"body": "x" * 11},
            "spec.body has 11 characters, but at most 10 are accepted; shorten it",
        ),
        (
            {"admissionMetadataEntries": "1"},
            {"metadata": {"a": "", "b": ""}},
            "spec.metadata has 2 entries, but at most 1 are accepted",
        ),
        (
            {"admissionMetadataCharacters": "3"},
            {"metadata": {"a": "1234"}},
            "a value in spec.metadata has more than 3 characters; shorten it",
        ),
        (
            {"admissionActionLinks": "0"},
            {"actionLinks": [{**LINK, "url": "https://x"}]},
            "spec.actionLinks has 1 entries, but at most 0 are accepted",
        ),
    ],
)
def test_tighter_limit_takes_effect_without_a_new_policy(
    api_server: ApiServer, limits: Any, setting: dict[str, str], spec: dict[str, Any], message: str
) -> None:
    namespace = api_server.namespace()
    assert created(api_server, namespace, **spec).code == 201
    limits(**setting)
    answer = eventually(
        lambda: created(api_server, namespace, **spec), lambda each: each.code == 422, within=10
    )
    assert message in answer.message


def test_namespace_uses_only_its_channels_where_the_limits_demand_it(
    api_server: ApiServer, limits: Any
) -> None:
    plain, annotated = api_server.namespace(), api_server.namespace(channels="slack, sms")
    assert created(api_server, plain, channels=["sms"]).code == 201
    limits(admissionChannelsByNamespace="true")
    answer = eventually(
        lambda: created(api_server, plain, channels=["log", "sms"]),
        lambda each: each.code == 422,
        within=10,
    )
    assert f"spec.channels contains sms, but the namespace {plain} can use only console,log" in answer.message
    assert "annotation kubernaut.ai/channels of the namespace" in answer.message
    assert created(api_server, plain, channels=["console", "log"]).code == 201
    assert created(api_server, plain, channels=None).code == 201
    assert created(api_server, annotated, channels=["slack", "sms"]).code == 201
    assert created(api_server, annotated, channels=["console"]).code == 422


def test_stored_notification_beyond_a_later_limit_can_be_changed(
    api_server: ApiServer, namespace: str, limits: Any
) -> None:
    obj = notification(namespace, body="x" * 100)
    assert api_server.create(obj).code == 201
    limits(admissionBodyCharacters="10")
    eventually(
        lambda: created(api_server, namespace, body="x" * 100), lambda each: each.code == 422, within=10
    )
    api_server.cluster.patch(namespace, obj["metadata"]["name"], {"metadata": {"labels": {"seen": "yes"}}})
    assert api_server.write_status(obj, user=OPERATOR, phase="Sent").code == 200


def test_absent_limits_leave_the_bounds_of_the_schema(
    api_server: ApiServer, namespace: str, limits: Any
) -> None:
    api_server.cluster.core.delete_namespaced_config_map("notification-admission", NAMESPACE)
    link = [{**LINK, "url": "ftp://x"}]
    eventually(
        lambda: created(api_server, namespace, actionLinks=link), lambda each: each.code == 201, within=10
    )
    assert created(api_server, namespace, body="x" * 262_145).code == 422
    limits()
    eventually(
        lambda: created(api_server, namespace, actionLinks=link), lambda each: each.code == 422, within=10
    )


def stored(api_server: ApiServer, namespace: str) -> dict[str, Any]:
    obj = notification(namespace)
    assert api_server.create(obj).code == 201
    return obj


def may_write_status(api_server: ApiServer, user: str, namespace: str) -> None:
    """Grant everything on notifications, as a careless administrator would."""
    name = f"everything-{user.split(':')[-2]}-{user.rsplit(':', maxsplit=1)[-1]}"
    rules = [{"apiGroups": [names.GROUP], "resources": ["*"], "verbs": ["*"]}]
    role = {"apiVersion": "rbac.authorization.k8s.io/v1", "metadata": {"name": name}}
    api_server.apply(role | {"kind": "ClusterRole", "rules": rules})
    binding = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {"name": name, "namespace": namespace},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user}],
    }
    api_server.apply(binding)


@pytest.fixture
def second_operator(api_server: ApiServer) -> str:
    """The account of a second stack that watches the whole cluster."""
    home = api_server.namespace()
    settings = parse({"operatorNamespace": home, "crdManaged": "false", "monitoringMode": "none"})
    for obj in recorded_export(settings):
        if obj["kind"] in {"ServiceAccount", "ClusterRole", "ClusterRoleBinding"}:
            api_server.apply(obj)
    return f"system:serviceaccount:{home}:{names.OPERATOR}"


def test_status_is_written_by_operators_and_administrators_only(
    api_server: ApiServer, namespace: str, second_operator: str
) -> None:
    obj = stored(api_server, namespace)
    for user in (PREVIEW, ROBOT):
        may_write_status(api_server, user, namespace)
    # The API server takes a moment to see new bindings.
    for user in (PREVIEW, second_operator):
        write = partial(api_server.write_status, obj, user=user, phase="Sending", note=user)
        eventually(write, lambda answer: answer.code == 200, within=10)
    assert api_server.write_status(obj, user=OPERATOR, phase="Sending", reason="a").code == 200
    assert api_server.write_status(obj, phase="Sending", reason="b").code == 200
    answer = eventually(
        lambda: api_server.write_status(obj, user=ROBOT, phase="Sent"),
        lambda each: "status cannot be written by" in each.message,
        within=10,
    )
    assert answer.code == 403
    assert f"status cannot be written by {ROBOT}" in answer.message
    assert "an administrator can add the user to the setting admissionStatusWriters" in answer.message


def test_account_named_like_an_operator_in_a_tenants_namespace_is_refused(
    api_server: ApiServer, namespace: str, limits: Any
) -> None:
    obj, user = stored(api_server, namespace), f"system:serviceaccount:{namespace}:{names.OPERATOR}"
    may_write_status(api_server, user, namespace)
    answer = eventually(
        lambda: api_server.write_status(obj, user=user, phase="Sent"),
        lambda each: "is forbidden: User" not in each.message,
        within=10,
    )
    assert answer.code == 403
    assert f"status cannot be written by {user}, because it records" in answer.message
    # What the owner of the cluster does for an operator with Roles in some namespaces only.
    limits(admissionStatusWriters=json.dumps([user]))
    eventually(
        lambda: api_server.write_status(obj, user=user, phase="Sent").code,
        lambda code: code == 200,
        within=10,
    )


def test_operator_of_listed_namespaces_is_admitted_by_its_stack(
    api_server: ApiServer, namespace: str, limits: Any
) -> None:
    obj, user = stored(api_server, namespace), f"system:serviceaccount:{namespace}:{names.OPERATOR}"
    may_write_status(api_server, user, namespace)
    (config,) = [
        each
        for each in objects(operatorNamespace=namespace, watchNamespaces=json.dumps([namespace]))
        if each["metadata"]["name"] == "notification-admission"
    ]
    api_server.apply({**config, "metadata": {**config["metadata"], "namespace": NAMESPACE}})
    eventually(
        lambda: api_server.write_status(obj, user=user, phase="Sent").code,
        lambda code: code == 200,
        within=10,
    )
    limits()


def test_listed_status_writer_is_admitted(api_server: ApiServer, namespace: str, limits: Any) -> None:
    obj = stored(api_server, namespace)
    may_write_status(api_server, ROBOT, namespace)
    limits(admissionStatusWriters='["system:serviceaccount:tools:*"]')
    eventually(
        lambda: api_server.write_status(obj, user=ROBOT, phase="Sent").code,
        lambda code: code == 200,
        within=10,
    )


@pytest.mark.parametrize("phase", ["Sent", "PartiallySent", "Failed", "Suppressed"])
def test_final_phase_does_not_change(api_server: ApiServer, namespace: str, phase: str) -> None:
    obj = stored(api_server, namespace)
    assert api_server.write_status(obj, phase=phase).code == 200
    for changed in ({"phase": "Sending"}, {}, {"phase": "Pending"}):
        answer = api_server.write_status(obj, **changed)
        assert answer.code == 422
        assert "Sent, PartiallySent, Failed and Suppressed are final" in answer.message
    assert api_server.write_status(obj, phase=phase, reason="Corrected", note="theirs").code == 200
