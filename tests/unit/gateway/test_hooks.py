"""Hooks: what each type of source answers, what is stored, and what a sender learns that is not authenticated."""

from __future__ import annotations

import asyncio
import gzip
import json
from datetime import UTC, datetime
from io import BytesIO
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web
from structlog.testing import capture_logs

from notification_gateway import intake
from notification_gateway.sources import secret_values
from notification_gateway.web.server import FLOOR_SECONDS, REASON_CHARACTERS
from tests.unit.gateway.cluster import HOME, REQUESTS, Cluster
from tests.unit.gateway.shipped import BEARER, LOOPBACK, Shipped, serving
from tests.unit.gateway.test_credentials import BODY, WHSEC, account_token, signature, standard_headers
from tests.unit.operator.kube_api import refusal, until

if TYPE_CHECKING:
    from collections.abc import Callable

EVENT = {"specversion": "1.0", "id": "1", "source": "/ci", "type": "build.failed", "data": {"n": 1}}
BATCH = "application/cloudevents-batch+json"


def alert(status: str = "firing", *, name: str = "Down") -> dict[str, Any]:
    """Return a webhook of Alertmanager."""
    return {
        "version": "4",
        "groupKey": f'{{}}:{{alertname="{name}"}}',
        "status": status,
        "receiver": "hook",
        "groupLabels": {"alertname": name},
        "commonLabels": {"alertname": name},
        "commonAnnotations": {},
        "externalURL": "https://alerts.example.com",
        "alerts": [
            {
                "status": status,
                "labels": {"alertname": name, "severity": "critical"},
                "annotations": {"summary": "it burns"},
                "startsAt": "2026-11-29T08:00:00Z",
                "endsAt": "2026-11-29T09:00:00Z" if status == "resolved" else "0001-01-01T00:00:00Z",
                "generatorURL": "https://prometheus.example.com/graph",
                "fingerprint": "f1",
            }
        ],
    }


def creations(reply: Callable[[], web.Response]) -> Callable[[str, str, Any], web.Response | None]:
    """Return a failure of every creation of a notification."""
    return lambda method, path, _body: reply() if method == "POST" and path.endswith(REQUESTS) else None


async def test_group_of_alerts_is_one_object_however_often_it_is_sent(gateway: Shipped) -> None:
    gateway.cluster.source(type="alertmanager")
    await until(lambda: gateway.app.sources.get(HOME, "alerts").spec.type == "alertmanager")  # type: ignore[union-attr]
    replies = [await gateway.send(json=alert()) for _ in range(3)]
    assert [(each.status, each.counts["created"], each.counts["duplicates"]) for each in replies] == [
        (200, 1, 0),
        (200, 0, 1),
        (200, 0, 1),
    ]
    (created,) = gateway.cluster.created
    assert created["spec"]["event"] == "Trigger"
    assert created["metadata"]["labels"]["kubernaut.ai/source"] == "alerts"
    assert created["metadata"]["namespace"] == HOME
    assert (await gateway.send(json=alert("resolved"))).status == 200
    assert sorted(each["spec"]["event"] for each in gateway.cluster.created) == ["Resolve", "Trigger"]
    assert gateway.metric(f"{HOME}/alerts", "duplicate") == 2.0


@pytest.mark.parametrize(
    ("type_", "content", "status", "text"),
    [
        ("generic", {"json": {"a": 1}}, 202, ""),
        ("slack", {"json": {"text": "hello"}}, 200, "ok"),
        ("slack", {"data": {"payload": '{"text": "hello"}'}}, 200, "ok"),
        ("cloudevents", {"data": json.dumps(EVENT)}, 202, ""),
    ],
)
async def test_type_answers_what_its_senders_expect(
    cluster: Cluster, type_: str, content: Any, status: int, text: str
) -> None:
    cluster.secret(token="s3cret-of-a-sender")
    cluster.source(type=type_)
    headers = BEARER | ({"Content-Type": "application/cloudevents+json"} if type_ == "cloudevents" else {})
    async with serving(cluster) as gateway:
        reply = await gateway.send(headers=headers, **content)
    assert reply.status == status
    assert not text or reply.text == text
    assert len(cluster.created) == 1


