"""The pages about sources: what each sets up, sent by the commands that it shows, becomes the notification that it shows."""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from functools import cached_property
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final

import jwt
import pytest
import yaml
from aiohttp import web

from notification_contract import names
from notification_contract.kinds.choices import Phase
from notification_contract.sources.path_token import path_token
from notification_gateway import app
from notification_gateway.authentication.oidc import OidcTokens
from notification_gateway.sources.catalog import SourceKey
from notification_gateway.sources.readiness import Readiness
from notification_gateway.web.body import MAX_BYTES
from notification_runtime.delivery.http.egress_guard import guarded_session
from tests.unit.gateway.cluster import HOME, REQUESTS, SOURCES, Cluster
from tests.unit.gateway.shipped import KEY, Shipped, path_keys, serving
from tests.unit.gateway.test_credentials import PRIVATE, account_token
from tests.unit.gateway.test_hooks import BATCH
from tests.unit.loopback import listening
from tests.unit.operator.channels.receivers import LOOPBACK, access, composer, make, message
from tests.unit.operator.kube_api import refusal, until
from tools.platform.pulumi.environment import ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.unit.operator.collections_api import Object

FOLDER: Final = ROOT / "docs" / "sources"
SENDERS: Final = ("alertmanager", "grafana", "github", "gitlab", "slack", "cloudevents", "ci", "cluster")
BLOCK: Final = re.compile(r"^```(\w+)\n(.*?)^```", re.DOTALL | re.MULTILINE)
TRY: Final = re.compile(r"^## Try it\n(.*?)^## ", re.DOTALL | re.MULTILINE)
ANSWER: Final = re.compile(r"^The answer is (?:\d+, )?`(.*?)`", re.MULTILINE)
UNIQUE: Final = re.compile(r"(?<=-)[0-9a-f]{16,20}$")
"""What the name of a notification has of the uid of its source, which differs between clusters."""
GITHUB: Final = "https://token.actions.githubusercontent.com"
GITLAB: Final = "https://gitlab.example.com"
AUDIENCE: Final = "notifications"
SECRET: Final = "5a0c1e" * 4
"""What a reader puts in place of REPLACE-ME, which the page about another cluster has in base64."""
NOW: Final = datetime(2026, 11, 29, 8, 1, tzinfo=UTC)
PROGRAM: Final = f"""#!{sys.executable}
import json, os, sys
print(json.loads(os.environ["KUBECTL"])[" ".join(sys.argv[1:])], end="")
"""
PROGRAMS: Final = {
    "kubectl": PROGRAM,
    "notif": PROGRAM,
    "date": f"#!/bin/sh\necho {NOW.timestamp():.0f}\n",
}


class Page:
    """A page, read."""

    def __init__(self, name: str) -> None:
        text = (FOLDER / f"{name}.md").read_text("utf-8").replace("REPLACE-ME", SECRET)
        self.text = text.replace("UkVQTEFDRS1NRS1SRVBMQUNFLU1F", b64encode(SECRET.encode()).decode())

    @cached_property
    def objects(self) -> list[Object]:
        """The mappings of all its YAML."""
        blocks = [text for language, text in BLOCK.findall(self.text) if language == "yaml"]
        return [obj for block in blocks for obj in yaml.safe_load_all(block)]

    def of(self, kind: str) -> list[Object]:
        return [obj for obj in self.objects if obj.get("kind") == kind]

    def having(self, key: str) -> Object:
        """Return the one mapping with a key."""
        (found,) = (obj for obj in self.objects if key in obj)
        return found

    def commands(self, part: str = "") -> list[str]:
        return [text for language, text in BLOCK.findall(part or self.text) if language == "sh"]

    @property
    def trial(self) -> str:
        """The commands under *Try it*."""
        (part,) = TRY.findall(self.text)
        return self.commands(part)[0]

    def apply(self, cluster: Cluster) -> None:
        """Create its Secrets and sources."""
        for obj in self.of("Secret"):
            meta = obj["metadata"]
            cluster.secret(
                meta["name"], namespace=meta["namespace"], labels=meta["labels"], **obj["stringData"]
            )
        for obj in self.of(names.SOURCE_KIND):
            meta = obj["metadata"]
            cluster.source(meta["name"], namespace=meta["namespace"], **obj["spec"])


