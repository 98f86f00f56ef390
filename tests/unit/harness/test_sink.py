"""The receivers of the sink: each kind of answer, and a complete record of all requests."""

import asyncio
import time
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from tests.harness.eventually import eventually
from tests.harness.sink.app import Sink
from tests.harness.sink.sequences import Bounded
from tests.harness.sink_client import SlackSink, WebhookSink
from tests.unit.harness.conftest import RunningSink
from tests.unit.harness.stalled import stall


def slack_message(subject: str, body: str = "a body") -> dict[str, Any]:
    return {
        "blocks": [
            {"type": "header", "text": {"type": "plain_text", "text": f"📢 {subject}", "emoji": True}},
            {"type": "section", "text": {"type": "mrkdwn", "text": body}},
        ]
    }


def notification(subject: str, uid: str = "") -> dict[str, Any]:
    return {"metadata": {"name": "n", "namespace": "ns", "uid": uid}, "spec": {"subject": subject}}


async def send(
    sink: RunningSink, subject: str, *, kind: str = "slack", uid: str = "u", seconds: float = 5.0
) -> tuple[int, str, dict[str, str]]:
    async with sink.session.post(
        f"{sink.base}/{kind}/shipped",
        json=slack_message(subject),
        headers={"Idempotency-Key": f"{uid}:{kind}:1"},
        timeout=aiohttp.ClientTimeout(total=seconds),
    ) as answer:
        return answer.status, await answer.text(), dict(answer.headers)


async def of_slack(sink: RunningSink, about: Any = None) -> list[dict[str, Any]]:
    return await asyncio.to_thread(SlackSink(sink.base, "shipped").hits, about)


async def script(sink: RunningSink, about: Any, *answers: dict[str, Any]) -> None:
    await asyncio.to_thread(SlackSink(sink.base, "shipped").answer, about, *answers)


async def test_unscripted_request_succeeds_and_is_recorded(sink: RunningSink) -> None:
    before = time.time()
    assert (await send(sink, "a disk is full", uid="uid-1"))[:2] == (200, "ok")
    (hit,) = await of_slack(sink)
    assert (hit["method"], hit["path"], hit["code"], hit["completed"]) == (
        "POST",
        "/slack/shipped",
        200,
        True,
    )
    assert hit["json"] == slack_message("a disk is full")
    assert hit["headers"]["Idempotency-Key"] == "uid-1:slack:1"
    assert hit["key"] == "📢 a disk is full"
    assert before <= hit["at"] <= hit["ended"] <= time.time()


async def test_answers_are_given_in_order_and_the_last_one_repeats(sink: RunningSink) -> None:
    answers: list[dict[str, Any]] = [
        {"code": 503},
        {"code": 429, "headers": {"Retry-After": "7"}, "body": "slow down"},
        {},
    ]
    await script(sink, notification("flaky"), *answers)
    assert (await send(sink, "flaky"))[:2] == (503, "service_unavailable")
    code, body, headers = await send(sink, "flaky")
    assert (code, body, headers["Retry-After"]) == (429, "slow down", "7")
    assert [(await send(sink, "flaky"))[:2] for _ in range(2)] == [(200, "ok")] * 2
    assert [hit["code"] for hit in await of_slack(sink)] == [503, 429, 200, 200]


async def test_script_applies_to_requests_with_its_token_in_the_header(sink: RunningSink) -> None:
    await script(sink, "run 17", {"code": 500})
    assert (await send(sink, "run 17, number 1"))[0] == 500
    assert (await send(sink, "run 18"))[0] == 200
    elsewhere = slack_message("another", body="about run 17")
    async with sink.session.post(f"{sink.base}/slack/shipped", json=elsewhere) as answer:
        assert answer.status == 200
    await script(sink, "run 17")
    assert (await send(sink, "run 17, number 2"))[0] == 200


@pytest.mark.parametrize(
    ("answer", "code", "body"),
    [
        ({"code": 200, "body": '{"ok": tr'}, 200, b'{"ok": tr'),
        ({"code": 200, "body": ""}, 200, b""),
        ({"code": 500, "body": 'say "no"\n\t\\ 故障'}, 500, 'say "no"\n\t\\ 故障'.encode()),
        ({"code": 502, "body_base64": "//4A"}, 502, b"\xff\xfe\x00"),
        ({"code": 410}, 410, b"service_unavailable"),
    ],
)
async def test_answer_can_have_any_code_and_body(
    sink: RunningSink, answer: dict[str, Any], code: int, body: bytes
) -> None:
    await script(sink, "odd", answer)
    async with sink.session.post(f"{sink.base}/slack/shipped", json=slack_message("odd")) as values:
        assert (values.status, await values.read()) == (code, body)