async def test_hundred_equal_posts_to_two_replicas_are_one_object(cluster: Cluster) -> None:
    cluster.secret(token="s3cret-of-a-sender")
    cluster.source()
    async with serving(cluster) as first, serving(cluster, replica="gateway-1") as second:
        headers = BEARER | {"Idempotency-Key": "k1"}
        posts = [each.send(headers=headers) for each in (first, second) for _ in range(50)]
        replies = await asyncio.gather(*posts)
    assert {each.status for each in replies} == {202}
    assert sum(each.counts["created"] for each in replies) == 1
    assert len(cluster.created) == 1


async def test_same_key_with_another_body_is_a_conflict(gateway: Shipped) -> None:
    headers = BEARER | {"Idempotency-Key": "k1"}
    assert (await gateway.send(headers=headers, json={"n": 1})).status == 202
    assert (await gateway.send(headers=headers, data=b'{ "n": 1 }')).counts["duplicates"] == 1
    assert (await gateway.send(headers=headers, json={"n": 2})).status == 409
    assert len(gateway.cluster.created) == 1


BINARY = {f"ce-{name}": text for name, text in EVENT.items() if isinstance(text, str)}


@pytest.mark.parametrize(
    ("type_", "name"),
    [
        ("generic", "Idempotency-Key"),
        ("generic", "X-Id"),
        ("cloudevents", "ce-id"),
        ("cloudevents", "ce-source"),
    ],
)
@pytest.mark.parametrize("scheme", ["sha256-hex", "standard-webhooks"])
async def test_signed_post_with_another_unsigned_header_is_a_duplicate(
    cluster: Cluster, type_: str, name: str, scheme: str
) -> None:
    cluster.secret(secret=WHSEC)
    auth = {"hmac": {"secretRef": {"name": "hook"}, "scheme": scheme}}
    cluster.source(type=type_, auth=auth, mapping={"idempotencyHeader": "X-Id"})
    headers = {**standard_headers(), "X-Hub-Signature-256": signature(WHSEC, BODY)}
    async with serving(cluster) as gateway:
        for number in ("1", "2"):
            reply = await gateway.send(headers={**BINARY, **headers, name: number}, data=BODY)
            assert reply.status == 202, reply.text
    assert len(cluster.created) == 1


async def test_batch_with_one_refused_event_creates_nothing(cluster: Cluster) -> None:
    cluster.secret(token="s3cret-of-a-sender")
    cluster.source(type="cloudevents")
    events = [EVENT | {"id": str(number)} for number in range(3)]
    headers = BEARER | {"Content-Type": BATCH}

    def refuse(method: str, path: str, body: Any) -> web.Response | None:
        is_third = method == "POST" and path.endswith(REQUESTS) and '"n": 3' in body["spec"]["body"]
        return refusal(422, "spec.body is invalid") if is_third else None

    async with serving(cluster) as gateway:
        cluster.fails = refuse
        broken = [*events, EVENT | {"id": "4", "data": {"n": 3}}]
        reply = await gateway.send(headers=headers, data=json.dumps(broken))
        assert (reply.status, cluster.created) == (400, [])
        twice = [*events, events[0]]
        assert (await gateway.send(headers=headers, data=json.dumps(twice))).counts["created"] == 3
        assert (await gateway.send(headers=headers, data=json.dumps(events))).counts["duplicates"] == 3
    assert len(cluster.created) == 3


async def test_webhook_without_dry_runs_loses_no_batch(cluster: Cluster) -> None:
    cluster.secret(token="s3cret-of-a-sender")
    cluster.source(type="cloudevents")
    message = 'admission webhook "policy" does not support dry run'
    dry: list[str] = []

    def refuse(method: str, path: str, body: Any) -> web.Response | None:
        # The first two creations are the dry runs of the batch.
        if method == "POST" and path.endswith(REQUESTS) and len(dry) < 2:
            dry.append(body["metadata"]["name"])
            return refusal(400, message)
        return None

    async with serving(cluster) as gateway:
        cluster.fails = refuse
        events = json.dumps([EVENT, EVENT | {"id": "2"}])
        reply = await gateway.send(headers=BEARER | {"Content-Type": BATCH}, data=events)
    assert reply.counts["created"] == 2
    assert len(cluster.created) == 2


