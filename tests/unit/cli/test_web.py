"""The page of `notif web`: what it shows, how large it is, and whom it refuses."""

from __future__ import annotations

import asyncio
import re
import shlex
from datetime import timedelta
from html import unescape
from typing import Any, Never

import pytest

from notification_cli.errors import ApiError, CliError
from notification_cli.kube.resources import Page
from notification_cli.web.hints import Hints
from notification_cli.web.layout import fit
from notification_cli.web.source import MOST_SCANNED, PAGE, Filter, Source
from notification_domain.json_values import format_time
from tests.unit.cli.page import ROOT, MemorySource, serving
from tests.unit.cli.samples import attempt, failed, partial, reported, retrying, sick_receiver
from tests.unit.operator.domain.builders import START, stored
from tests.unit.operator.domain.receivers.builders import stored_receiver

CELL = re.compile(r"<td[^>]*>(.*?)</td>")
HOSTILE = "<script>alert('&')</script>\"\x1b[2J\u202e"


def many(count: int, **spec: str) -> list[dict[str, Any]]:
    return [
        stored(metadata={"name": f"n{number:05}" + "x" * 247}, spec=spec, status=failed()["status"])
        for number in range(count)
    ]


def cells(text: str) -> list[list[str]]:
    """Return the texts of the cells of each row."""
    rows = re.findall(r"<tr><td.*?</tr>", text)
    return [[unescape(re.sub(r"<[^>]*>", "", cell)) for cell in CELL.findall(row)] for row in rows]


async def test_list_shows_a_page_and_links_to_the_next() -> None:
    async with serving(MemorySource(many(250))) as page:
        _, text = await page.get()
        assert text.count("<tr>") == 101
        (following,) = re.findall(r'href="([^"]*)" rel="next"', text)
        _, last = await page.get(following.removeprefix(ROOT).replace("100", "200"))
        assert (last.count("<tr>"), "Next page" in last) == (51, False)


async def test_list_is_filtered_by_phase_and_namespace() -> None:
    async with serving(MemorySource([failed(), retrying()])) as page:
        _, text = await page.get("/?phase=Failed&phase=PartiallySent")
        assert ("order-1" in text, "Checkout is failing" in text, text.count("<tr>")) == (True, False, 2)
        assert 'aria-current="page">Failed' in text
        _, other = await page.get("/?namespace=elsewhere")
        assert "No notification meets these filters." in other


async def test_single_notification_shows_channels_and_timeline() -> None:
    async with serving(MemorySource([retrying()])) as page:
        status, text = await page.get("/n/shop/order-1")
        assert status == 200
        for part in (
            "Checkout is failing",
            "Waiting",
            "attempt 1 failed",
            "503 from Slack",
            "circuit breaker",
        ):
            assert part in text


def events(*kinds: str) -> list[dict[str, Any]]:
    """Return the notifications of an incident, the latest first, each with one of another incident after it."""
    result = []
    for number, kind in reversed(list(enumerate(kinds))):
        created = format_time(START + timedelta(minutes=number))
        for key, event in (("disk", kind), (f"other-{number}", "Trigger")):
            metadata = {"name": f"{key}-n{number}", "creationTimestamp": created}
            spec = {"dedupKey": key, "event": event, "subject": f"about {key}"}
            result.append(stored(metadata=metadata, spec=spec, status=failed()["status"]))
    return result


async def test_list_shows_the_notifications_of_an_incident_together_and_in_order() -> None:
    others = ["other-2-n2", "other-1-n1", "other-0-n0"]
    async with serving(MemorySource([*events("Trigger", "Acknowledge", "Resolve")])) as page:
        for path in ("/", "/?phase=Failed"):
            _, text = await page.get(path)
            names = re.findall(r">(Incident [^<]*|(?:disk|other-\d)-n\d)<", text)
            assert names == ["Incident disk", "disk-n0", "disk-n1", "disk-n2", *others]
        (subject,) = [row[-1] for row in cells(text) if row[0].startswith("disk-n2")]
        assert subject == "Resolve about disk"