@pytest.mark.parametrize("body", [b"{", b"\xff\xfe", b"[]", b""])
async def test_body_that_is_no_json_object_is_rejected(sink: RunningSink, body: bytes) -> None:
    async with sink.session.post(f"{sink.base}/slack/shipped", data=body) as answer:
        assert (answer.status, await answer.text()) == (400, "invalid_payload")
    (hit,) = await of_slack(sink)
    assert (hit["code"], hit["json"] if body != b"[]" else None) == (400, None)


async def test_requests_of_a_notification_are_found_by_its_uid(sink: RunningSink) -> None:
    for uid in ("first", "second", "second"):
        await send(sink, "the same subject", uid=uid)
    assert len(await of_slack(sink, notification("the same subject"))) == 3
    assert len(await of_slack(sink, notification("the same subject", uid="second"))) == 2
    assert await of_slack(sink, notification("the same subject", uid="third")) == []


async def test_subject_in_several_header_blocks_is_one_text(sink: RunningSink) -> None:
    parts = ["📢 " + "a" * 148, "b" * 150, "end"]
    blocks = [{"type": "header", "text": {"type": "plain_text", "text": part}} for part in parts]
    await script(sink, notification("a" * 148 + "b" * 150 + "end"), {"code": 500})
    async with sink.session.post(f"{sink.base}/slack/shipped", json={"blocks": blocks}) as answer:
        assert answer.status == 500


async def test_delayed_answer_is_an_open_hit_until_it_is_sent(sink: RunningSink) -> None:
    await script(sink, "slow", {"delay": 0.4})
    start = time.monotonic()
    sending = asyncio.create_task(send(sink, "slow", uid="uid-2"))
    about = notification("not looked at", uid="uid-2")
    hit = await asyncio.to_thread(SlackSink(sink.base, "shipped").hit, about)
    assert (hit["code"], hit["ended"], hit["completed"]) == (None, None, False)
    assert (await sending)[0] == 200
    assert time.monotonic() - start >= 0.4
    (hit,) = await of_slack(sink, about)
    assert (hit["code"], hit["completed"]) == (200, True)