async def test_repeat_after_a_lost_answer_completes_without_a_second_object(gateway: Shipped) -> None:
    gateway.cluster.loses_answers = True
    headers = BEARER | {"Idempotency-Key": "k1"}
    lost = await gateway.send(headers=headers)
    assert (lost.status, lost.headers["Retry-After"]) == (503, "5")
    gateway.cluster.loses_answers = False
    assert (await gateway.send(headers=headers)).counts["duplicates"] == 1
    assert len(gateway.cluster.created) == 1


@pytest.mark.parametrize(
    ("code", "message", "alertmanager", "others"),
    [
        (500, "etcdserver: request timed out", 503, 503),
        (429, "too many requests", 503, 503),
        (403, 'User "gateway" cannot create resource "notificationrequests"', 503, 503),
        (403, "exceeded quota: notifications", 503, 429),
        (403, 'admission webhook "policy" denied the request', 400, 400),
        (403, "ValidatingAdmissionPolicy 'x' with binding 'x' denied request", 400, 400),
        (422, "spec.subject: Too long", 400, 400),
        (404, 'namespaces "shop" not found', 503, 503),
    ],
)
async def test_refusal_is_permanent_only_if_the_sender_can_mend_it(
    cluster: Cluster, code: int, message: str, alertmanager: int, others: int
) -> None:
    cluster.secret(token="s3cret-of-a-sender")
    cluster.source("generic")
    cluster.source("alerts", type="alertmanager")
    cluster.fails = creations(lambda: refusal(code, message))
    async with serving(cluster) as gateway:
        replies = await gateway.send(json=alert()), await gateway.send("/hook/generic")
    assert [each.status for each in replies] == [alertmanager, others]
    if alertmanager == 503:
        assert not [each for each in replies if message in each.counts["error"]]


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/hook/alerts", {}),
        ("/hook/alerts", {"Authorization": "Bearer wrong"}),
        ("/hook/alerts", {"Authorization": "Basic c29tZTpvbmU="}),
        ("/hook/alerts", {"Authorization": "Bearer s3cre\u0301t".encode().decode("latin-1")}),
        ("/hook/unknown", BEARER),
        ("/hook", BEARER),
        ("/hook/", BEARER),
        ("/hook/alerts/", BEARER),
        (f"/hook/{HOME}/alerts/extra/segments", BEARER),
        ("/hook/alerts%2F", BEARER),
        ("/metrics", BEARER),
        ("/healthz", BEARER),
        ("/", BEARER),
        ("/v1/namespaces/shop/notifications", BEARER),
        ("/v1/namespaces/shop/other", BEARER),
    ],
)
async def test_everything_not_authenticated_gets_the_same_answer(
    gateway: Shipped, path: str, headers: dict[str, str]
) -> None:
    reply = await gateway.send(path, headers=headers)
    known = await gateway.send("/no/such/path", headers={})
    assert (reply.status, reply.text) == (401, '{"error":"unauthorized"}\n')
    stable = {name: value for name, value in reply.headers.items() if name != "Date"}
    assert stable == {name: value for name, value in known.headers.items() if name != "Date"}
    assert gateway.cluster.created == []


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "OPTIONS", "HEAD", "PROPFIND"])
async def test_wrong_method_is_told_only_to_authenticated_senders(gateway: Shipped, method: str) -> None:
    assert (await gateway.send(method=method, headers={})).status == 401
    reply = await gateway.send(method=method)
    assert (reply.status, reply.headers["Allow"]) == (405, "POST")


async def test_unknown_path_and_wrong_credentials_wait_for_the_same_floor(gateway: Shipped) -> None:
    loop = asyncio.get_running_loop()
    for path in ("/hook/alerts", "/hook/unknown", "/other"):
        started = loop.time()
        assert (await gateway.send(path, headers={"Authorization": "Bearer wrong"})).status == 401
        assert loop.time() - started >= FLOOR_SECONDS
    gateway.cluster.holds = lambda _path: asyncio.sleep(1.6 * FLOOR_SECONDS)
    for path in ("/hook/alerts", "/hook/unknown"):
        started = loop.time()
        assert (await gateway.send(path, headers={"Authorization": "Bearer wrong"})).status == 401
        assert loop.time() - started >= 2 * FLOOR_SECONDS