async def test_page_of_a_notification_shows_its_incident_and_follows_it() -> None:
    async with serving(MemorySource(events("Trigger", "Resolve", "Trigger"))) as page:
        _, text = await page.get("/n/shop/disk-n1")
        assert re.search(r"<h2>Incident <span[^>]*>disk</span> open</h2>", text)
        shown = [row[1:4] for row in cells(text) if row[2:3] and row[2].startswith("disk")]
        assert shown == [
            ["Trigger", "disk-n0", "Failed"],
            ["Resolve", "disk-n1", "Failed"],
            ["Trigger", "disk-n2", "Failed"],
        ]
        links = [f'href="{ROOT}/n/shop/disk-n{number}"' in text for number in range(3)]
        assert links == [True, False, True]
        (follow,) = re.findall(r'data-events="([^"]*)"', text)
        assert {"incident=disk", "version=8"} <= set(unescape(follow).partition("?")[2].split("&"))


async def test_command_to_send_again_is_shown_unless_the_incident_is_resolved() -> None:
    for kinds, shown in (
        (("Trigger", "Resolve"), {0: False, 1: True}),
        (("Trigger", "Resolve", "Trigger"), {0: True, 2: True}),
    ):
        async with serving(MemorySource(events(*kinds))) as page:
            for number, offered in shown.items():
                _, text = await page.get(f"/n/shop/disk-n{number}")
                assert (f"notif replay disk-n{number}" in text) is offered, (kinds, number)


async def test_incident_is_left_out_where_it_cannot_be_listed() -> None:
    for error in (ApiError("denied", status=403), ApiError("old", unselectable=True)):
        source = Source(Unlisted(error), None)  # type: ignore[arg-type]  # by its interface
        assert (await source.incident("shop", "disk")).objects == ()
    with pytest.raises(ApiError, match="broken"):
        await Source(Unlisted(ApiError("broken", status=500)), None).incident("shop", "disk")  # type: ignore[arg-type]


class Unlisted:
    """Notifications that no listing returns."""

    receivers = None

    def __init__(self, error: ApiError) -> None:
        self._error = error
        self.notifications = self

    def pages(self, _selection: object, *, limit: int) -> Never:
        assert limit
        raise self._error


async def test_failed_tab_has_the_reasons_and_the_command_to_send_again() -> None:
    async with serving(MemorySource([failed(), partial(), retrying()])) as page:
        _, text = await page.get("/?phase=Failed&phase=PartiallySent&receiver=checkout&labels=a%3Db")
        assert "PartialDeliverySuccess: Delivered to 1 of 5 targets" in text
        command = (
            "notif redrive -A --phase Failed --phase PartiallySent --receiver checkout -l a=b --context dev"
        )
        assert f">{command}</pre>" in text
        _, everything = await page.get("/?phase=Failed&phase=PartiallySent")
        assert "AllDeliveriesFailed: Not delivered; slack failed permanently" in everything
        assert everything.count("<tr>") == 3
        assert ">notif redrive -A --phase Failed --phase PartiallySent --context dev</pre>" in everything
        for path in ("/", "/?phase=Sent", "/?phase=Failed&namespace=elsewhere"):
            assert "redrive" not in (await page.get(path))[1], path


def test_command_on_the_page_is_one_word_per_value_whatever_it_contains() -> None:
    chosen = Filter(namespace="$(id)", labels="a in (b); rm -rf ~", receiver="`x`\n", phases=["Failed"])
    words = shlex.split(Hints(("--context", "my dev")).redrive(chosen))
    assert words == [
        *("notif", "redrive", "-n", "$(id)", "--phase", "Failed", "--receiver", "`x` "),
        *("-l", "a in (b); rm -rf ~", "--context", "my dev"),
    ]


