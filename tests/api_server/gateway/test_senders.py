"""Real senders: the SDKs that others use, and the payloads that GitHub, GitLab and Grafana publish."""

from __future__ import annotations

import hashlib
import hmac
import json
import subprocess
import time
from base64 import b64encode
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

import pytest
from cloudevents.core.bindings.http import to_binary_event, to_structured_event
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from slack_sdk.webhook import WebhookClient
from standardwebhooks import Webhook

from tests.api_server.gateway.place import BEARER
from tests.unit.gateway.mapping.builders import github, grafana

if TYPE_CHECKING:
    from tests.api_server.gateway.place import Place, Replica

pytestmark = pytest.mark.xdist_group("api-server")
KEY: Final = "It's a Secret to Everybody"
WHSEC: Final = "whsec_" + b64encode(b"k" * 24).decode()
HMAC: Final = {"hmac": {"secretRef": {"name": "signing"}}}
STANDARD: Final = {"hmac": {"secretRef": {"name": "signing"}, "scheme": "standard-webhooks"}}


def subjects(place: Place, source: str) -> list[str]:
    return sorted(each["spec"]["subject"] for each in place.notifications(source))


def event(number: int = 1, **data: Any) -> CloudEvent:
    attributes = {
        "type": "com.example.build.failed",
        "source": "/ci/shop",
        "id": f"build-{number}",
        "time": datetime(2026, 11, 29, 8, tzinfo=UTC),
        "subject": "shop",
        "traceid": "4bf92f3577b34da6",
    }
    return CloudEvent(attributes, data or {"severity": "high", "text": "2 tests failed ü"})


def sent(replica: Replica, message: Any, path: str = "/hook/events") -> int:
    return int(replica.post(path, body=message.body, headers={**BEARER, **message.headers}).status)


@pytest.mark.check("gateway-senders-01")
def test_cloudevent_in_binary_mode_of_the_sdk_is_stored(place: Place, replica: Replica) -> None:
    place.ready_source(
        "events", "cloudevents", mapping={"priority": {"fromLabel": "data.severity", "map": {"high": "high"}}}
    )
    assert sent(replica, to_binary_event(event())) == 202
    (stored,) = place.notifications("events")
    assert stored["spec"]["priority"] == "high"
    assert "2 tests failed ü" in stored["spec"]["body"]


@pytest.mark.check("gateway-senders-02")
def test_cloudevent_is_the_same_in_binary_and_structured_mode(place: Place, replica: Replica) -> None:
    place.ready_source("events", "cloudevents")
    assert sent(replica, to_structured_event(event())) == 202
    (stored,) = place.notifications("events")
    assert sent(replica, to_binary_event(event())) == 202
    assert place.notifications("events") == [stored]


@pytest.mark.check("gateway-senders-03")
def test_batch_of_cloudevents_is_stored_each(place: Place, replica: Replica) -> None:
    place.ready_source("events", "cloudevents")
    written = [JSONFormat().write(event(number)) for number in range(5)]
    headers = {**BEARER, "Content-Type": "application/cloudevents-batch+json; charset=utf-8"}
    answer = replica.post("/hook/events", body=b"[" + b",".join(written) + b"]", headers=headers)
    assert (answer.status, json.loads(answer.data)["created"]) == (202, 5)
    assert len(place.notifications("events")) == 5


@pytest.mark.check("gateway-senders-04")
def test_cloudevent_with_binary_data_says_how_much_it_has(place: Place, replica: Replica) -> None:
    place.ready_source("events", "cloudevents")
    attributes = {"type": "t", "source": "/s", "id": "1", "datacontenttype": "application/octet-stream"}
    assert sent(replica, to_binary_event(CloudEvent(attributes, b"\0\xff" * 8))) == 202
    (stored,) = place.notifications("events")
    assert "binary, 16 bytes" in stored["spec"]["body"]


def slack(place: Place, replica: Replica) -> WebhookClient:
    """Return the client of slack-sdk with the URL of a source, which is all that it has to know."""
    place.ready_source("chat", "slack", auth={"path": True})
    return WebhookClient(f"{replica.url}/hook/chat/{place.path_token('chat')}")


