"""The gateway and the schema of NotificationSources on a real API server."""

from __future__ import annotations

import asyncio
import contextlib
import json
from base64 import b64decode
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from kubernetes.aio.client import ApiClient, Configuration
from kubernetes.aio.config import load_kube_config

from notification_contract.crds import notification_source
from notification_contract.settings.gateway import Gateway, GatewaySettings
from notification_contract.settings.telemetry import Server
from notification_gateway.app import App
from platform_infra import names
from tests.api_server.conftest import KIND, NAMESPACE
from tests.harness.eventually import eventually
from tests.unit.gateway.test_hooks import BATCH, EVENT, alert
from tests.unit.operator.kube_api import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from tests.api_server.conftest import ApiServer

pytestmark = pytest.mark.xdist_group("api-server")
HOST = "127.0.0.1"
CRD = f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/notificationsources.{names.GROUP}"
SOURCES = f"{KIND}/{NAMESPACE}/notificationsources"
SECRETS = f"/api/v1/namespaces/{NAMESPACE}/secrets"
ALLOWED = {"kubernaut.ai/sources": "true"}
BEARER = {"bearerSecretRef": {"name": "hook"}}


@pytest.fixture(scope="module")
def sources(api_server: ApiServer) -> Iterator[ApiServer]:
    """The API server with the kind that no stack installs yet."""
    api_server.cluster.apply(notification_source())

    def is_served() -> bool:
        # A path that is not served yet has a plain page.
        with contextlib.suppress(json.JSONDecodeError):
            return api_server.send("GET", SOURCES).code == HTTPStatus.OK
        return False

    eventually(is_served, bool, within=30)
    yield api_server
    api_server.send("DELETE", CRD)


def source(name: str, **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": f"{names.GROUP}/{names.VERSION}",
        "kind": "NotificationSource",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {"type": "generic", "auth": BEARER, **spec},
    }


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"type": "heartbeat"}, "set spec.heartbeat with spec.type heartbeat, and only then"),
        ({"type": "heartbeat", "heartbeat": {"every": "9s"}}, "heartbeat.every must be at least 10s"),
        (
            {"type": "heartbeat", "heartbeat": {"every": "99999999999d"}},
            "heartbeat.every must be at least 10s",
        ),
        ({"alertmanager": {}}, "spec.alertmanager has an effect with spec.type alertmanager only"),
        ({"rateLimit": {"period": "0s"}}, "rateLimit.period must be at least 1s"),
        ({"auth": {"hmac": {}}}, "set auth.hmac.secretRef, or secretRefs"),
        (
            {"auth": {"hmac": {"secretRef": {"name": "s"}, "scheme": "plain-token"}}},
            "set auth.hmac.header",
        ),
        (
            {"auth": {"hmac": {"secretRef": {"name": "s"}, "scheme": "standard-webhooks", "header": "X"}}},
            "auth.hmac.header has no effect",
        ),
        ({"auth": {"hmac": {"secretRef": {"name": "s"}, "timestampTolerance": "2h"}}}, "at most 1h"),
        ({"mapping": {"priority": {"map": {"x" * 254: "high"}}}}, "a value in mapping.priority.map has more"),
        ({"mapping": {"priority": {"map": {"x": "urgent"}}}}, "Unsupported value"),
        ({"auth": {"bearerSecretRefs": [{"name": "s"}] * 4}}, "Too many"),
    ],
)
def test_source_that_breaks_a_rule_is_refused_by_the_api_server(
    sources: ApiServer, spec: dict[str, Any], message: str
) -> None:
    answer = sources.send("POST", SOURCES, source("refused", **spec))
    assert answer.code == 422
    assert message in answer.message


def test_source_has_the_defaults_of_its_model(sources: ApiServer) -> None:
    hmac = {"secretRef": {"name": "s"}}
    answer = sources.send("POST", SOURCES, source("defaults", auth={"hmac": hmac, "kubernetes": {}}))
    assert answer.code == 201, answer.message
    stored = answer.document["spec"]
    sources.send("DELETE", f"{SOURCES}/defaults")
    assert stored["auth"]["hmac"] == {
        "secretRef": {"name": "s", "key": "secret"},
        "scheme": "sha256-hex",
        "timestampTolerance": "5m",
    }
    assert stored["auth"]["kubernetes"] == {"audience": "notifications"}
    assert stored["rateLimit"] == {"count": 600, "period": "1m"}
    assert stored["mapping"]["labels"] == {"prefix": "kubernaut.ai/"}


def test_name_of_a_source_has_the_length_of_a_label(sources: ApiServer) -> None:
    answer = sources.send("POST", SOURCES, source("x" * 64))
    assert answer.code == 422
    assert "metadata.name has more than 63 characters" in answer.message


@contextlib.asynccontextmanager
async def serving(api_server: ApiServer) -> AsyncIterator[App]:
    """Run the gateway with the rights of the kubeconfig."""
    configuration = Configuration()
    await load_kube_config(str(api_server.cluster.kubeconfig), client_configuration=configuration)
    configuration.retries = None
    configuration.connection_pool_maxsize = 0
    gateway = Gateway(host=HOST, port=0, tenant_sources=True, status_interval_seconds=0.1)
    settings = GatewaySettings(gateway=gateway, server=Server(host=HOST, health_port=0, metrics_port=0))
    async with ApiClient(configuration) as client:
        app = App(settings, client=client, watching=client, home=NAMESPACE, replica="gateway-0")
        async with app:
            await until(lambda: app.sources.known, "sources")
            yield app