async def test_answer_is_recorded_before_the_sender_gets_it(
    sink: RunningSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    released = stall(monkeypatch, web.Response, "write_eof")
    assert (await send(sink, "quick"))[0] == 200
    (hit,) = await of_slack(sink)
    assert (hit["code"], hit["completed"]) == (200, True)
    assert hit["ended"]
    released.set()


async def test_answer_that_was_not_written_is_a_hit_without_a_code(
    sink: RunningSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def cut(_response: web.Response, *_data: bytes) -> None:
        raise ConnectionResetError

    monkeypatch.setattr(web.Response, "write_eof", cut)
    with pytest.raises((aiohttp.ClientError, TimeoutError)):
        await send(sink, "cut", seconds=1)
    monkeypatch.undo()
    (hit,) = await of_slack(sink)
    assert (hit["code"], hit["completed"]) == (None, False)
    assert hit["ended"]


@pytest.mark.parametrize("then", [(), ({"code": 503},)], ids=["removed", "replaced"])
async def test_held_answer_is_given_when_its_script_is_replaced(
    sink: RunningSink, then: tuple[dict[str, Any], ...]
) -> None:
    await script(sink, "held", {"held": True})
    sending = [asyncio.create_task(send(sink, "held")) for _ in range(2)]
    await asyncio.to_thread(
        eventually, lambda: SlackSink(sink.base, "shipped").hits("held"), lambda hits: len(hits) == 2
    )
    assert [hit["completed"] for hit in await of_slack(sink)] == [False, False]
    await script(sink, "held", *then)
    assert [(await each)[0] for each in sending] == [200, 200]
    assert (await send(sink, "held"))[0] == (503 if then else 200)


async def test_unanswered_request_stays_open_until_the_sender_aborts_it(
    sink: RunningSink,
) -> None:
    await script(sink, "silence", {"never": True})
    with pytest.raises(TimeoutError):
        await send(sink, "silence", seconds=0.3)
    (hit,) = await asyncio.to_thread(
        eventually, lambda: SlackSink(sink.base, "shipped").hits("silence"), lambda hits: hits[0]["ended"]
    )
    assert (hit["code"], hit["completed"]) == (None, False)
    assert 0.2 <= hit["ended"] - hit["at"] < 2
    assert (await send(sink, "speech"))[0] == 200


async def test_dropped_connection_is_a_hit_without_a_code(sink: RunningSink) -> None:
    await script(sink, "cut", {"drop": True}, {"drop": True, "delay": 0.1}, {})
    for _ in range(2):
        with pytest.raises((aiohttp.ServerDisconnectedError, aiohttp.ClientOSError)):
            await send(sink, "cut")
    assert (await send(sink, "cut"))[0] == 200
    hits = await of_slack(sink, "cut")
    assert [(hit["code"], hit["completed"]) for hit in hits] == [(None, False), (None, False), (200, True)]
    assert all(hit["ended"] for hit in hits)


async def test_connections_are_counted_with_their_requests(sink: RunningSink) -> None:
    slack = SlackSink(sink.base, "shipped")
    async with aiohttp.ClientSession() as session:
        other = RunningSink(sink.base, session)
        for _ in range(3):
            await send(other, "kept alive")
        await script(sink, "together", {"delay": 0.2})
        await asyncio.gather(*(send(other, "together") for _ in range(2)))
        before = await asyncio.to_thread(slack.connections)
        assert sorted(connection["requests"] for connection in before) == [1, 4]
        assert [connection["closed"] for connection in before] == [None, None]
    after = await asyncio.to_thread(
        eventually, slack.connections, lambda result: all(connection["closed"] for connection in result)
    )
    assert all(connection["opened"] <= connection["closed"] for connection in after)
    used = {hit["connection"] for hit in await of_slack(sink)}
    assert used == {connection["id"] for connection in after}


async def test_operators_and_receiver_kinds_are_separate(sink: RunningSink) -> None:
    webhook = WebhookSink(sink.base, "shipped")
    await asyncio.to_thread(webhook.answer, "number 7", {"code": 404})
    payload = {"text": "about number 7"}
    async with sink.session.post(f"{sink.base}/webhook/shipped", json=payload) as answer:
        assert answer.status == 404
    await send(sink, "number 7")
    async with sink.session.post(f"{sink.base}/slack/scripted", json=slack_message("number 7")) as answer:
        assert answer.status == 200
    assert [hit["json"] for hit in await asyncio.to_thread(webhook.hits, "number 7")] == [payload]
    assert [hit["path"] for hit in await of_slack(sink)] == ["/slack/shipped"]
    (connection,) = await asyncio.to_thread(webhook.connections)
    assert connection["requests"] == 1


async def test_invalid_script_is_rejected_with_the_reason(sink: RunningSink) -> None:
    with pytest.raises(AssertionError, match=r"(?s)answered 400.*answers\.0\.cod.*Extra inputs"):
        await script(sink, "typo", {"cod": 500})
    with pytest.raises(AssertionError, match=r"(?s)answered 400.*greater than or equal to 200"):
        await script(sink, "typo", {"code": 5})


async def test_stopping_sink_aborts_open_requests() -> None:
    server = Sink()
    port = await server.start("127.0.0.1", 0)
    async with aiohttp.ClientSession() as session:
        sink = RunningSink(f"http://127.0.0.1:{port}", session)
        async with session.get(f"{sink.base}/healthz") as answer:
            assert await answer.text() == "ok"
        await script(sink, "silence", {"never": True})
        sending = asyncio.create_task(send(sink, "silence"))
        await asyncio.to_thread(SlackSink(sink.base, "shipped").hit, "silence")
        async with asyncio.timeout(2):
            await server.stop()
        with pytest.raises(aiohttp.ClientError):
            await sending


def test_oldest_items_are_dropped_beyond_count_and_size() -> None:
    by_number: Bounded[str] = Bounded(count=3, size=1000, weigh=len)
    by_size: Bounded[str] = Bounded(count=1000, size=10, weigh=len)
    for item in ("aaaa", "bbbb", "c", "dddd", "e"):
        by_number.add(item)
        by_size.add(item)
    assert list(by_number) == ["c", "dddd", "e"]
    assert list(by_size) == ["bbbb", "c", "dddd", "e"]
    by_size.add("far too large")
    assert len(by_size) == 0