@pytest.mark.check("gateway-senders-05")
def test_client_of_slack_sends_text_blocks_and_attachments(place: Place, replica: Replica) -> None:
    client = slack(place, replica)
    blocks = [
        {"type": "header", "text": {"type": "plain_text", "text": "Build failed"}},
        {"type": "section", "text": {"type": "mrkdwn", "text": "*shop* <https://ci.example/5|5>"}},
    ]
    attachments = [{"color": "danger", "title": "Tests", "text": "2 failed", "fallback": "Tests: 2 failed"}]
    for content in (
        {"text": "plain"},
        {"text": "with blocks", "blocks": blocks},
        {"attachments": attachments},
    ):
        answer = client.send(**content)
        assert (answer.status_code, answer.body) == (200, "ok")
    bodies = " ".join(each["spec"]["body"] for each in place.notifications("chat"))
    assert all(each in bodies for each in ("plain", "Build failed", "5 (https://ci.example/5)", "2 failed"))


@pytest.mark.check("gateway-senders-06")
def test_client_of_slack_reads_the_errors_of_slack(place: Place, replica: Replica) -> None:
    client = slack(place, replica)
    answer = client.send(text="")
    assert (answer.status_code, answer.body) == (400, "no_text")
    answer = client.send_dict({"text": "plain", "blocks": "none"})
    assert answer.status_code in {200, 400}
    assert WebhookClient(client.url + "x").send(text="plain").status_code == 401


@pytest.mark.check("gateway-senders-07")
def test_message_signed_by_the_library_of_standard_webhooks_is_accepted(
    place: Place, replica: Replica
) -> None:
    place.secret("signing", secret=WHSEC)
    place.ready_source("signed", "generic", auth=STANDARD)
    body, now = json.dumps({"text": "paid"}), datetime.now(UTC)
    headers = {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(WHSEC).sign("msg_1", now, body),
    }
    assert replica.post("/hook/signed", body=body.encode(), headers=headers).status == 202
    # Sent again, as it is after a lost answer: the id is the key.
    assert (
        json.loads(replica.post("/hook/signed", body=body.encode(), headers=headers).data)["duplicates"] == 1
    )
    assert len(place.notifications("signed")) == 1


@pytest.mark.check("gateway-senders-08")
def test_message_signed_by_another_secret_or_long_ago_is_refused(place: Place, replica: Replica) -> None:
    place.secret("signing", secret=WHSEC)
    place.ready_source("signed", "generic", auth=STANDARD)
    body, now = json.dumps({"text": "paid"}), datetime.now(UTC)
    other = "whsec_" + b64encode(b"o" * 24).decode()
    old = datetime.fromtimestamp(now.timestamp() - 3600, UTC)
    for secret, at, status in ((other, now, 401), (other, old, 401), (WHSEC, old, 503)):
        headers = {
            "webhook-id": "msg_1",
            "webhook-timestamp": str(int(at.timestamp())),
            "webhook-signature": Webhook(secret).sign("msg_1", at, body),
        }
        assert replica.post("/hook/signed", body=body.encode(), headers=headers).status == status
    assert place.notifications("signed") == []


def github_headers(body: bytes, delivery: str, content_type: str = "application/json") -> dict[str, str]:
    """Return the headers of a delivery: docs.github.com/en/webhooks/webhook-events-and-payloads#delivery-headers."""
    signature = hmac.new(KEY.encode(), body, hashlib.sha256).hexdigest()
    return {
        "X-GitHub-Hook-ID": "292430182",
        "X-GitHub-Event": "workflow_run",
        "X-GitHub-Delivery": delivery,
        "X-Hub-Signature": "sha1=7d38cdd689735b008b3c702edd92eea23791c5f6",
        "X-Hub-Signature-256": f"sha256={signature}",
        "User-Agent": "GitHub-Hookshot/044aadd",
        "Content-Type": content_type,
        "X-GitHub-Hook-Installation-Target-Type": "repository",
    }


def github_source(place: Place) -> None:
    place.secret("signing", secret=KEY)
    subject = "{{ payload.repository.full_name }}: {{ payload.workflow_run.name }} {{ payload.workflow_run.conclusion }}"
    mapping = {"idempotencyHeader": "X-GitHub-Delivery", "subject": subject}
    place.ready_source("github", "generic", auth=HMAC, mapping=mapping)


@pytest.mark.check("gateway-senders-09")
def test_delivery_of_github_is_stored_once_however_often_it_is_redelivered(
    place: Place, replica: Replica
) -> None:
    github_source(place)
    body = json.dumps(github()).encode()
    for _ in range(3):
        headers = github_headers(body, "72d3162e-cc78-11e3-81ab-4c9367dc0958")
        assert replica.post("/hook/github", body=body, headers=headers).status == 202
    assert subjects(place, "github") == ["acme/shop: Build failure"]
    assert replica.post("/hook/github", body=body + b" ", headers=headers).status == 401