async def test_targets_have_state_attempts_reason_time_and_message() -> None:
    async with serving(MemorySource([partial()], nrecvs=[sick_receiver()])) as page:
        _, text = await page.get("/n/shop/order-2")
        rows = {row[0]: row[1:] for row in cells(text) if len(row) == 8}
        assert rows == {
            "slack/checkout": ["Delivered", "1", "", "2026-03-01 12:00:00", "", "C0123/1.1", ""],
            "pagerduty/platform/on-call": [
                *("Refused", "1", "ReceiverNotAllowed", "", "", "", "403 from PagerDuty")
            ],
            "email/mail#1f3a9c20": ["Suppressed", "1", "RateLimited", "", "", "", ""],
            "sms/phone": ["Expired", "1", "", "", "", "", ""],
            "teams/chat": ["Exhausted", "1", "", "", "", "", "503 from Teams"],
        }
        assert f'href="{ROOT}/r/shop/checkout"' in text
        assert ">notif replay order-2 -n shop --context dev</pre>" in text


async def test_receivers_are_listed_with_health_and_problem() -> None:
    others = [stored_receiver(f"n{number:03}", namespace="other") for number in range(120)]
    async with serving(MemorySource(nrecvs=[sick_receiver(), *others])) as page:
        status, text = await page.get("/receivers")
        assert (status, text.count("<tr>")) == (200, 101)
        assert cells(text)[0] == [
            *("checkout shop, default", "slack", "True", "False (CircuitOpen)", "7", "5m ago"),
            "The circuit breaker is open: 503",
        ]
        assert 'aria-current="page">Receivers' in text
        (following,) = re.findall(r'href="([^"]*)" rel="next"', text)
        assert (await page.get(following.removeprefix(ROOT)))[1].count("<tr>") == 22
        assert (await page.get("/receivers?namespace=shop"))[1].count("<tr>") == 2
        assert "There is no receiver in namespace none." in (await page.get("/receivers?namespace=none"))[1]


async def test_single_receiver_shows_all_that_its_status_says() -> None:
    async with serving(MemorySource(nrecvs=[sick_receiver(), stored_receiver("fresh")])) as page:
        status, text = await page.get("/r/shop/checkout")
        assert status == 200
        for part in (
            "Ready True, Healthy False (CircuitOpen)",
            "The checkout team",
            "mail after 15m",
            "5 messages in 1m",
            "<dt>Failures in a row</dt><dd>7</dd>",
            "<dt>Last success</dt><dd>2026-03-01 12:00:00 UTC, 5m ago</dd>",
            "Open, probe in 20s",
            "operator-a",
            "Failed, requested t: 401",
            "receiver=shop%2Fcheckout",
            ">notif test checkout -n shop --wait --context dev</pre>",
        ):
            assert part in text, part
        _, fresh = await page.get("/r/shop/fresh")
        assert "No operator has reported about it yet." in fresh
        status, text = await page.get("/r/shop/absent")
        assert (status, "there is no receiver absent" in text) == (404, True)


async def test_list_is_filtered_by_receiver() -> None:
    async with serving(MemorySource([retrying(), partial()])) as page:
        _, text = await page.get("/?receiver=shop/checkout")
        assert ("order-2" in text, "order-1" in text, text.count("<tr>")) == (True, False, 2)
        assert 'name="receiver" value="shop/checkout"' in text


async def test_page_of_a_receiver_reads_a_bounded_number_of_notifications() -> None:
    named = [
        stored(metadata={"name": f"n{n:04}"}, spec={"receiverRefs": [{"name": "a"}]}) for n in range(130)
    ]
    others = [stored(metadata={"name": f"z{n:04}"}) for n in range(3 * MOST_SCANNED)]
    reader = PagedReader([*named, *others])
    source = Source(reader, None)  # type: ignore[arg-type]  # by its interface
    first = await source.page(Filter(receiver="a"), "")
    assert (len(first.objects), first.scanned) == (100, 100)
    second = await source.page(Filter(receiver="a"), first.next)
    assert len(second.objects) == 30
    assert MOST_SCANNED <= second.scanned < MOST_SCANNED + PAGE
    assert second.next
    with pytest.raises(CliError, match="filter for a receiver: 'a/b/c' is no receiver"):
        await source.page(Filter(receiver="a/b/c"), "")