class Shell:
    """Runs commands of a page in the folder of the repository, with the gateway's time, and with programs that know their answers."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.kubectl: dict[str, str] = {}
        """The output of a command by its arguments."""
        for name, text in PROGRAMS.items():
            program = folder / name
            program.write_text(text, "utf-8")
            program.chmod(0o755)

    async def run(self, command: str, gateway: Shipped, **variables: str) -> str:
        """Return the output of a command that succeeds."""
        environment = {
            **os.environ,
            "PATH": f"{self.folder}{os.pathsep}{os.environ['PATH']}",
            "KUBECTL": json.dumps(self.kubectl),
            "GATEWAY": gateway.url,
            **variables,
        }
        process = await asyncio.create_subprocess_exec(
            *("bash", "-e", "-o", "pipefail", "-c", command),
            cwd=ROOT,
            env=environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        output, errors = await process.communicate()
        assert (process.returncode, errors.decode()) == (0, ""), output.decode()
        return output.decode().strip()


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path)


@pytest.fixture(autouse=True)
def _providers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let each provider vouch for its tokens: their signatures are not the matter of a page."""

    async def subject_of(
        _: OidcTokens, token: str, *, issuer: str, audience: str, **_more: str
    ) -> str | None:
        claims = jwt.decode(token, options={"verify_signature": False})
        return claims["sub"] if (claims.get("iss"), claims["aud"]) == (issuer, audience) else None

    monkeypatch.setattr(OidcTokens, "subject_of", subject_of)


class Clock:
    """The time of the gateway, which stands: the names of some notifications depend on it."""

    now = NOW


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(app, "_now", lambda: clock.now)
    return clock


def job_token(issuer: str, subject: str) -> str:
    return jwt.encode({"iss": issuer, "aud": AUDIENCE, "sub": subject}, PRIVATE, algorithm="ES256")


async def ready(gateway: Shipped, page: Page) -> None:
    """Wait until the sources of a page are judged, and check that nothing is to be said of them."""
    for obj in page.of(names.SOURCE_KIND):
        key = SourceKey(namespace=obj["metadata"]["namespace"], name=obj["metadata"]["name"])
        await until(lambda key=key: gateway.app.sources.readiness(key), "a judgement")  # type: ignore[misc]
        assert gateway.app.sources.readiness(key) == Readiness(), key


def alike(name: str) -> str:
    """Return a name without what differs between clusters."""
    return UNIQUE.sub("…", name)


def shown(notification: Object) -> Object:
    """Return what a page shows of a notification."""
    metadata = notification["metadata"]
    return {
        "name": alike(metadata["name"]),
        "namespace": metadata["namespace"],
        "labels": metadata["labels"],
        "spec": notification["spec"],
    }


@pytest.mark.parametrize("name", SENDERS)
async def test_command_of_a_page_creates_the_notification_it_shows(
    cluster: Cluster, shell: Shell, name: str
) -> None:
    page, keys = Page(name), path_keys(cluster, shell.folder)
    page.apply(cluster)
    variables = {"TOKEN": job_token(GITHUB, "repo:acme/shop:ref:refs/heads/main")}
    async with serving(cluster, path_keys_directory=keys) as gateway:
        if slack := cluster.named("notificationsources", "slack"):
            token = path_token(KEY.encode(), slack["metadata"]["uid"])
            printed = f"source url slack -n notification-system --url {gateway.url}"
            shell.kubectl[printed] = f"{gateway.url}/hook/slack/{token}"
        answers = [await shell.run(page.trial, gateway, **variables) for _ in range(2)]
        await ready(gateway, page)
    (created,) = cluster.created
    (documented,) = page.of(names.KIND)
    assert shown(created) == shown(documented)
    (answer,) = ANSWER.findall(page.text)
    assert answers[0] == answer
    assert answers[1] == answer.replace('"created":1,"duplicates":0', '"created":0,"duplicates":1')