async def test_authenticated_sender_learns_what_is_wrong_with_its_request(gateway: Shipped) -> None:
    large = b'"' + b"x" * 1_048_576 + b'"'
    assert (await gateway.send(data=BytesIO(large))).status == 413
    assert (await gateway.send(data=_chunks(large))).status == 413
    packed = BEARER | {"Content-Encoding": "gzip"}
    assert (await gateway.send(headers=packed, data=gzip.compress(b"{}"))).status == 415
    malformed = await gateway.send(data=b"{")
    assert malformed.status == 400
    assert "it must be JSON" in malformed.counts["error"]
    assert gateway.metric(f"{HOME}/alerts", "malformed") == 4.0


@pytest.mark.parametrize("path", ["/hook/signed", "/hook/alerts", "/hook/unknown", "/other"])
async def test_stranger_whose_body_is_not_whole_is_told_so_on_every_path(cluster: Cluster, path: str) -> None:
    cluster.secret(token="s3cret-of-a-sender", secret="k1-of-the-signer")
    cluster.source()
    cluster.source("signed", auth={"hmac": {"secretRef": {"name": "hook"}}})
    loop = asyncio.get_running_loop()
    async with serving(cluster) as gateway:
        gateway.app.server.bodies.seconds = 0.02
        for content, status in ((BytesIO(b"x" * 1_048_577), 413), (_endless(), 503)):
            began = loop.time()
            reply = await gateway.send(path, headers={}, data=content)
            assert (reply.status, loop.time() - began >= FLOOR_SECONDS) == (status, True)
        assert gateway.metric("", "unauthenticated") == 2.0


async def _endless() -> Any:
    yield b"{"
    await asyncio.sleep(5)


async def _chunks(body: bytes) -> Any:
    for start in range(0, len(body), 65_536):
        yield body[start : start + 65_536]


@pytest.mark.parametrize(
    ("body", "text"), [({"text": ""}, "no_text"), ([], "invalid_payload"), ({"blocks": 1}, "no_text")]
)
async def test_errors_of_slack_are_those_of_slack(cluster: Cluster, body: Any, text: str) -> None:
    cluster.secret(token="s3cret-of-a-sender")
    cluster.source(type="slack")
    async with serving(cluster) as gateway:
        reply = await gateway.send(json=body)
    assert (reply.status, reply.text) == (400, text)


async def test_body_that_never_ends_is_given_up(gateway: Shipped) -> None:
    gateway.app.server.bodies.seconds = 0.05
    assert (await gateway.send(data=_endless())).status == 503


async def test_sender_whose_body_comes_while_the_gateway_ends_comes_again(gateway: Shipped) -> None:
    gateway.app.server.bodies.seconds = 0.2
    reader, writer = await asyncio.open_connection(LOOPBACK, gateway.app.server.port)
    head = "POST /hook/alerts HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer s3cret-of-a-sender\r\nContent-Length: 2\r\n\r\n"
    writer.write(head.encode())
    await until(lambda: gateway.app.server.connections.count)
    await asyncio.sleep(0.05)
    ending = asyncio.create_task(gateway.app.server.stop())
    await asyncio.sleep(0)
    writer.write(b"{}")
    assert (await reader.readline()).split()[1] == b"503"
    await ending
    writer.close()


@pytest.mark.parametrize("credentials", ["Bearer s3cret-of-a-sender", "Bearer wrong"])
@pytest.mark.parametrize("broken", [b"ZZ\r\n", b"1\r\nabc\r\n", b"-1\r\n\r\n"])
async def test_body_that_breaks_http_is_no_failure_of_the_gateway(
    gateway: Shipped, credentials: str, broken: bytes
) -> None:
    head = f"POST /hook/alerts HTTP/1.1\r\nHost: a\r\nAuthorization: {credentials}\r\n"
    reader, writer = await asyncio.open_connection(LOOPBACK, gateway.app.server.port)
    writer.write(head.encode() + b"Transfer-Encoding: chunked\r\n\r\n" + broken)
    line = await reader.readline()
    writer.close()
    # What comes with the head is refused by the parser itself.
    assert int(line.split()[1]) in {503, 400}