class PagedReader:
    """Notifications behind the interface that a source reads."""

    receivers = None

    def __init__(self, objects: list[dict[str, Any]]) -> None:
        self._objects = objects
        self.notifications = self

    async def page(self, _selection: object, *, limit: int, start: str) -> Page:
        first = int(start or 0)
        last = first + limit
        return Page(items=self._objects[first:last], next=str(last) if last < len(self._objects) else "")


async def test_missing_right_to_list_receivers_leaves_everything_else() -> None:
    source = MemorySource([partial()], denied_receivers="missing right: user a may not list receivers")
    async with serving(source) as page:
        for path in ("/receivers", "/r/shop/checkout"):
            status, text = await page.get(path)
            assert (status, "missing right: user a may not list receivers" in text) == (403, True)
            assert f'href="{ROOT}/?"' in text
        assert [(await page.get(path))[0] for path in ("/", "/n/shop/order-2")] == [200, 200]


async def test_page_has_at_most_100_kilobytes_whatever_its_texts_are() -> None:
    objects = many(100, subject="&" * 500)
    for obj in objects:
        obj["status"] |= {"reason": "&" * 200, "message": "&" * 1000}
    hostile = [
        stored_receiver(
            f"n{n:03}" + "x" * 59,
            namespace="s" * 63,
            status=reported(healthy="False", reason="&" * 500, message="&" * 1000),
        )
        for n in range(100)
    ]
    for number, obj in enumerate(objects):
        obj["spec"] |= {"dedupKey": f"{min(number // 2, 25):02}" + "&" * 253, "event": "Acknowledge"}
    long = retrying(subject="&" * 500, dedupKey=objects[0]["spec"]["dedupKey"])
    long["status"]["deliveryAttempts"] = [
        attempt("slack", n, 31 * n, error="&" * 2000) for n in range(1, 100)
    ]
    async with serving(MemorySource([*objects, long], nrecvs=hostile)) as page:
        for path in (
            *("/", "/?phase=Failed&phase=PartiallySent", "/n/shop/order-1", "/receivers"),
            *(f"/r/{'s' * 63}/{hostile[0]['metadata']['name']}", "/static/style.css", "/static/live.js"),
        ):
            status, text = await page.get(path)
            assert (status, len(text.encode()) <= 100_000) == (200, True), (path, len(text.encode()))


async def test_texts_of_others_are_escaped() -> None:
    obj = retrying(subject=HOSTILE, dedupKey=HOSTILE)
    obj["status"]["deliveryAttempts"][1]["error"] = HOSTILE
    obj["status"]["message"] = HOSTILE
    obj["metadata"]["labels"] = {"a": HOSTILE}
    receiver = sick_receiver()
    receiver["spec"]["description"] = HOSTILE
    receiver["status"] |= {"lastError": HOSTILE, "secretVersion": HOSTILE}
    receiver["status"]["conditions"][2] |= {"reason": HOSTILE, "message": HOSTILE}
    async with serving(MemorySource([obj], nrecvs=[receiver])) as page:
        for path in (
            *("/", "/n/shop/order-1", "/receivers", "/r/shop/checkout", "/?phase=Failed"),
            *(f"/?labels={HOSTILE[:20]}", f"/?receiver={HOSTILE[:20].replace('/', '')}"),
        ):
            _, text = await page.get(path)
            assert "<script>alert" not in text
            assert "\x1b" not in text


async def test_page_loads_nothing_from_elsewhere_and_has_no_inline_code() -> None:
    async with serving(MemorySource([retrying()])) as page:
        for path in ("/", "/n/shop/order-1"):
            _, text = await page.get(path)
            assert not re.findall(r'(?:src|href)="(?:https?:)?//', text)
            assert not re.findall(r"<script(?! src=)|<style|\son\w+=|\sstyle=", text)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "rebound.example"}, 421),
        ({"Host": "127.0.0.1"}, 421),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}, 200),
        ({"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors"}, 200),
        ({}, 200),
    ],
)
async def test_requests_of_other_sites_are_refused(headers: dict[str, str], status: int) -> None:
    async with serving(MemorySource([retrying()])) as page:
        for path in ("/", "/n/shop/order-1", "/static/live.js"):
            assert (await page.get(path, headers=headers))[0] == status


