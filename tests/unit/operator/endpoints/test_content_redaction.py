"""Redaction of content: once, without a stall of the event loop, and never without a result that is safe to send."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, ParamSpec, TypeVar

import pytest

from notification_contract.kinds.choices import LifecycleEvent
from notification_domain.model import Content
from notification_domain.redaction.redact import redact_content, redact_content_counted
from notification_domain.redaction.redactor import Redactor
from notification_domain.redaction.rules import RULES
from notification_domain.rendering.job import Renderer
from notification_operator.endpoints.redaction import (
    LARGE_CONTENT_BYTES,
    ON_LOOP,
    WITHHELD,
    ContentRedaction,
    without_text,
)
from notification_runtime.rendering.worker import RenderWorker, WorkerProcess
from tests.cases import some
from tests.kit.hostile_texts import UNITS, filled
from tests.unit.operator.rendering.hostile_worker import PROGRAM

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from notification_domain.rendering.job import Job

LARGEST = 262_144
BEAT = 0.002
MISSED = 0.5
"""Seconds without a beat that other tasks notice: renewals of the Lease, and probes."""

P = ParamSpec("P")
T = TypeVar("T")


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


class Noting(Renderer):
    """Notes whose jobs it computes."""

    def __init__(self) -> None:
        self.namespaces: list[str] = []

    async def run(self, namespace: str, job: Job[P, T], /, *args: P.args, **arguments: P.kwargs) -> T:
        self.namespaces.append(namespace)
        return await super().run(namespace, job, *args, **arguments)


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


async def test_small_content_is_redacted_once_without_a_worker() -> None:
    counted, renderer = Counted(), RenderWorker()
    redacted = ContentRedaction(counted.redactor, renderer).of("shop", content("token=hunter3x"))
    await redacted.prepare()
    assert redacted.get() is redacted.get()
    assert redacted.get().body == "token=[REDACTED]"
    assert not counted.secrets, "only the copy that is delivered counts"
    redacted.count()
    assert counted.secrets == {"password": 1, "token": 1}
    assert renderer.process is None


async def test_long_content_is_redacted_by_the_worker_as_it_is_here(worker: RenderWorker) -> None:
    counted = Counted()
    raw = replace(
        content("token=hunter3x \ud800 \U0001f4e6 " + "x" * ON_LOOP),
        recipients=({"email": "ops@example.com"},),
        dedup_key="password=hunter2x",
        labels={"team": "token=hunter2x"},
        annotations={"password": "hunter2"},
        action_links=({"url": "https://x/?token=hunter2x"}, {"url": "https://x/"}),
        remediation_ref="token=hunter2x",
        event=LifecycleEvent.RESOLVE,
    )
    redacted = ContentRedaction(counted.redactor, worker).of("shop", raw)
    await redacted.prepare()
    expected, counts = redact_content_counted(raw)
    assert redacted.get() == expected
    redacted.count()
    assert counted.secrets == counts
    assert worker.process is not None


@pytest.mark.parametrize(
    "body",
    [hostile(), "pwd=a " * (LARGEST // 6), "password:\n " * (LARGEST // 11)],
    ids=["every hint", "secrets", "names"],
)
async def test_largest_body_is_not_redacted_in_this_process(worker: RenderWorker, body: str) -> None:
    raw, redaction = content(body), ContentRedaction(Counted().redactor, worker)
    began = time.process_time()
    async with heartbeat() as stalls:
        redacted = redaction.of("shop", raw)
        await redacted.prepare()
    assert time.process_time() - began < MISSED
    assert max(stalls) < MISSED
    assert redacted.get() == redact_content(raw)


async def test_content_that_is_not_redacted_is_withheld() -> None:
    counted, renderer = Counted(), RenderWorker(start=partial(WorkerProcess, PROGRAM), patience=1)
    redaction, raw = (
        ContentRedaction(counted.redactor, renderer),
        content("please exit" + "x" * LARGE_CONTENT_BYTES),
    )
    redacted = redaction.of("shop", raw)
    await redacted.prepare()
    redacted.count()
    assert redacted.get().subject == "[REDACTED]"
    assert redacted.get().body.startswith("[REDACTED] The text could not be redacted in time")
    assert (redacted.get().metadata, redacted.get().type) == ({}, "simple")
    assert counted.secrets == {WITHHELD: 1}
    renderer.close()


async def test_content_is_withheld_if_the_worker_cannot_be_started() -> None:
    def fail() -> WorkerProcess:
        raise OSError("no process is left")

    redaction = ContentRedaction(Counted().redactor, RenderWorker(start=fail))
    redacted = redaction.of("shop", content("x" * ON_LOOP))
    await redacted.prepare()
    assert redacted.get().body.startswith("[REDACTED]")


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
async def test_only_short_content_is_redacted_on_the_event_loop(length: int, *, on_loop: bool) -> None:
    renderer = Noting()
    redacted = ContentRedaction(Counted().redactor, renderer).of("shop", content("x " * (length // 2)))
    await redacted.prepare()
    redacted.get()
    assert renderer.namespaces == ([] if on_loop else ["shop"])


@pytest.mark.timeout(120)
async def test_heartbeat_goes_on_while_the_largest_body_of_each_unit_is_redacted(
    worker: RenderWorker,
) -> None:
    redaction, bodies = ContentRedaction(Counted().redactor, worker), [*some(UNITS), "_eyJ", "-eyJ"]
    async with heartbeat() as stalls:
        for unit in bodies:
            await redaction.of("shop", content(filled(unit, LARGEST))).prepare()
    assert len(stalls) >= len(bodies)
    assert max(stalls) < MISSED
