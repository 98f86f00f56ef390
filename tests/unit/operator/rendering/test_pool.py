"""Rendering in other threads: namespaces take turns, and no attempt pays for the rendering of another."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from notification_contract.kinds.choices import BodyFormat
from notification_operator.delivery.channel import Channel, Receipt, Transient
from notification_operator.endpoints.attempt import call
from notification_operator.rendering.compose import MAX_INLINE
from notification_operator.rendering.pool import THREADS, RenderingError, RenderingPool
from tests.unit.operator.channels.receivers import composer, message

if TYPE_CHECKING:
    from collections.abc import Callable

    from notification_operator.delivery.channel import Message
    from notification_operator.rendering.compose import Composer


class Gate:
    """Work that waits in its thread until the gate opens."""

    def __init__(self) -> None:
        self.opened = threading.Event()
        self.running = 0
        self.most = 0
        self.order: list[str] = []
        self._lock = threading.Lock()

    def work(self, name: str = "") -> Callable[[], str]:
        def wait() -> str:
            with self._lock:
                self.running += 1
                self.most = max(self.most, self.running)
                self.order.append(name)
            assert self.opened.wait(30)
            with self._lock:
                self.running -= 1
            return name

        return wait

    async def started(self, count: int) -> None:
        while len(self.order) < count:  # noqa: ASYNC110 - threads report, without an event
            await asyncio.sleep(0.001)


class Composing(Channel):
    """A channel that composes its message, and then takes so many seconds."""

    def __init__(self, texts: Composer, seconds: float = 0.0) -> None:
        self._composer = texts
        self._seconds = seconds

    async def deliver(self, message: Message) -> Receipt:
        await self._composer.compose(message, lambda text, _form: text)
        await asyncio.sleep(self._seconds)
        return Receipt()


async def test_namespace_has_one_thread_at_a_time() -> None:
    pool, gate = RenderingPool(), Gate()
    loud = [asyncio.create_task(pool.run("loud", gate.work(f"loud {number}"))) for number in range(5)]
    await gate.started(1)
    quiet = asyncio.create_task(pool.run("quiet", gate.work("quiet")))
    await gate.started(2)
    assert gate.order == ["loud 0", "quiet"]
    gate.opened.set()
    assert await asyncio.gather(*loud, quiet) == [*(f"loud {number}" for number in range(5)), "quiet"]
    assert gate.most == THREADS


async def test_error_of_the_work_reaches_its_caller() -> None:
    def fail() -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await RenderingPool().run("shop", fail)


async def test_cancelled_caller_gives_its_thread_to_nobody_before_the_work_ends() -> None:
    pool, gate = RenderingPool(), Gate()
    tasks = [asyncio.create_task(pool.run(f"n-{number}", gate.work())) for number in range(THREADS)]
    await gate.started(THREADS)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    later = asyncio.create_task(pool.run("shop", lambda: "done"))
    await asyncio.sleep(0)
    assert not later.done()
    gate.opened.set()
    assert await later == "done"


async def test_message_that_is_not_rendered_in_time_is_sent_shortened() -> None:
    gate = Gate()
    composing = composer(pool=RenderingPool(seconds=0.05))

    def render(text: str, form: BodyFormat) -> str:
        if form is BodyFormat.MARKDOWN:
            gate.work()()
        return f"{form}: {text}"

    sent = message(body="x" * (MAX_INLINE + 1), format="Markdown")
    composed = await composing.compose(sent, render)
    gate.opened.set()
    assert composed.body == "Plain: " + "x" * MAX_INLINE
    assert composed.note == "the message was shortened: not rendered within 0.05 s"


async def test_work_that_takes_too_long_is_an_error() -> None:
    gate = Gate()
    with pytest.raises(RenderingError):
        await RenderingPool(seconds=0.01).run("shop", gate.work())
    gate.opened.set()


async def test_attempt_does_not_time_out_while_others_are_rendered() -> None:
    pool, gate = RenderingPool(), Gate()
    others = [asyncio.create_task(pool.run(f"n-{number}", gate.work())) for number in range(THREADS)]
    await gate.started(THREADS)
    sent = replace(message(), format=BodyFormat.MARKDOWN)
    attempt = asyncio.create_task(call(Composing(composer(pool=pool)), sent, seconds=0.1, target="t"))
    await asyncio.sleep(0.3)
    gate.opened.set()
    await asyncio.gather(*others)
    assert await attempt == Receipt()


async def test_attempt_times_out_after_its_message_is_composed() -> None:
    sent = replace(message(), format=BodyFormat.MARKDOWN)
    result = await call(Composing(composer(), seconds=60), sent, seconds=0.05, target="t")
    assert isinstance(result, Transient)
    assert str(result) == "timed out after 0.05 s"