async def test_page_is_read_only_and_its_path_is_secret() -> None:
    async with serving(MemorySource()) as page:
        for method in ("POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
            assert (await page.get(method=method))[0] == 405
        async with page.session.get(f"http://127.0.0.1:{page.port}/") as response:
            assert (response.status, ROOT in await response.text()) == (404, False)
        assert (await page.get("/static/../serve.py"))[0] == 404


async def test_every_response_forbids_foreign_content_and_frames() -> None:
    async with serving(MemorySource()) as page:
        for path in ("/", "/nothing", "/n/a/b", "/static/style.css"):
            async with page.session.get(f"http://127.0.0.1:{page.port}{ROOT}{path}") as response:
                policy = response.headers["Content-Security-Policy"]
                assert "default-src 'none'" in policy
                assert "frame-ancestors 'none'" in policy
                assert "unsafe" not in policy


async def test_change_is_announced_and_ends_the_stream() -> None:
    source = MemorySource([retrying()])
    async with serving(source) as page:
        stream = asyncio.ensure_future(page.get("/events?version=7"))
        while not source.watches:  # noqa: ASYNC110 - the server's state
            await asyncio.sleep(0.01)
        assert not stream.done()
        source.changed.set()
        status, text = await stream
        assert (status, text) == (200, "retry: 3000\n\nevent: change\ndata: \n\n")


async def test_page_of_a_receiver_follows_this_receiver() -> None:
    source = MemorySource(nrecvs=[sick_receiver()])
    async with serving(source, namespace="mine") as page:
        _, text = await page.get("/r/shop/checkout")
        (events,) = re.findall(r'data-events="([^"]*)"', text)
        assert "version=9" in events
        stream = asyncio.ensure_future(page.get(unescape(events).removeprefix(ROOT)))
        while not source.watched:  # noqa: ASYNC110 - the server's state
            await asyncio.sleep(0.01)
        source.changed.set()
        assert "event: change" in (await stream)[1]
    assert [(each.namespace, each.name) for each in source.watched] == [("shop", "checkout")]


@pytest.mark.parametrize(("status", "at_once"), [(410, True), (403, False), (None, False)])
async def test_only_an_expired_version_is_read_again_at_once(
    status: int | None, *, at_once: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("notification_cli.web.application.GATHER_SECONDS", 0.0)
    monkeypatch.setattr("notification_cli.web.application.HEARTBEAT_SECONDS", 0.02)
    source = MemorySource([retrying()], broken_watch=ApiError("refused", status=status))
    async with serving(source) as page, page.session.get(page.url("/events?version=7")) as response:
        lines = [await response.content.readline() for _ in range(4)]
        assert (b"event: change\n" in lines) is at_once
        assert (b":\n" in lines) is not at_once


async def test_closed_page_ends_its_watch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("notification_cli.web.application.HEARTBEAT_SECONDS", 0.02)
    source = MemorySource()
    async with serving(source) as page:
        async with page.session.get(f"http://127.0.0.1:{page.port}{ROOT}/events") as response:
            await response.content.readline()
            assert source.watches == 1
        async with asyncio.timeout(5):
            while source.watches:  # noqa: ASYNC110 - the server's state
                await asyncio.sleep(0.01)


async def test_refusal_and_absence_are_pages_with_the_reason() -> None:
    source = MemorySource(denied="missing right: user a may not list notificationrequests")
    async with serving(source) as page:
        status, text = await page.get()
        assert (status, "missing right: user a may not list" in text) == (403, True)
        status, text = await page.get("/n/shop/absent")
        assert (status, "there is no notification absent" in text) == (404, True)


async def test_page_for_one_namespace_shows_no_other() -> None:
    async with serving(MemorySource([retrying()]), namespace="mine") as page:
        _, text = await page.get("/?namespace=shop")
        assert "order-1" not in text
        assert (await page.get("/n/shop/order-1"))[0] == 404


def test_text_is_cut_by_characters_and_by_bytes() -> None:
    assert fit("abc", 3, 100) == "abc"
    assert fit("abcd", 3, 100) == "abc…"
    assert len(fit("&" * 100, 100, 50)) <= 11