@pytest.mark.check("gateway-senders-10")
def test_delivery_of_github_as_a_form_is_the_same(place: Place, replica: Replica) -> None:
    github_source(place)
    body = urlencode({"payload": json.dumps(github())}).encode()
    headers = github_headers(
        body, "a5b5c5d5-0000-11e3-81ab-4c9367dc0958", "application/x-www-form-urlencoded"
    )
    assert replica.post("/hook/github", body=body, headers=headers).status == 202
    assert subjects(place, "github") == ["acme/shop: Build failure"]


@pytest.mark.check("gateway-senders-11")
def test_webhook_of_gitlab_with_its_token_is_stored_once(place: Place, replica: Replica) -> None:
    # docs.gitlab.com/user/project/integrations/webhook_events, "Pipeline events", and webhooks, "Delivery headers".
    place.secret("signing", secret=KEY)
    auth = {"hmac": {"secretRef": {"name": "signing"}, "scheme": "plain-token", "header": "X-Gitlab-Token"}}
    mapping = {"subject": "{{ payload.object_attributes.status }}"}
    place.ready_source("gitlab", "generic", auth=auth, mapping=mapping)
    pipeline = {
        "object_kind": "pipeline",
        "object_attributes": {"id": 31, "iid": 3, "ref": "master", "status": "failed"},
        "project": {"id": 1, "path_with_namespace": "acme/shop"},
    }
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "GitLab/17.0.0",
        "X-Gitlab-Event": "Pipeline Hook",
        "X-Gitlab-Token": KEY,
        "Idempotency-Key": "f5e5f430-f57b-4e6e-9fac-d9128cd7232f",
    }
    for _ in range(2):
        assert replica.post("/hook/gitlab", body=json.dumps(pipeline).encode(), headers=headers).status == 202
    assert subjects(place, "gitlab") == ["failed"]
    assert replica.post("/hook/gitlab", headers={**headers, "X-Gitlab-Token": "none"}).status == 401


@pytest.mark.check("gateway-senders-12")
def test_webhook_of_grafana_fires_and_resolves_one_incident(place: Place, replica: Replica) -> None:
    # grafana.com/docs/grafana/latest/alerting, "Configure webhook notifications": HMAC signature over `timestamp:body`.
    place.secret("signing", secret=KEY)
    auth = {
        "hmac": {
            "secretRef": {"name": "signing"},
            "header": "X-Grafana-Alerting-Signature",
            "timestampHeader": "X-Grafana-Alerting-Signature-Timestamp",
        }
    }
    place.ready_source("grafana", "alertmanager", auth=auth)
    firing = grafana()
    ended = {**firing["alerts"][0], "status": "resolved", "endsAt": "2026-03-01T13:00:00Z"}
    resolved = {**firing, "status": "resolved", "state": "ok", "alerts": [ended]}
    for payload in (firing, firing, resolved):
        body, now = json.dumps(payload).encode(), str(int(time.time()))
        signature = hmac.new(KEY.encode(), now.encode() + b":" + body, hashlib.sha256).hexdigest()
        headers = {
            "Content-Type": "application/json",
            "X-Grafana-Alerting-Signature": signature,
            "X-Grafana-Alerting-Signature-Timestamp": now,
        }
        assert replica.post("/hook/grafana", body=body, headers=headers).status == 200
    found = place.notifications("grafana")
    assert sorted(each["spec"]["event"] for each in found) == ["Resolve", "Trigger"]
    assert len({each["spec"]["dedupKey"] for each in found}) == 1


@pytest.mark.check("gateway-senders-13")
def test_plain_curl_sends_json_and_beats(place: Place, replica: Replica) -> None:
    place.ready_source("ci", "generic")
    place.ready_source("backup", "heartbeat", heartbeat={"every": "1h"})
    quiet = ["curl", "--silent", "--fail", "--output", "/dev/null", "--write-out", "%{http_code}"]
    token = ["--header", f"Authorization: {BEARER['Authorization']}"]
    for path, more, code in (
        ("ci", ["--data", '{"text": "done"}'], "202"),
        ("backup", ["--request", "POST"], "200"),
    ):
        command = [*quiet, *token, *more, f"{replica.url}/hook/{path}"]
        assert subprocess.run(command, capture_output=True, text=True, check=False).stdout == code
    assert len(place.notifications("ci")) == 1
    assert place.notifications("backup") == []
