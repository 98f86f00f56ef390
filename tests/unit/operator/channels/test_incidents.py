"""What becomes of an incident is seen in every channel that a person reads; a Trigger looks as it did."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import pytest

from notification_contract.kinds.choices import LifecycleEvent
from notification_domain.incident import incident_selector
from notification_domain.key import Key
from notification_domain.model import parse
from notification_runtime.channels.console import ConsoleChannel
from notification_runtime.channels.file import FileChannel
from notification_runtime.channels.log import LogChannel
from notification_runtime.rendering.slack_text import SlackText
from tests.unit.gateway.mapping.test_incidents import complete, mapped
from tests.unit.operator.channels import test_channels, test_email
from tests.unit.operator.channels.receivers import SERVICES, access, composer, message
from tests.unit.operator.domain.builders import stored

if TYPE_CHECKING:
    from pathlib import Path

    import aiohttp

    from tests.unit.operator.delivery.receiving import HttpServer

MARKS = {LifecycleEvent.ACKNOWLEDGE: "[ACKNOWLEDGED]", LifecycleEvent.RESOLVE: "[RESOLVED]"}
EMOJI = {LifecycleEvent.ACKNOWLEDGE: "👀", LifecycleEvent.RESOLVE: "✅"}
MARKED = pytest.mark.parametrize("event", MARKS)
CHATS = ("slack-bot", "slack-webhook", "teams", "discord", "mattermost")


def shown(name: str, body: bytes) -> str:
    """Return the texts of a request, without the characters that escape markup."""
    text = parse_qs(body.decode())["Body"][0] if name == "sms" else body.decode()
    return text.replace("\\\\", "")


async def sent(name: str, server: HttpServer, session: aiohttp.ClientSession, **changes: Any) -> bytes:
    SERVICES[name].accepts(server)
    await SERVICES[name].make(server, access(session), composer()).deliver(message(**changes))
    return server.received[-1].body


@pytest.mark.parametrize("name", [*CHATS, "sms"])
@MARKED
async def test_event_of_an_incident_is_marked(
    name: str, event: LifecycleEvent, server: HttpServer, session: aiohttp.ClientSession
) -> None:
    text = shown(name, await sent(name, server, session, subject="Disk full", event=event))
    emoji = f"{EMOJI[event]} " if name in CHATS else ""
    assert f"{emoji}{MARKS[event]} Disk full" in text


@pytest.mark.parametrize("name", SERVICES)
async def test_trigger_has_no_mark(name: str, server: HttpServer, session: aiohttp.ClientSession) -> None:
    body = await sent(name, server, session, subject="Disk full")
    assert not any(mark in shown(name, body) for mark in (*MARKS.values(), *EMOJI.values()))


@pytest.mark.parametrize("name", [*CHATS, "sms"])
async def test_mark_that_the_author_has_written_is_not_repeated(
    name: str, server: HttpServer, session: aiohttp.ClientSession
) -> None:
    changes = {"subject": "[Resolved] Disk full", "event": LifecycleEvent.RESOLVE}
    text = shown(name, await sent(name, server, session, **changes))
    assert "[Resolved] Disk full" in text
    assert "[RESOLVED]" not in text


@pytest.mark.parametrize("name", ["webhook", "pagerduty"])
async def test_service_with_a_field_for_the_event_gets_the_subject_as_written(
    name: str, server: HttpServer, session: aiohttp.ClientSession
) -> None:
    event = LifecycleEvent.RESOLVE
    body = await sent(name, server, session, subject="Disk full", event=event)
    assert b"[RESOLVED]" not in body
    assert b"resolve" in body


@pytest.mark.parametrize(
    ("key", "at_pagerduty"), [("db-1", "db-1"), ("shop/db-1", "shop/shop/db-1"), ("a,b=c", "a,b=c")]
)
async def test_reports_that_two_sources_pass_on_are_one_incident(
    server: HttpServer, session: aiohttp.ClientSession, key: str, at_pagerduty: str
) -> None:
    events, places = [], set()
    for name, state in (("east", "open"), ("west", "closed")):
        made = complete("generic", {"data": {"state": state, "key": key}}, name, **mapped("data.state"))
        content = parse(stored(spec=made.spec)).content
        incident = Key("shop", made.name, made.name, content.dedup_key)
        places.add((incident.shard_key, incident_selector(content.dedup_key)))
        changes = {"event": content.event, "dedup_key": content.dedup_key}
        events.append(json.loads(await sent("pagerduty", server, session, **changes)))
    assert [each["event_action"] for each in events] == ["trigger", "resolve"]
    assert [each["dedup_key"] for each in events] == [at_pagerduty] * 2
    assert len(places) == 1, "the operator puts both into one thread"


@pytest.mark.parametrize("name", sorted(SERVICES.keys() - {"webhook"}))
async def test_message_names_its_cluster(
    name: str, server: HttpServer, session: aiohttp.ClientSession
) -> None:
    assert "order-1, cluster staging" in shown(name, await sent(name, server, session))


async def test_resolve_is_green_where_the_service_has_colors(
    server: HttpServer, session: aiohttp.ClientSession
) -> None:
    resolve = {"event": LifecycleEvent.RESOLVE, "priority": "critical"}
    await sent("discord", server, session, **resolve)
    assert server.received[-1].json["embeds"][0]["color"] == 0x2E7D32
    server.responses.clear()
    await sent("teams", server, session, **resolve)
    assert server.received[-1].json["attachments"][0]["content"]["body"][0]["color"] == "good"


@MARKED
async def test_mail_about_an_incident_is_marked(event: LifecycleEvent) -> None:
    mail = await test_email.sent(test_email.message(subject="Disk full", event=event))
    plain, html = test_email.parts(mail)
    assert mail["Subject"] == f"[high] {MARKS[event]} Disk full"
    assert f"{MARKS[event]} Disk full</h1>" in html
    assert "border-left" in html
    assert plain.startswith("line one")


async def test_mail_of_a_trigger_has_no_color() -> None:
    _, html = test_email.parts(await test_email.sent(test_email.message()))
    assert "border-left" not in html


@MARKED
async def test_slack_of_the_settings_marks_the_event(event: LifecycleEvent) -> None:
    (payload,), _ = await SlackText(trusted=False).shown(message(subject="Disk full", event=event))
    expected = f"{EMOJI[event]} {MARKS[event]} Disk full"
    assert payload["text"] == payload["blocks"][0]["text"]["text"] == expected


@MARKED
async def test_console_marks_the_event(event: LifecycleEvent, capsys: pytest.CaptureFixture[str]) -> None:
    with test_channels.json_log():
        await ConsoleChannel().deliver(message(subject="Disk full", event=event))
    record = json.loads(capsys.readouterr().out.strip().splitlines()[-1])
    assert record["event"].startswith(f"[high] [simple] {MARKS[event]} Disk full\n")


async def test_document_of_a_message_names_its_incident(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    resolve = message(subject="Disk full", event=LifecycleEvent.RESOLVE, dedup_key="node-7")
    await FileChannel(tmp_path).deliver(resolve)
    await LogChannel().deliver(resolve)
    (file,) = tmp_path.iterdir()
    for text in (file.read_bytes(), capfdbinary.readouterr().out):
        document = json.loads(text)
        assert (document["event"], document["dedup_key"]) == ("Resolve", "node-7")
        assert document["subject"] == "Disk full"


async def test_document_of_a_message_without_incident_has_no_event(tmp_path: Path) -> None:
    await FileChannel(tmp_path).deliver(message())
    (file,) = tmp_path.iterdir()
    assert not {"event", "dedup_key"} & json.loads(file.read_bytes()).keys()
