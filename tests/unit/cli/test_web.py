"""The page of `notif web`: what it shows, how large it is, and whom it refuses."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest

from notification_cli.web.pages import fit
from tests.unit.cli.page import ROOT, MemorySource, serving
from tests.unit.cli.samples import attempt, failed, retrying
from tests.unit.operator.domain.builders import stored

HOSTILE = "<script>alert('&')</script>\"\x1b[2J\u202e"


def many(count: int, **spec: str) -> list[dict[str, Any]]:
    return [
        stored(metadata={"name": f"n{number:05}" + "x" * 247}, spec=spec, status=failed()["status"])
        for number in range(count)
    ]


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
        assert ("AllDeliveriesFailed" in text, text.count("<tr>")) == (False, 2)
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


async def test_page_has_at_most_100_kilobytes_whatever_its_texts_are() -> None:
    objects = many(100, subject="&" * 500)
    long = retrying(subject="&" * 500)
    long["status"]["deliveryAttempts"] = [
        attempt("slack", n, 31 * n, error="&" * 2000) for n in range(1, 100)
    ]
    async with serving(MemorySource([*objects, long])) as page:
        for path in ("/", "/n/shop/order-1", "/static/style.css", "/static/live.js"):
            status, text = await page.get(path)
            assert (status, len(text.encode()) <= 100_000) == (200, True), (path, len(text.encode()))


async def test_texts_of_others_are_escaped() -> None:
    obj = retrying(subject=HOSTILE)
    obj["status"]["deliveryAttempts"][1]["error"] = HOSTILE
    obj["status"]["message"] = HOSTILE
    obj["metadata"]["labels"] = {"a": HOSTILE}
    async with serving(MemorySource([obj])) as page:
        for path in ("/", "/n/shop/order-1", f"/?labels={HOSTILE[:20]}"):
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
        assert (status, "missing right: user a may not list" in text) == (502, True)
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
