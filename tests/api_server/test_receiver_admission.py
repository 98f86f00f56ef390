"""The admission policies of NotificationReceivers on a real API server: what is refused, and for whom."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from platform_infra import names
from tests.api_server.conftest import KIND, NAMESPACE
from tests.api_server.receivers import receiver
from tests.harness.eventually import eventually
from tests.unit.operator.contract.kinds.specs import spec

if TYPE_CHECKING:
    from tests.api_server.conftest import Answer, ApiServer

pytestmark = pytest.mark.xdist_group("api-server")
OPERATOR = f"system:serviceaccount:{NAMESPACE}:{names.OPERATOR}"
ROBOT = "system:serviceaccount:tools:robot"
NETWORKS = {"allowedNetworks": ["10.0.0.0/8"]}
BASE = {"baseUrl": "https://example.com"}


@pytest.fixture(scope="module", autouse=True)
def enforced(api_server: ApiServer) -> None:
    """Wait until the API server has compiled the policies."""
    grant_everything(api_server)
    namespace = api_server.namespace()
    eventually(
        lambda: created(api_server, namespace, spec("apprise")).code, lambda code: code == 422, within=30
    )
    eventually(lambda: forged(api_server).code, lambda code: code == 403, within=30)


def grant_everything(api_server: ApiServer) -> None:
    """Grant the group `writers` everything on receivers, as an administrator may do by mistake."""
    role = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": "writers"},
        "rules": [{"apiGroups": [names.GROUP], "resources": ["*"], "verbs": ["*"]}],
    }
    subject = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": "writers"}
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "writers"}
    binding = role | {"kind": "ClusterRoleBinding", "roleRef": reference, "subjects": [subject]}
    del binding["rules"]
    api_server.apply(role)
    api_server.apply(binding)


@pytest.fixture(scope="module")
def namespace(api_server: ApiServer) -> str:
    return api_server.namespace()


def created(api_server: ApiServer, namespace: str, fields: dict[str, Any]) -> Answer:
    return api_server.create(receiver(namespace, fields))


def forged(api_server: ApiServer, user: str = ROBOT) -> Answer:
    """Write the status of a new receiver as a user who has every permission."""
    obj = created(api_server, NAMESPACE, {"type": "log"}).document
    path = f"{KIND}/{NAMESPACE}/{names.RECEIVER_PLURAL}/{obj['metadata']['name']}/status"
    groups = ("system:authenticated", "writers")
    return api_server.send("PUT", path, {**obj, "status": {"lastError": "e"}}, user=user, groups=groups)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        (spec("webhook", insecure=True), "webhook.insecure"),
        *(
            (spec(each, **NETWORKS), f"{each}.allowedNetworks")
            for each in ("webhook", "email", "teams", "discord")
        ),
        *((spec(each, **BASE), f"{each}.baseUrl") for each in ("pagerduty", "sms", "slack")),
        (spec("apprise"), "apprise"),
        (spec("webhook") | {"proxySecretRef": {"name": "p"}}, "proxySecretRef"),
    ],
)
def test_restricted_field_needs_the_namespace_of_the_operator(
    api_server: ApiServer, namespace: str, fields: dict[str, Any], field: str
) -> None:
    assert created(api_server, NAMESPACE, fields).code == 201
    answer = created(api_server, namespace, fields)
    assert answer.code == 422
    assert (
        f"spec.{field} is accepted in the namespace of the operator only, not in {namespace}; remove it, or "
        "create the NotificationReceiver in the namespace of the operator"
    ) in answer.message


def test_unused_restricted_fields_are_accepted(api_server: ApiServer, namespace: str) -> None:
    fields = spec("webhook", insecure=False, allowedNetworks=[])
    assert created(api_server, namespace, fields).code == 201
    assert created(api_server, namespace, spec("slack", baseUrl="")).code == 201


def test_namespace_of_another_operator_is_recognized_by_its_labels(api_server: ApiServer) -> None:
    other = api_server.cluster.create_namespace(names.labels("namespace"))
    assert created(api_server, other, spec("apprise")).code == 201
    part = api_server.cluster.create_namespace(names.selector())
    assert created(api_server, part, spec("apprise")).code == 422


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("http://example.com", "spec.webhook.url has the scheme http, but only https is accepted; use https"),
        ("ftp://example.com", "spec.webhook.url has the scheme ftp, but only https is accepted"),
        ("example.com/path", "spec.webhook.url is not an absolute URL with a host; write it like https://"),
        ("https:///path", "spec.webhook.url is not an absolute URL with a host"),
        ("/path", "spec.webhook.url is not an absolute URL with a host"),
        ("https://user:pw@example.com", "spec.webhook.url contains a user name or a password; put them into"),
        ("https://user@example.com", "spec.webhook.url contains a user name or a password"),
    ],
)
def test_url_that_is_not_https_is_refused_everywhere(
    api_server: ApiServer, namespace: str, url: str, message: str
) -> None:
    for each in (namespace, NAMESPACE):
        answer = created(api_server, each, spec("webhook", url=url))
        assert (answer.code, message in answer.message) == (422, True), answer.message
        assert "pw" not in answer.message


def test_http_is_accepted_where_the_receiver_is_insecure(api_server: ApiServer) -> None:
    insecure = spec("webhook", url="http://relay.chat.svc:8080/x", insecure=True)
    assert created(api_server, NAMESPACE, insecure).code == 201
    insecure["webhook"]["url"] = "ftp://relay.chat.svc/x"
    assert created(api_server, NAMESPACE, insecure).code == 422


@pytest.mark.parametrize(
    "host",
    [
        *("localhost", "LOCALHOST", "app.localhost.", "127.0.0.1", "127.255.255.254", "0.0.0.0"),  # noqa: S104 - refused
        *("10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1", "100.127.0.1"),
        *("169.254.169.254", "169.254.0.1.", "127.1", "2130706433", "0x7f.1", "0X7F000001", "0177.0.0.1"),
        *("[::1]", "[::]", "[0:0::1]", "[::ffff:10.0.0.1]", "[fe80::1]", "[fd00::1]", "[64:ff9b::a00:1]"),
        *("[2002:a00:1::]", "[2001::1]", "[2001:0:1::1]"),
    ],
)
def test_private_address_is_refused_outside_the_namespace_of_the_operator(
    api_server: ApiServer, namespace: str, host: str
) -> None:
    fields = spec("webhook", url=f"https://{host}:8443/x")
    answer = created(api_server, namespace, fields)
    assert answer.code == 422, host
    shown = host.strip("[]").lower()
    assert f"spec.webhook.url leads to {shown}, which is a private, loopback or link-local" in answer.message
    assert "use a public name" in answer.message
    assert created(api_server, NAMESPACE, fields).code == 201


@pytest.mark.parametrize(
    "host",
    [
        *("example.com", "localhost.example.com", "10.example.com", "192-168-1-1.example.com", "8.8.8.8"),
        *("172.15.0.1", "172.32.0.1", "100.63.0.1", "100.128.0.1", "[2606:4700::1111]", "[2001:db9::1]"),
    ],
)
def test_public_address_is_accepted(api_server: ApiServer, namespace: str, host: str) -> None:
    answer = created(api_server, namespace, spec("webhook", url=f"https://{host}/x"))
    assert answer.code == 201, answer.message


@pytest.mark.parametrize("host", ["localhost", "10.0.0.1", "::1", "127.1"])
def test_mail_server_at_a_private_address_is_refused(
    api_server: ApiServer, namespace: str, host: str
) -> None:
    answer = created(api_server, namespace, spec("email", host=host))
    assert (answer.code, f"spec.email.host leads to {host}, which" in answer.message) == (422, True)
    assert created(api_server, namespace, spec("email", host="mail.example.com")).code == 201


@pytest.mark.parametrize(
    ("setting", "fields", "message"),
    [
        (
            {"admissionReceiverRecipients": "1"},
            spec("email", to=["a@example.com", "b@example.com"]),
            "spec.email.to has 2 entries, but at most 1 are accepted; remove some, or use a distribution list",
        ),
        (
            {"admissionReceiverRecipients": "0"},
            spec("sms"),
            "spec.sms.to has 1 entries, but at most 0 are accepted",
        ),
        (
            {"admissionReceiverTemplateCharacters": "3"},
            {"type": "log", "template": {"inline": {"body": "1234"}}},
            "spec.template.inline.body has 4 characters, but at most 3 are accepted; shorten it, or use",
        ),
        (
            {"admissionChannelsByNamespace": "true"},
            spec("webhook"),
            "spec.type is webhook, but the namespace {namespace} can use only console,log; use one of them, or let",
        ),
    ],
)
def test_limit_of_the_stack_is_enforced(
    api_server: ApiServer, limits: Any, setting: dict[str, str], fields: dict[str, Any], message: str
) -> None:
    namespace = api_server.namespace()
    assert created(api_server, namespace, fields).code == 201
    limits(**setting)
    answer = eventually(
        lambda: created(api_server, namespace, fields), lambda each: each.code == 422, within=15
    )
    assert message.format(namespace=namespace) in answer.message


def test_types_follow_the_channels_of_the_namespace(api_server: ApiServer, limits: Any) -> None:
    allowed = api_server.namespace(channels="webhook, email")
    refused = api_server.namespace(channels="email")
    limits(admissionChannelsByNamespace="true")
    eventually(
        lambda: created(api_server, refused, spec("webhook")).code, lambda code: code == 422, within=15
    )
    assert created(api_server, allowed, spec("webhook")).code == 201
    assert created(api_server, NAMESPACE, spec("webhook")).code == 201


def test_spec_is_checked_on_update_and_metadata_is_not(
    api_server: ApiServer, namespace: str, limits: Any
) -> None:
    obj = created(api_server, namespace, spec("email")).document
    path = f"{KIND}/{namespace}/{names.RECEIVER_PLURAL}/{obj['metadata']['name']}"
    merge = "application/merge-patch+json"
    changed = {"spec": {"email": {"host": "10.0.0.1"}}}
    assert api_server.send("PATCH", path, changed, content=merge).code == 422
    limits(admissionReceiverRecipients="0")
    eventually(lambda: created(api_server, namespace, spec("sms")).code, lambda code: code == 422, within=15)
    labels = {"metadata": {"labels": {"team": "web"}}}
    assert api_server.send("PATCH", path, labels, content=merge).code == 200
    described = {"spec": {"description": "d"}}
    assert api_server.send("PATCH", path, described, content=merge).code == 422


def test_status_is_written_by_operators_only(api_server: ApiServer, limits: Any) -> None:
    answer = forged(api_server)
    assert answer.code == 403
    assert (
        f"status cannot be written by {ROBOT}, because it records what the notification-operator knows"
        in (answer.message)
    )
    assert "to change the receiver, change its spec" in answer.message
    for user in (OPERATOR, f"system:serviceaccount:pr-7:{names.OPERATOR}"):
        assert forged(api_server, user).code == 200
    limits(admissionStatusWriters='["system:serviceaccount:tools:*"]')
    eventually(lambda: forged(api_server).code, lambda code: code == 200, within=15)
