"""Redaction of content: once, without a stall of the event loop, and never without a result that is safe to send."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from notification_operator.domain.model import Content
from notification_operator.domain.redaction.redact import Rules, redact_content, redact_content_counted
from notification_operator.domain.redaction.redactor import Redactor
from notification_operator.domain.redaction.rules import RULES
from notification_operator.endpoints import redaction as content_redaction
from notification_operator.endpoints.redaction import (
    LARGE_CONTENT_BYTES,
    ON_LOOP,
    WITHHELD,
    ContentRedaction,
    without_text,
)
from tests.cases import some
from tests.kit.hostile_texts import UNITS, filled

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

LARGEST = 262_144
BEAT = 0.002
MISSED = 0.5
"""Seconds without a beat that other tasks notice: renewals of the Lease, and probes."""
LONGEST_STALL = 0.8
"""As a part of the whole time: one rule may hold the interpreter for most of it."""


def content(body: str) -> Content:
    return Content(type="simple", priority="low", subject="password=hunter2x", body=body, metadata={"a": "b"})


def hostile() -> str:
    """Return the body that takes longest: every hint, then look-alikes, so that it is searched twice."""
    hints = " ".join(hint for rule in RULES for hint in rule.hints)
    return (hints + "\u0430" * LARGEST)[:LARGEST]


class Counted:
    """A redactor, and what it has counted."""

    def __init__(self) -> None:
        self.secrets: Counter[str] = Counter()
        self.redactor = Redactor(count=self.secrets.update)


@asynccontextmanager
async def heartbeat() -> AsyncIterator[list[float]]:
    """Measure how long this process computes between two beats of the event loop, in seconds.

    That is CPU time, because other processes of the machine delay the beats as well.
    """
    stalls: list[float] = []

    async def beat() -> None:
        while True:
            before = time.process_time()
            await asyncio.sleep(BEAT)
            stalls.append(time.process_time() - before)

    task = asyncio.create_task(beat())
    await asyncio.sleep(0)
    try:
        yield stalls
    finally:
        task.cancel()


async def test_small_content_is_redacted_once_without_a_thread() -> None:
    counted = Counted()
    before = threading.active_count()
    redacted = ContentRedaction(counted.redactor).of(content("token=hunter3x"))
    await redacted.prepare()
    assert threading.active_count() == before
    assert redacted.get() is redacted.get()
    assert redacted.get().body == "token=[REDACTED]"
    assert not counted.secrets, "only the copy that is delivered counts"
    redacted.count()
    assert counted.secrets == {"password": 1, "token": 1}


@pytest.mark.parametrize(
    "body",
    [hostile(), "pwd=a " * (LARGEST // 6), "password:\n " * (LARGEST // 11)],
    ids=["every hint", "secrets", "names"],
)
async def test_largest_body_does_not_stall_the_event_loop(body: str) -> None:
    raw, redaction = content(body), ContentRedaction(Counted().redactor)
    began = time.process_time()
    async with heartbeat() as stalls:
        # Several times: one takes so short a time that a busy machine may leave no beat in it.
        for _ in range(5):
            redacted = redaction.of(raw)
            await redacted.prepare()
            result = redacted.get()
    whole = time.process_time() - began
    assert result == redact_content(raw)
    assert len(stalls) > 1
    assert max(stalls) < LONGEST_STALL * whole


async def test_content_that_is_not_redacted_in_time_is_withheld(monkeypatch: pytest.MonkeyPatch) -> None:
    released, counted = threading.Event(), Counted()

    def hang(_content: Content, _rules: Rules) -> tuple[Content, Counter[str]]:
        released.wait(10)
        raise AssertionError

    monkeypatch.setattr(content_redaction, "redact_content_counted", hang)
    redaction, raw = ContentRedaction(counted.redactor, seconds=0.05), content("x" * 2 * LARGE_CONTENT_BYTES)
    for _ in range(2):
        redacted = redaction.of(raw)
        await redacted.prepare()
        redacted.count()
        assert redacted.get().subject == "[REDACTED]"
        assert redacted.get().body.startswith("[REDACTED] The text could not be redacted in time")
        assert (redacted.get().metadata, redacted.get().type) == ({}, "simple")
    assert counted.secrets == {WITHHELD: 2}
    released.set()


def test_withheld_content_keeps_what_decides_where_it_goes() -> None:
    raw = replace(
        content("token=hunter2x"),
        recipients=({"email": "ops@example.com"},),
        dedup_key="disk/full",
        labels={"team": "token=hunter2x"},
        annotations={"a": "token=hunter2x"},
        action_links=({"url": "https://x/?token=hunter2x"},),
    )
    withheld = without_text(raw)
    assert (withheld.subject, withheld.body.split()[0]) == ("[REDACTED]", "[REDACTED]")
    assert (withheld.labels, withheld.action_links) == ({}, ())
    assert (withheld.recipients, withheld.dedup_key) == (raw.recipients, "disk/full")
    assert (withheld.type, withheld.priority, withheld.event) == (raw.type, raw.priority, raw.event)
    assert "hunter2x" not in repr(withheld)
    secret = without_text(replace(raw, dedup_key="token=hunter2x"))
    assert "hunter2x" not in repr(secret)
    assert secret.dedup_key not in {"", "disk/full"}


@pytest.mark.parametrize(
    ("length", "on_loop"), [(ON_LOOP // 2, True), (ON_LOOP, False), (2 * LARGE_CONTENT_BYTES, False)]
)
async def test_only_short_content_is_redacted_on_the_event_loop(
    length: int, monkeypatch: pytest.MonkeyPatch, *, on_loop: bool
) -> None:
    threads: list[int] = []

    def watched(raw: Content, rules: Rules) -> tuple[Content, Counter[str]]:
        threads.append(threading.get_ident())
        return redact_content_counted(raw, rules)

    monkeypatch.setattr(content_redaction, "redact_content_counted", watched)
    redacted = ContentRedaction(Counted().redactor).of(content("x " * (length // 2)))
    await redacted.prepare()
    redacted.get()
    assert [thread == threading.get_ident() for thread in threads] == [on_loop]


@pytest.mark.timeout(120)
async def test_heartbeat_goes_on_while_the_largest_body_of_each_unit_is_redacted() -> None:
    redaction, bodies = ContentRedaction(Counted().redactor), [*some(UNITS), "_eyJ", "-eyJ"]
    async with heartbeat() as stalls:
        for unit in bodies:
            await redaction.of(content(filled(unit, LARGEST))).prepare()
    assert len(stalls) >= len(bodies)
    assert max(stalls) < MISSED