async def test_bodies_beyond_the_memory_of_all_are_told_to_come_again(gateway: Shipped) -> None:
    gateway.app.server.bodies.left = 100
    reply = await gateway.send(data=b'"' + b"x" * 200 + b'"')
    assert (reply.status, reply.headers["Retry-After"]) == (503, "1")
    assert (await gateway.send(data=b'"' + b"x" * 50 + b'"')).status == 202
    assert (await gateway.send(data=b'"' + b"x" * 60 + b'"')).status == 202


async def test_sender_that_expects_to_be_let_through_is(gateway: Shipped) -> None:
    assert (await gateway.send(json={"a": 1}, expect100=True)).status == 202


async def test_every_path_is_unavailable_until_the_sources_are_known(cluster: Cluster) -> None:
    cluster.source()
    cluster.fails = lambda _method, path, _body: refusal(500, "away") if "sources" in path else None
    async with serving(cluster, ready=False) as gateway:
        for path in ("/hook/alerts", "/hook/unknown"):
            assert (await gateway.send(path)).status == 503
        assert not gateway.app.ready()["sources"].passed
        assert (await gateway.send("/other")).status == 401


@pytest.mark.parametrize("code", [500, 403])
async def test_source_whose_secret_cannot_be_read_is_unavailable(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    monkeypatch.setattr(secret_values, "LEAST_SECONDS", 0.0)
    cluster.source()
    cluster.fails = lambda _method, path, _body: refusal(code, "away") if "/secrets/" in path else None
    async with serving(cluster) as gateway:
        assert (await gateway.send()).status == 503
        cluster.secret(token="s3cret-of-a-sender")
        cluster.fails = lambda _method, _path, _body: None
        assert (await gateway.send()).status == 202


@pytest.mark.parametrize(
    ("code", "message", "reason"),
    [
        (403, 'cannot create resource "notificationrequests"', "cannot create resource"),
        (403, "exceeded quota: notifications", "exceeded quota: notifications"),
        (500, "failed calling webhook: certificate has expired " + "x" * 400, "certificate has expired"),
        (422, "spec.body: hunter2 is not allowed", ""),
    ],
)
async def test_log_says_why_a_message_of_a_sender_was_refused(
    cluster: Cluster, code: int, message: str, reason: str
) -> None:
    cluster.secret(token="s3cret-of-a-sender")
    cluster.source()
    cluster.fails = creations(lambda: refusal(code, message))
    async with serving(cluster) as gateway:
        with capture_logs() as logs:
            await gateway.send()
            await gateway.send(headers={}, data=BytesIO(b"x" * 1_048_577))
    of_sender, of_stranger = [each for each in logs if each["event"] == "request"]
    shown = of_sender.get("reason", "")
    assert (reason in shown, len(shown) <= REASON_CHARACTERS) == (True, True)
    assert "hunter2" not in str(of_sender)
    assert "reason" not in of_stranger


async def test_rate_limit_is_503_for_alertmanager_and_429_for_others(cluster: Cluster) -> None:
    limit = {"count": 2, "period": "1h"}
    cluster.secret(token="s3cret-of-a-sender")
    cluster.source("generic", rateLimit=limit)
    cluster.source("alerts", type="alertmanager", rateLimit=limit)
    async with serving(cluster) as gateway:
        statuses = [(await gateway.send("/hook/generic")).status for _ in range(3)]
        assert statuses == [202, 202, 429]
        assert (await gateway.send(data=b"{")).status == 400
        assert (await gateway.send(json=alert())).status == 200
        limited = await gateway.send(json=alert())
    assert limited.status == 503
    assert 0 < int(limited.headers["Retry-After"]) <= 1800
    assert gateway.metric(f"{HOME}/generic", "limited") == 1.0


async def test_batch_counts_each_of_its_messages(cluster: Cluster) -> None:
    cluster.secret(token="s3cret-of-a-sender")
    cluster.source(type="cloudevents", rateLimit={"count": 20, "period": "1h"})
    batch = json.dumps([{**EVENT, "id": str(number)} for number in range(20)])
    async with serving(cluster) as gateway:
        first, second = [
            await gateway.send(data=batch, headers={**BEARER, "Content-Type": BATCH}) for _ in range(2)
        ]
    assert first.counts["created"] == 20
    assert second.status == 429


async def test_template_of_the_source_makes_the_text(cluster: Cluster) -> None:
    cluster.secret(token="s3cret-of-a-sender")
    cluster.source(mapping={"subject": "Build {{ payload.number }}", "body": "{{ payload.text | upper }}"})
    async with serving(cluster) as gateway:
        assert (await gateway.send(json={"number": 7, "text": "failed"})).status == 202
    (created,) = cluster.created
    assert (created["spec"]["subject"], created["spec"]["body"]) == ("Build 7", "FAILED")


@pytest.mark.parametrize(
    ("invalid", "instead"), [("subject", "built-in subject used"), ("dedupKey", "no dedupKey set")]
)
async def test_template_that_fails_loses_no_message(cluster: Cluster, invalid: str, instead: str) -> None:
    cluster.secret(token="s3cret-of-a-sender")
    cluster.source(mapping={invalid: "{% if %}", "body": "{{ payload.missing.deeper }}"})
    async with serving(cluster) as gateway:
        assert (await gateway.send(json={"number": 7})).status == 202
        await until(lambda: "status" in (cluster.named("notificationsources", "alerts") or {}))
    (created,) = cluster.created
    assert created["spec"]["subject"] == "Message from alerts"
    note = created["metadata"]["annotations"]["kubernaut.ai/source-note"]
    assert created["spec"]["body"].endswith(note)
    assert "built-in body used" in note
    assert instead in note
    source = cluster.named("notificationsources", "alerts")
    assert source is not None
    (ready,) = source["status"]["conditions"]
    assert (ready["status"], ready["reason"]) == ("False", "TemplateInvalid")


async def test_templates_of_a_batch_have_one_budget(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake, "TEXT_SECONDS", 1e-6)
    cluster.secret(token="s3cret-of-a-sender")
    cluster.source(type="cloudevents", mapping={"subject": "Build {{ payload.data.n }}"})
    events = json.dumps([EVENT, EVENT | {"id": "2"}, EVENT | {"id": "3"}])
    async with serving(cluster) as gateway:
        assert (await gateway.send(headers=BEARER | {"Content-Type": BATCH}, data=events)).counts[
            "created"
        ] == 3
    notes = [each["metadata"]["annotations"].get("kubernaut.ai/source-note", "") for each in cluster.created]
    assert sorted(notes) == ["", *["built-in subject used: the templates of this message have taken 1 s"] * 2]
    assert sum(each["spec"]["subject"] == "Build 1" for each in cluster.created) == 1


async def test_filter_that_is_none_makes_the_sender_come_again(cluster: Cluster) -> None:
    cluster.secret(token="s3cret-of-a-sender")
    cluster.source(filter=["no condition"])
    async with serving(cluster) as gateway:
        assert (await gateway.send()).status == 503


async def test_filtered_message_is_accepted_and_creates_nothing(cluster: Cluster) -> None:
    cluster.secret(token="s3cret-of-a-sender")
    cluster.source(filter=["kind=push"])
    async with serving(cluster) as gateway:
        assert (await gateway.send(json={"kind": "star"})).counts["filtered"] == 1
        assert gateway.metric(f"{HOME}/alerts", "filtered") == 1.0
    assert cluster.created == []


async def test_beat_is_accepted_and_creates_nothing(cluster: Cluster) -> None:
    cluster.secret(token="s3cret-of-a-sender")
    cluster.source("backup", type="heartbeat", heartbeat={"every": "1h"})
    async with serving(cluster) as gateway:
        assert (await gateway.send("/hook/backup", data=b"anything")).status == 200
        assert "lastBeatTime" in status_of(cluster), "it is stored before it is answered"
        assert gateway.metric(f"{HOME}/backup", "beat") == 1.0
    assert cluster.created == []


def status_of(cluster: Cluster) -> Any:
    return (cluster.named("notificationsources", "backup") or {}).get("status", {})


async def test_beat_that_cannot_be_stored_is_not_accepted(cluster: Cluster) -> None:
    cluster.secret(token="s3cret-of-a-sender")
    cluster.source("backup", type="heartbeat", heartbeat={"every": "1h"})
    async with serving(cluster) as gateway:
        cluster.fails = lambda method, path, _body: (
            refusal(503, "no") if method == "PUT" and path.endswith("/status") else None
        )
        reply = await gateway.send("/hook/backup", data=b"")
        assert (reply.status, "Retry-After" in reply.headers) == (503, True)
        cluster.fails = lambda _method, _path, _body: None
        assert (await gateway.send("/hook/backup", data=b"")).status == 200


async def test_beats_that_follow_each_other_closely_are_one_write(cluster: Cluster) -> None:
    cluster.secret(token="s3cret-of-a-sender")
    cluster.source("backup", type="heartbeat", heartbeat={"every": "1h", "grace": "1m"})
    async with serving(cluster, status_interval_seconds=30) as gateway:
        for _ in range(20):
            assert (await gateway.send("/hook/backup", data=b"")).status == 200
        writes = [path for method, path, _ in cluster.requests if method == "PUT" and "/status" in path]
    assert len(writes) <= 3, "for the new source and for the first beat, one of them again after a conflict"


async def test_source_of_a_tenant_is_served_only_by_setting(cluster: Cluster) -> None:
    cluster.secret(namespace="shop", token="s3cret-of-a-sender")
    cluster.source(namespace="shop")
    async with serving(cluster) as gateway:
        assert (await gateway.send("/hook/shop/alerts")).status == 401
    async with serving(cluster, tenant_sources=True) as gateway:
        assert (await gateway.send("/hook/shop/alerts")).status == 202
        assert (await gateway.send("/hook/alerts")).status == 401
    (created,) = cluster.created
    assert created["metadata"]["namespace"] == "shop"


@pytest.mark.parametrize("auth", [{"kubernetes": {}}, {"bearerSecretRef": {"name": "hook"}, "path": True}])
async def test_source_that_is_named_as_a_namespace_takes_nothing_of_it(cluster: Cluster, auth: Any) -> None:
    token, user = account_token(), "system:serviceaccount:shop:ci"
    cluster.users[token, "notifications"] = user
    cluster.permissions |= {(user, "create", HOME), (user, "create", "shop")}
    for namespace in (HOME, "shop"):
        cluster.secret(namespace=namespace, token=token)
    cluster.source("shop", auth=auth)
    cluster.source("ci", namespace="shop", auth=auth)
    async with serving(cluster, tenant_sources=True) as gateway:
        headers = {"Authorization": f"Bearer {token}"}
        assert (await gateway.send("/hook/shop/ci", headers=headers)).status == 202
        assert (await gateway.send("/hook/shop/other", headers=headers)).status == 401
        assert (await gateway.send("/hook/shop", headers=headers)).status == 202
    assert sorted(each["metadata"]["namespace"] for each in cluster.created) == [HOME, "shop"]


async def test_post_of_the_minute_before_is_the_same_message(gateway: Shipped) -> None:
    assert (await gateway.send()).counts["created"] == 1
    (created,) = gateway.cluster.created
    key = (REQUESTS, HOME, created["metadata"]["name"])
    earlier = datetime.now(UTC).isoformat()
    del gateway.cluster.objects[key]
    asked: list[str] = []

    def rename(method: str, path: str, _body: Any) -> web.Response | None:
        # The name of the minute before is asked for first.
        if method == "GET" and f"/{REQUESTS}/ev-" in path and not asked:
            asked.append(path.rpartition("/")[2])
            meta = {**created["metadata"], "name": asked[0], "creationTimestamp": earlier}
            return web.json_response({**created, "metadata": meta})
        return None

    gateway.cluster.fails = rename
    assert (await gateway.send()).counts["duplicates"] == 1
    assert gateway.cluster.created == []


async def test_failure_inside_is_no_error_500(gateway: Shipped, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> None:
        raise ValueError("unexpected")

    monkeypatch.setattr("notification_gateway.intake.translate", broken)
    assert (await gateway.send()).status == 503