async def test_beat_of_the_page_is_recorded_and_creates_nothing(cluster: Cluster, shell: Shell) -> None:
    page = Page("heartbeat")
    page.apply(cluster)
    # Its source for Watchdog has the token of that page.
    Page("alertmanager").apply(cluster)
    async with serving(cluster) as gateway:
        await ready(gateway, page)
        (answer,) = ANSWER.findall(page.text)
        assert await shell.run(page.trial, gateway) == answer

        def status() -> Any:
            return cluster.named(SOURCES, "nightly-backup").get("status", {})  # type: ignore[union-attr]

        await until(lambda: status().get("lastBeatTime"))
    assert "{.status.lastBeatTime}" in page.text
    assert cluster.created == []


async def test_cronjob_of_the_tutorial_beats_with_the_token_of_its_secret(
    cluster: Cluster, shell: Shell
) -> None:
    Page("heartbeat").apply(cluster)
    Page("alertmanager").apply(cluster)
    secret, job = yaml.safe_load_all((ROOT / "examples" / "tutorial" / "heartbeat.yaml").read_text("utf-8"))
    pod = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    (volume,), (beat,) = pod["volumes"], pod["containers"]
    assert volume["secret"]["secretName"] == secret["metadata"]["name"]
    (shell.folder / "token").write_text(secret["stringData"]["token"].replace("REPLACE-ME", SECRET), "utf-8")
    assert beat["command"] == ["notif", "beat"]
    async with serving(cluster) as gateway:
        await ready(gateway, Page("heartbeat"))
        words = " ".join(beat["args"]).replace(f"http://{names.GATEWAY}.{HOME}.svc", gateway.url)
        words = words.replace(f"{beat['volumeMounts'][0]['mountPath']}/", f"{shell.folder}/")
        command = f"{sys.executable} -m notification_cli beat {words}"
        await shell.run(command, gateway, PYTHONPATH=str(ROOT / "operator"))
        source = cluster.named(SOURCES, "nightly-backup")
        await until(lambda: source.get("status", {}).get("lastBeatTime"))  # type: ignore[union-attr]


@pytest.mark.parametrize(("name", "url"), [("alertmanager", "alertmanager"), ("heartbeat", "watchdog")])
async def test_configuration_of_alertmanager_names_the_source_and_its_token(
    cluster: Cluster, name: str, url: str
) -> None:
    page = Page(name)
    Page("alertmanager").apply(cluster)
    page.apply(cluster)
    (receiver,) = page.having("receivers")["receivers"]
    (hook,) = receiver["webhook_configs"]
    assert hook["url"] == f"http://{names.GATEWAY}.{HOME}.svc/hook/{url}"
    assert hook["http_config"]["authorization"]["credentials_file"].endswith("/token")
    async with serving(cluster) as gateway:
        await ready(gateway, page)
        reply = await gateway.send(
            f"/hook/{url}",
            headers={"Authorization": f"Bearer {SECRET}"},
            data=(ROOT / "examples" / "sources" / "alertmanager.json").read_bytes(),
        )
    assert reply.status == 200


async def test_repeats_of_alertmanager_lead_to_what_the_page_says(cluster: Cluster, clock: Clock) -> None:
    Page("alertmanager").apply(cluster)
    payload = json.loads((ROOT / "examples" / "sources" / "alertmanager.json").read_text("utf-8"))
    (alert,) = payload["alerts"]
    more = {**alert, "fingerprint": "0001", "labels": {**alert["labels"], "instance": "db-2"}}
    resolved = {"status": "resolved", "endsAt": "2026-11-29T09:00:00Z"}
    groups = [
        payload,
        payload,
        {**payload, "alerts": [alert, more]},
        {**payload, "alerts": [alert, more | resolved]},
        {**payload, "status": "resolved", "alerts": [alert | resolved]},
        {**payload, "alerts": [{**alert, "labels": {**alert["labels"], "alertname": "Watchdog"}}]},
    ]
    async with serving(cluster) as gateway:
        counts = [(await _sent(gateway, each)) for each in groups]
        clock.now += timedelta(hours=4)
        assert await _sent(gateway, payload) == {"created": 1, "duplicates": 0, "filtered": 0}
    created, duplicates, filtered = ([each[key] for each in counts] for key in counts[0])
    assert (created, duplicates, filtered) == ([1, 0, 1, 1, 1, 0], [0, 1, 0, 0, 0, 0], [0, 0, 0, 0, 0, 1])
    events = sorted(each["spec"]["event"] for each in cluster.created)
    assert events == ["Resolve", *["Trigger"] * 4]
    assert len({each["spec"]["dedupKey"] for each in cluster.created}) == 1