async def send(app: App, path: str, *, token: str, method: str = "POST", **content: Any) -> tuple[int, Any]:
    headers = {"Authorization": f"Bearer {token}", **content.pop("headers", {})}
    url = f"http://{HOST}:{app.server.port}{path}"
    async with (
        aiohttp.ClientSession() as session,
        session.request(method, url, headers=headers, **content) as reply,
    ):
        return reply.status, json.loads(await reply.text())


def notifications(api_server: ApiServer, name: str) -> list[dict[str, Any]]:
    path = f"{KIND}/{NAMESPACE}/{names.PLURAL}?labelSelector=kubernaut.ai/source={name}"
    items: list[dict[str, Any]] = api_server.send("GET", path).document["items"]
    return items


async def test_posts_become_one_notification_each_and_the_status_says_so(sources: ApiServer) -> None:
    secret = {"metadata": {"name": "hook", "labels": ALLOWED}, "stringData": {"token": "s3cret"}}
    assert sources.send("POST", SECRETS, secret).code == 201
    assert sources.send("POST", SOURCES, source("alerts", type="alertmanager")).code == 201
    assert sources.send("POST", SOURCES, source("events", type="cloudevents")).code == 201
    assert sources.send("POST", SOURCES, source("url", auth={"path": True})).code == 201
    async with serving(sources) as app:
        first = await send(app, "/hook/alerts", token="s3cret", json=alert())
        again = await asyncio.gather(
            *(send(app, "/hook/alerts", token="s3cret", json=alert()) for _ in range(20))
        )
        assert first == (200, {"created": 1, "duplicates": 0, "filtered": 0})
        assert {json.dumps(each) for each in again} == {
            json.dumps([200, {"created": 0, "duplicates": 1, "filtered": 0}])
        }
        events = [EVENT | {"id": str(number)} for number in range(3)]
        batch: Any = {"headers": {"Content-Type": BATCH}, "data": json.dumps(events)}
        assert await send(app, "/hook/events", token="s3cret", **batch) == (
            202,
            {"created": 3, "duplicates": 0, "filtered": 0},
        )
        await until(lambda: sources.send("GET", f"{SECRETS}/url-path").code == 200, "path token")
        encoded = sources.send("GET", f"{SECRETS}/url-path").document["data"]["token"]
        status, _ = await send(app, f"/hook/url/{b64decode(encoded).decode()}", token="none", json={"a": 1})
        assert status == 202

        def alerts() -> dict[str, Any]:
            found: dict[str, Any] = sources.send("GET", f"{SOURCES}/alerts").document
            return found.get("status", {})

        await until(lambda: alerts().get("received") == 21, "status")
        assert (alerts()["created"], alerts()["duplicates"]) == (1, 20)
        assert [each["reason"] for each in alerts()["conditions"]] == ["Accepted"]
        leases = sources.send("GET", f"/apis/coordination.k8s.io/v1/namespaces/{NAMESPACE}/leases").document
        assert "gateway-0-presence" in [each["metadata"]["name"] for each in leases["items"]]
    assert [len(notifications(sources, name)) for name in ("alerts", "events", "url")] == [1, 3, 1]


async def test_service_account_creates_what_it_may_and_no_more(sources: ApiServer) -> None:
    namespace = sources.namespace()
    path, spec = f"/v1/namespaces/{namespace}/notifications", {"type": "simple", "subject": "a", "body": "b"}
    accounts = f"/api/v1/namespaces/{namespace}/serviceaccounts"
    assert sources.send("POST", accounts, {"metadata": {"name": "ci"}}).code == 201
    bindings = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}/rolebindings"
    binding = {
        "metadata": {"name": "ci"},
        "roleRef": {
            "apiGroup": "rbac.authorization.k8s.io",
            "kind": "ClusterRole",
            "name": "notifications-sender",
        },
        "subjects": [{"kind": "ServiceAccount", "name": "ci", "namespace": namespace}],
    }
    assert sources.send("POST", bindings, binding).code == 201

    def token(*audiences: str) -> str:
        request = {"spec": {"audiences": list(audiences)}} if audiences else {"spec": {}}
        made = sources.send("POST", f"{accounts}/ci/token", request)
        assert made.code == 201, made.message
        return str(made.document["status"]["token"])

    own = token("notifications")
    key: Any = {"headers": {"Idempotency-Key": "k1"}}
    async with serving(sources) as app:
        status, created = await send(app, path, token=own, json=spec, **key)
        assert status == 201
        assert await send(app, path, token=own, json=spec, **key) == (200, created)
        assert (await send(app, path, token=own, json=spec | {"body": "c"}, **key))[0] == 409
        status, refused = await send(app, path, token=own, json={"type": "simple", "subject": ""})
        assert status == 422
        assert {each["field"] for each in refused["causes"]} >= {"spec.subject", "spec.body"}
        for wrong in (token(), token("notifications", "other"), "none"):
            assert (await send(app, path, token=wrong, json=spec))[0] == 401
        other = path.replace(namespace, NAMESPACE)
        assert (await send(app, other, token=own, json=spec))[0] == 403
        assert (await send(app, path.replace(namespace, "missing"), token=own, json=spec))[0] == 403
        status, shown = await send(app, created["href"], token=own, method="GET")
        assert (status, shown["phase"], shown["final"]) == (200, "Pending", False)
