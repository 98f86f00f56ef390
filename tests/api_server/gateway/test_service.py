"""The gateway on a real API server: the schema of its kind, its replicas, its permissions, and how it begins and ends."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from kubernetes.aio.client import ApiClient, Configuration
from kubernetes.aio.config import load_kube_config
from urllib3.exceptions import HTTPError

from notification_contract import bounds, names
from notification_contract.settings.gateway import Gateway, GatewaySettings
from notification_contract.settings.telemetry import Server
from notification_contract.sources.path_token import path_token
from notification_gateway.app import App
from tests.api_server.conftest import KIND, NAMESPACE
from tests.api_server.gateway.conftest import install, remove
from tests.api_server.gateway.place import BEARER, KEY, TOKEN
from tests.api_server.test_admission import ROBOT, may_write_status
from tests.harness.eventually import eventually
from tests.unit.gateway.test_hooks import BATCH, EVENT, alert
from tests.unit.operator.kube_api import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.api_server.conftest import Answer, ApiServer
    from tests.api_server.gateway.place import Faulty, Place, Replica

pytestmark = pytest.mark.xdist_group("api-server")
HOST = "127.0.0.1"
SOURCES = f"{KIND}/{NAMESPACE}/notificationsources"
SECRETS = f"/api/v1/namespaces/{NAMESPACE}/secrets"
BY_SECRET = {"bearerSecretRef": {"name": "hook"}}


def source(name: str, **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": f"{names.GROUP}/{names.VERSION}",
        "kind": "NotificationSource",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {"type": "generic", "auth": BY_SECRET, **spec},
    }


@pytest.mark.check("gateway-service-01")
@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"type": "heartbeat"}, "set spec.heartbeat with spec.type heartbeat, and only then"),
        ({"type": "heartbeat", "heartbeat": {"every": "9s"}}, "heartbeat.every must be at least 10s"),
        (
            {"type": "heartbeat", "heartbeat": {"every": "99999999999d"}},
            "heartbeat.every must be at least 10s",
        ),
        (
            {
                "type": "heartbeat",
                "heartbeat": {"every": "1h"},
                "auth": {"hmac": {"secretRef": {"name": "s"}}},
            },
            "a heartbeat needs a signature with a time",
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
        (
            {
                "type": "heartbeat",
                "heartbeat": {"every": "1h"},
                "auth": {"hmac": {"secretRef": {"name": "s"}, "scheme": "pagerduty"}},
            },
            "a heartbeat needs a signature with a time",
        ),
        ({"mapping": {"event": {"fromPath": "a", "map": {"b": "Trigger"}}}}, "set mapping.dedupKey with"),
        (
            {"mapping": {"dedupKey": "", "event": {"fromPath": "a", "map": {"b": "Trigger"}}}},
            "set mapping.dedupKey with",
        ),
        *(
            ({"type": type_, **fields, "mapping": {"dedupKey": "a"}}, "mapping.dedupKey have no effect for")
            for type_, fields in (("alertmanager", {}), ("heartbeat", {"heartbeat": {"every": "1h"}}))
        ),
        (
            {"mapping": {"dedupKey": "a", "event": {"fromPath": "a", "map": {"b": "Opened"}}}},
            'spec.mapping.event.map.b: Unsupported value: "Opened"',
        ),
        (
            {"mapping": {"dedupKey": "a", "event": {"fromPath": "a", "map": {"b" * 254: "Trigger"}}}},
            "a value in mapping.event.map has more than 253 characters",
        ),
    ],
)
def test_source_that_breaks_a_rule_is_refused_by_the_api_server(
    sources: ApiServer, spec: dict[str, Any], message: str
) -> None:
    answer = sources.send("POST", SOURCES, source("refused", **spec))
    assert answer.code == 422
    assert message in answer.message


@pytest.mark.parametrize(
    "spec",
    [
        {"auth": {"hmac": {"secretRef": {"name": "s"}, "scheme": "slack"}}},
        {"auth": {"hmac": {"secretRef": {"name": "s"}, "scheme": "pagerduty"}}},
        {"mapping": {"dedupKey": "a", "event": {"fromPath": "a", "map": {"b" * 253: "Resolve"}}}},
    ],
)
def test_source_that_keeps_every_rule_is_accepted(sources: ApiServer, spec: dict[str, Any]) -> None:
    answer = sources.send("POST", SOURCES, source("accepted", **spec))
    sources.send("DELETE", f"{SOURCES}/accepted")
    assert answer.code == 201, answer.message


@pytest.mark.check("gateway-service-02")
def test_source_has_the_defaults_of_its_model(sources: ApiServer) -> None:
    hmac = {"secretRef": {"name": "s"}}
    spec = {"auth": {"hmac": hmac, "kubernetes": {}}, "mapping": {"priority": {}}}
    answer = sources.send("POST", SOURCES, source("defaults", **spec))
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
    # What the mapping leaves out is by the type.
    assert stored["mapping"] == {"priority": {"default": "medium"}}


@pytest.mark.check("gateway-service-03")
def test_name_of_a_source_has_the_length_of_a_label(sources: ApiServer) -> None:
    answer = sources.send("POST", SOURCES, source("x" * 64))
    assert answer.code == 422
    assert "metadata.name has more than 63 characters" in answer.message


@contextlib.asynccontextmanager
async def serving(api_server: ApiServer, **more: Any) -> AsyncIterator[App]:
    """Run the gateway with the rights of the kubeconfig."""
    configuration = Configuration()
    await load_kube_config(str(api_server.cluster.kubeconfig), client_configuration=configuration)
    configuration.retries = None
    configuration.connection_pool_maxsize = 0
    gateway = Gateway(host=HOST, port=0, tenant_sources=True, status_interval_seconds=0.1, **more)
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


@pytest.mark.check("gateway-service-04")
@pytest.mark.usefixtures("hook")
async def test_posts_become_one_notification_each_and_the_status_says_so(
    sources: ApiServer, tmp_path: Path
) -> None:
    (tmp_path / "key").write_text(KEY, "utf-8")
    assert sources.send("POST", SOURCES, source("alerts", type="alertmanager")).code == 201
    assert sources.send("POST", SOURCES, source("events", type="cloudevents")).code == 201
    assert sources.send("POST", SOURCES, source("url", auth={"path": True})).code == 201
    async with serving(sources, path_keys_directory=str(tmp_path)) as app:
        first = await send(app, "/hook/alerts", token="s3cret-of-a-sender", json=alert())
        again = await asyncio.gather(
            *(send(app, "/hook/alerts", token="s3cret-of-a-sender", json=alert()) for _ in range(20))
        )
        assert first == (200, {"created": 1, "duplicates": 0, "filtered": 0})
        assert {json.dumps(each) for each in again} == {
            json.dumps([200, {"created": 0, "duplicates": 1, "filtered": 0}])
        }
        events = [EVENT | {"id": str(number)} for number in range(3)]
        batch: Any = {"headers": {"Content-Type": BATCH}, "data": json.dumps(events)}
        assert await send(app, "/hook/events", token="s3cret-of-a-sender", **batch) == (
            202,
            {"created": 3, "duplicates": 0, "filtered": 0},
        )
        uid = sources.send("GET", f"{SOURCES}/url").document["metadata"]["uid"]
        url = f"/hook/url/{path_token(KEY.encode(), uid)}"
        status, _ = await send(app, url, token="none", json={"a": 1})
        assert status == 202

        def alerts() -> dict[str, Any]:
            found: dict[str, Any] = sources.send("GET", f"{SOURCES}/alerts").document
            return found.get("status", {})

        await until(lambda: alerts().get("received") == 21, "status")
        assert (alerts()["created"], alerts()["duplicates"]) == (1, 20)
        assert [each["reason"] for each in alerts()["conditions"]] == ["Accepted"]
        leases = sources.send("GET", f"/apis/coordination.k8s.io/v1/namespaces/{NAMESPACE}/leases").document
        assert "gateway-0" in [each["spec"].get("holderIdentity") for each in leases["items"]]
    assert [len(notifications(sources, name)) for name in ("alerts", "events", "url")] == [1, 3, 1]


@pytest.mark.check("gateway-service-05")
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


@pytest.mark.check("gateway-service-06")
def test_two_replicas_that_write_one_status_lose_no_entry(
    place: Place, replicas: tuple[Replica, Replica]
) -> None:
    place.ready_source("ci", "generic")
    for number in range(20):
        for each in replicas:
            assert each.post("/hook/ci", body=json.dumps([each.name, number]).encode()).status == 202

    def received() -> dict[str, int]:
        return {each["name"]: each["received"] for each in place.status("ci")["replicas"]}

    eventually(received, lambda found: found == {"gateway-0": 20, "gateway-1": 20})
    assert place.status("ci")["created"] == 40


@pytest.mark.check("gateway-service-07")
def test_lease_of_a_replica_that_was_killed_goes_away(place: Place) -> None:
    first, second = (place.replica(name, lease_seconds=3) for name in ("gateway-0", "gateway-1"))
    leases = f"/apis/coordination.k8s.io/v1/namespaces/{place.home}/leases"

    def names_of_leases() -> list[str]:
        return [each["metadata"]["name"] for each in place.api.send("GET", leases).document["items"]]

    eventually(names_of_leases, lambda found: len(found) == 2)
    second.kill()
    eventually(names_of_leases, lambda found: found == [names.GATEWAY_LEASES[0]], within=60)
    first.stop()
    assert names_of_leases() == []


@pytest.mark.check("gateway-service-08")
def test_missing_secret_is_named_and_accepted_with_the_first_message(place: Place, replica: Replica) -> None:
    place.source("ci", "generic", auth={"bearerSecretRef": {"name": "later"}})

    def ready() -> tuple[str, str]:
        conditions = place.status("ci").get("conditions") or [{"status": "", "reason": ""}]
        return conditions[0]["status"], conditions[0]["reason"]

    eventually(ready, lambda found: found == ("False", "SecretNotFound"))
    assert replica.post("/hook/ci").status == 401
    place.secret("later", token=TOKEN)
    assert replica.post("/hook/ci").status == 202


@pytest.mark.check("gateway-service-09")
def test_message_that_the_admission_policies_would_refuse_is_cut(place: Place, replica: Replica) -> None:
    place.ready_source("chat", "slack")
    links = " ".join(f"<http://insecure.example/{number}|{number}>" for number in range(50))
    body = json.dumps({"text": links + " x" * bounds.BODY}).encode()
    assert replica.post("/hook/chat", body=body).status == 200
    (stored,) = place.notifications("chat")
    assert len(stored["spec"]["body"]) <= bounds.BODY
    assert all(each["url"].startswith("https:") for each in stored["spec"].get("actionLinks", ()))


@pytest.mark.check("gateway-service-10")
def test_gateway_that_ends_answers_what_it_has_read_and_stores_it(place: Place, replica: Replica) -> None:
    place.ready_source("ci", "generic", rateLimit={"count": 100_000})
    accepted: list[int] = []
    refused = threading.Event()

    def send() -> None:
        for number in count():
            body = json.dumps({"n": number, "thread": threading.get_ident()}).encode()
            try:
                status = replica.post("/hook/ci", body=body).status
            except HTTPError:
                status = 0
            if status in {0, 503}:
                # The sender comes again.
                refused.set()
                return
            assert status == 202
            accepted.append(number)

    threads = [threading.Thread(target=send) for _ in range(8)]
    for each in threads:
        each.start()
    eventually(lambda: len(accepted), lambda sent: sent >= 50, within=60)
    replica.stop()
    for each in threads:
        each.join(timeout=30)
    assert refused.is_set()
    assert len(place.notifications("ci")) >= len(accepted)


@pytest.mark.check("gateway-service-11")
def test_api_server_that_is_away_refuses_nothing_for_good(place: Place, away: Faulty) -> None:
    replica = place.replica(via=away)
    for name, kind in (
        ("ci", "generic"),
        ("chat", "slack"),
        ("events", "cloudevents"),
        ("alerts", "alertmanager"),
    ):
        place.ready_source(name, kind)
    event = json.dumps(EVENT).encode(), {**BEARER, "Content-Type": "application/cloudevents+json"}
    messages = {
        "ci": (b"{}", {**BEARER, "Idempotency-Key": "k1"}),
        "chat": (b'{"text": "a"}', BEARER),
        "events": event,
        "alerts": (json.dumps(alert()).encode(), BEARER),
    }
    fault = away.proxy.fail(cut=True, times=None)
    for name, (body, headers) in messages.items():
        answer = replica.post(f"/hook/{name}", body=body, headers=headers)
        assert (answer.status, answer.headers["Retry-After"]) == (503, "5"), name
    fault.remove()
    for name, (body, headers) in messages.items():
        assert replica.post(f"/hook/{name}", body=body, headers=headers).status in {200, 202}
        assert len(place.notifications(name)) == 1


@pytest.mark.check("gateway-service-12")
def test_watch_that_is_cut_or_expires_misses_no_source(place: Place, away: Faulty) -> None:
    replica = place.replica(via=away)
    for number, end in enumerate((away.proxy.cut_watches, away.proxy.expire_watches)):
        eventually(partial(end, resource="notificationsources"), lambda cut: cut >= 1)
        place.ready_source(f"ci-{number}", "generic")
        assert replica.post(f"/hook/ci-{number}").status == 202
    path = f"{KIND}/{place.home}/notificationsources/ci-0"
    assert place.api.send("DELETE", path).code == 200
    eventually(lambda: replica.post("/hook/ci-0").status, lambda status: status == 401)


@pytest.mark.check("gateway-service-13")
def test_quota_of_a_caller_is_429_and_of_its_permission_403(place: Place, replica: Replica) -> None:
    place.may_send("ci")
    headers = {"Authorization": f"Bearer {place.token('ci', audiences=['notifications'])}"}
    path, spec = f"/v1/namespaces/{place.home}/notifications", {"type": "simple", "subject": "a", "body": "b"}
    with place.quota():
        answer = replica.post(path, body=json.dumps(spec).encode(), headers=headers)
        assert (answer.status, "Retry-After" in answer.headers) == (429, True)
    created = replica.post(path, body=json.dumps(spec).encode(), headers=headers)
    assert created.status == 201
    other = path.replace(place.home, "default")
    assert replica.post(other, body=json.dumps(spec).encode(), headers=headers).status == 403
    assert replica.post(path, body=b'{"type": "simple"}', headers=headers).status == 422


@pytest.mark.check("gateway-service-14")
def test_kind_that_is_installed_later_is_served_without_a_restart(place: Place) -> None:
    remove(place.api)
    try:
        replica = place.replica(ready=False)
        eventually(replica.readiness, lambda found: found == 503)
        assert replica.post("/hook/ci").status == 503
    finally:
        install(place.api)
    eventually(replica.readiness, lambda found: found == 200, within=60)
    place.ready_source("ci", "generic")
    assert replica.post("/hook/ci").status == 202


@pytest.mark.check("gateway-service-15")
@pytest.mark.usefixtures("replica")
def test_status_of_a_source_is_refused_to_users_with_every_right(sources: ApiServer, place: Place) -> None:
    place.ready_source("ci", "generic")
    assert sources.send("POST", SOURCES, source("forged")).code == 201
    ours, foreign = (f"system:serviceaccount:{each}:{names.GATEWAY}" for each in (NAMESPACE, "shop"))
    for user in (ROBOT, ours, foreign):
        may_write_status(sources, user, NAMESPACE)

    def answer(user: str) -> Answer:
        fresh = sources.send("GET", f"{SOURCES}/forged").document
        changed = {**fresh, "status": {"created": 7}}
        return sources.send("PUT", f"{SOURCES}/forged/status", changed, user=user)

    eventually(lambda: answer(ours).code, lambda code: code == 200, within=10)
    for user in (ROBOT, foreign):
        refused = eventually(
            partial(answer, user), lambda each: "status cannot be written by" in each.message, within=10
        )
        assert refused.code == 403
        assert f"by {user}, because it records what the gateway has received" in refused.message