@pytest.mark.parametrize("options", [{}, {"alertmanager": {"repeatAfter": "4h"}}], ids=["never", "4h"])
async def test_alert_is_told_again_when_its_notification_is_gone(cluster: Cluster, options: Any) -> None:
    page = Page("alertmanager")
    page.apply(cluster)
    spec = {
        key: value for key, value in page.of(names.SOURCE_KIND)[0]["spec"].items() if key != "alertmanager"
    }
    cluster.source("alertmanager", **spec, **options)
    payload = json.loads((ROOT / "examples" / "sources" / "alertmanager.json").read_text("utf-8"))
    async with serving(cluster) as gateway:
        for _ in range(2):
            assert [(await _sent(gateway, payload))["created"] for _ in range(2)] == [1, 0]
            (told,) = cluster.created
            cluster.remove(REQUESTS, HOME, told["metadata"]["name"])


async def _sent(gateway: Shipped, payload: Object) -> dict[str, int]:
    headers = {"Authorization": f"Bearer {SECRET}"}
    reply = await gateway.send("/hook/alertmanager", headers=headers, json=payload)
    counts: dict[str, int] = reply.counts
    return counts


async def test_ping_of_github_is_filtered_as_the_page_says(cluster: Cluster, shell: Shell) -> None:
    page = Page("github")
    page.apply(cluster)
    ping = shell.folder / "ping.json"
    ping.write_text('{"zen": "Keep it logically awesome.", "hook_id": 1}', "utf-8")
    async with serving(cluster) as gateway:
        answer = await shell.run(page.trial.replace("examples/sources/github.json", str(ping)), gateway)
    assert '"filtered":1' in answer
    assert '"filtered":1' in page.text


@pytest.mark.parametrize(
    ("body", "text"), [({"text": ""}, "no_text"), ([], "invalid_payload"), ({"blocks": 1}, "no_text")]
)
async def test_errors_of_slack_are_those_of_the_page(cluster: Cluster, body: Any, text: str) -> None:
    page = Page("slack")
    page.apply(cluster)
    cluster.source(
        "slack", **{**page.of(names.SOURCE_KIND)[0]["spec"], "auth": {"bearerSecretRef": {"name": "hook"}}}
    )
    cluster.secret(token="s3cret-of-a-sender")
    async with serving(cluster) as gateway:
        assert (await gateway.send("/hook/slack", json=body)).text == text
    assert f"`{text}`" in page.text


async def test_event_is_the_same_in_every_mode_of_the_page(cluster: Cluster, shell: Shell) -> None:
    page = Page("cloudevents")
    page.apply(cluster)
    data = json.loads((ROOT / "examples" / "sources" / "cloudevents.json").read_text("utf-8"))
    event = {"specversion": "1.0", "id": "4711", "source": "/backup", "type": "com.example.backup.failed"}
    modes = {"application/cloudevents+json": event | {"data": data}, BATCH: [event | {"data": data}]}
    async with serving(cluster) as gateway:
        await shell.run(page.trial, gateway)
        for media_type, content in modes.items():
            assert f"| `{media_type}` |" in page.text
            headers = {"Authorization": f"Bearer {SECRET}", "Content-Type": media_type}
            reply = await gateway.send("/hook/cloudevents", headers=headers, data=json.dumps(content))
            assert (reply.status, reply.counts["duplicates"]) == (202, 1)


async def test_message_of_a_webhook_receiver_arrives_once(cluster: Cluster) -> None:
    page = Page("cluster")
    page.apply(cluster)
    (receiver,) = page.of(names.RECEIVER_KIND)
    path = receiver["spec"]["webhook"]["url"].removeprefix("https://notifications.example.com")
    (secret,) = page.of("Secret")
    async with serving(cluster) as gateway, guarded_session(LOOPBACK, connections=1) as session:
        values = {"urlSecretRef": gateway.url + path, "signingSecretRefs[0]": secret["stringData"]["secret"]}
        channel = make("webhook", values, access(session, clock=lambda: NOW, timeout=60), composer())
        for attempt in (1, 2):
            await channel.deliver(message(attempt=attempt))
    (created,) = cluster.created
    assert created["spec"]["subject"] == "staging: Заказ 📦"
    assert created["spec"]["priority"] == "high"


USER = "system:serviceaccount:shop:notifier"
TEAM: Final = [{"name": "team"}]


async def deliver(cluster: Cluster) -> None:
    """Deliver the first notification that is created, in place of the operator."""
    await until(lambda: cluster.created)
    meta = cluster.created[0]["metadata"]
    cluster.put(REQUESTS, meta["namespace"], meta["name"], status={"phase": str(Phase.SENT)})


async def test_job_with_a_service_account_waits_until_it_is_sent(cluster: Cluster, shell: Shell) -> None:
    token = account_token()
    cluster.users[token, AUDIENCE] = USER
    cluster.permissions |= {(USER, verb, "shop") for verb in ("create", "get")}
    shell.kubectl["-n shop create token notifier --audience notifications"] = token
    async with serving(cluster) as gateway:
        command = Page("ci").commands()[0]
        printed, _ = await asyncio.gather(shell.run(command, gateway), deliver(cluster))
    assert printed == Phase.SENT
    (created,) = cluster.created
    assert created["metadata"]["namespace"] == "shop"
    assert created["spec"]["subject"] == "Shop 1.42 is in production"
    assert created["spec"]["receiverRefs"] == TEAM


ANSWERS_OF_CI: Final[Mapping[int, Any]] = {
    201: {},
    200: {"headers": {"Idempotency-Key": "used"}},
    400: {"data": b"{"},
    401: {"headers": {"Authorization": "Bearer other"}},
    403: {"path": "/v1/namespaces/other/notifications"},
    409: {"headers": {"Idempotency-Key": "used"}, "json": {"type": "simple"}},
    422: {"json": {"type": "refused"}},
}
"""A request for each answer that the page lists."""


async def test_every_answer_to_a_job_that_the_page_lists_is_given(cluster: Cluster) -> None:
    token = account_token()
    cluster.users[token, AUDIENCE] = USER
    cluster.permissions.add((USER, "create", "shop"))
    cluster.fails = lambda _method, _path, body: (
        refusal(422, "spec.type: Unsupported value")
        if body.get("spec", {}).get("type") == "refused"
        else None
    )
    usual = {"path": "/v1/namespaces/shop/notifications"}
    own = {"Authorization": f"Bearer {token}"}
    async with serving(cluster) as gateway:
        await gateway.send(**usual, headers=own | {"Idempotency-Key": "used"})
        for status, request in ANSWERS_OF_CI.items():
            whole = {**usual, **request, "headers": own | request.get("headers", {})}
            reply = await gateway.send(**whole)
            assert reply.status == status, reply.text
            assert (reply.headers.get("Idempotent-Replayed") == "true") is (status == 200)
    assert listed(Page("ci").text) == list(ANSWERS_OF_CI)


def listed(text: str) -> list[int]:
    """Return the statuses in a table of answers."""
    (table,) = re.findall(r"^\| status \| meaning .*\n\|[-|]+\n((?:\|.*\n)+)", text, re.MULTILINE)
    return [int(each) for row in table.splitlines() for each in re.findall(r"\d{3}", row.split("|")[1])]


async def test_job_of_github_creates_a_notification_with_its_own_identity(
    cluster: Cluster, shell: Shell
) -> None:
    page = Page("ci")
    (subject,) = page.of("RoleBinding")[0]["subjects"]
    cluster.permissions.add((subject["name"], "create", "shop"))
    work, job = page.having("jobs")["jobs"].values()
    assert work["steps"]
    (step,) = job["steps"]
    assert job["if"] == "failure()"
    assert job["permissions"] == {"id-token": "write"}

    async def provider(request: web.Request) -> web.Response:
        assert request.headers["Authorization"] == "bearer of-the-job"
        assert request.query["audience"] == AUDIENCE
        token = job_token(GITHUB, subject["name"].removeprefix("oidc:"))
        return web.json_response({"value": token})

    async with (
        listening(provider) as url,
        serving(cluster, oidc={"issuer": GITHUB, "audience": AUDIENCE}) as gateway,
    ):
        await shell.run(
            step["run"],
            gateway,
            ACTIONS_ID_TOKEN_REQUEST_URL=f"{url}/token?api-version=2",
            ACTIONS_ID_TOKEN_REQUEST_TOKEN="of-the-job",
            GITHUB_REPOSITORY="acme/shop",
            GITHUB_SHA="9fceb02",
            GITHUB_RUN_ID="1",
            GITHUB_RUN_ATTEMPT="1",
        )
    (created,) = cluster.created
    assert created["spec"]["subject"] == "acme/shop is not deployed"
    assert created["spec"]["receiverRefs"] == TEAM
    assert f"`{GITHUB}`" in page.text


async def test_job_of_gitlab_creates_a_notification_with_its_own_identity(
    cluster: Cluster, shell: Shell
) -> None:
    page = Page("ci")
    (user,) = re.findall(r"`(oidc:project_path:\S+)`", page.text)
    cluster.permissions.add((user, "create", "shop"))
    job = page.having("notify")["notify"]
    assert job["when"] == "on_failure"
    ((variable, claims),) = job["id_tokens"].items()
    assert claims == {"aud": AUDIENCE}
    async with serving(cluster, oidc={"issuer": GITLAB, "audience": AUDIENCE}) as gateway:
        await shell.run(
            "\n".join(job["script"]),
            gateway,
            **{variable: job_token(GITLAB, user.removeprefix("oidc:"))},
            CI_PROJECT_PATH="acme/shop",
            CI_COMMIT_SHA="9fceb02",
            CI_JOB_ID="7",
        )
    (created,) = cluster.created
    assert created["spec"]["body"] == "Commit 9fceb02"
    assert created["spec"]["receiverRefs"] == TEAM


ANSWERS: Final[Mapping[int, Any]] = {
    200: {"path": "/hook/slack"},
    202: {},
    400: {"data": b"{"},
    401: {"headers": {"Authorization": "Bearer other"}},
    405: {"method": "GET"},
    409: {"headers": {"Idempotency-Key": "used"}, "json": {"other": 1}},
    413: {"data": BytesIO(b"x" * (MAX_BYTES + 1))},
    415: {"headers": {"Content-Encoding": "gzip"}},
    429: {"path": "/hook/limited"},
    503: {"path": "/hook/limited-alerts"},
}
"""A request for each answer that the page of sources lists."""


async def test_every_answer_that_the_page_of_sources_lists_is_given(cluster: Cluster) -> None:
    cluster.secret(token="s3cret-of-a-sender")
    cluster.source("alerts")
    cluster.source("slack", type="slack")
    one = {"count": 1, "period": "1h"}
    cluster.source("limited", rateLimit=one)
    cluster.source("limited-alerts", type="alertmanager", rateLimit=one)
    own = {"Authorization": "Bearer s3cret-of-a-sender"}
    async with serving(cluster) as gateway:
        await gateway.send(headers=own | {"Idempotency-Key": "used"})
        for path in ("/hook/limited", "/hook/limited-alerts"):
            await gateway.send(path, headers=own)
        for status, request in ANSWERS.items():
            reply = await gateway.send(**{**request, "headers": own | request.get("headers", {})})
            assert reply.status == status, reply.text
            assert ("Retry-After" in reply.headers) is (status in {429, 503})
    assert listed((ROOT / "docs" / "sources.md").read_text("utf-8")) == list(ANSWERS)
