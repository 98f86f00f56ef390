"""The event loop of the composition that ships, while the most expensive content of tenants is worked on."""

from __future__ import annotations

import asyncio
import resource
import threading
import time
from contextlib import contextmanager
from queue import Queue
from typing import TYPE_CHECKING, Any, Final

import pytest

from atomic_status.testing import MemoryStore
from notification_contract import bounds, names
from notification_domain.rendering.templating.templates import Template, compiled
from notification_operator.ports import ReceiverPorts
from notification_runtime.rendering.worker import RenderWorker
from notification_runtime.telemetry.gauges import Heartbeat
from tests.cases import length, some
from tests.kit.hostile_texts import filled
from tests.kit.worst_markdown import WORST
from tests.kit.worst_templates import LARGEST, times
from tests.unit.operator.channels.mail_server import mail_server
from tests.unit.operator.contract.kinds.specs import spec
from tests.unit.operator.controller.reconciler_fixture import ReconcilerFixture, Stub
from tests.unit.operator.domain.receivers.entries import HOME
from tests.unit.operator.watch.collections_in_memory import Collections

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.unit.operator.channels.mail_server import MailServer

RECIPIENTS: Final = 20
GAP: Final = 0.5
"""Seconds for which the event loop may run nothing else: Leases and probes allow for several."""
KIB: Final = 40 * 1024
"""By which the memory of the process may grow."""

MOST: Final = 32
"""Names that a template may assign to, with its limit of words and signs."""

MARKDOWN: dict[str, str] = {
    name: WORST[name](size)
    for name, size in [
        ("table of 50 columns", 4096),
        ("table of 300 columns", 4096),
        ("table of 10 columns", 16_384),
        ("small tables", 16_384),
        ("quoted code before plain lines", 16_384),
        ("open images", 16_384),
        ("ordered list", 16_384),
    ]
}


class Mailing:
    """The composition that ships, with one receiver that sends each notification as many mails."""

    def __init__(
        self,
        port: int,
        receiver: Mapping[str, Any],
        notification: Mapping[str, Any],
        *,
        renderer: RenderWorker,
        recipients: int = RECIPIENTS,
    ) -> None:
        addresses = [f"r{number}@example.com" for number in range(recipients)]
        block = spec(
            "email",
            host="127.0.0.1",
            port=port,
            security="None",
            to=addresses,
            allowedNetworks=["127.0.0.0/8"],
        )
        collections = Collections()
        collections.put(
            f"/apis/{names.API_VERSION}/{names.RECEIVER_PLURAL}",
            "mail",
            {
                "metadata": {"namespace": HOME, "name": "mail", "uid": "uid-mail", "generation": 1},
                "spec": {**block, "allowedNamespaces": {"from": "All"}, "timeout": "60s", **receiver},
            },
        )
        self.fixture = ReconcilerFixture(
            {"console": Stub()},
            receivers=ReceiverPorts(watches=collections, store=MemoryStore(), home=HOME),
            renderer=renderer,
            addressed=[],
            delivery={"visible_after_seconds": 60},
            receiverRefs=[{"name": "mail", "namespace": HOME}],
            **notification,
        )

    async def gap(self) -> float:
        """Deliver the notification; return the longest time for which the event loop ran nothing else."""
        receivers, known = self.fixture.operator.receivers, asyncio.Event()
        assert receivers is not None
        # In processor time of this process: other processes of the machine delay the beats as well.
        heartbeat = Heartbeat(clock=time.process_time)
        tasks = [
            asyncio.create_task(receivers.run(on_known=known.set)),
            asyncio.create_task(heartbeat.run()),
        ]
        await known.wait()
        while not (await self.fixture.reconcile()).final:
            await self.fixture.until_requeued()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return heartbeat.statistics().gap_seconds


def memory() -> int:
    """Return the largest memory of the process so far, in KiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


@contextmanager
def mail_server_in_a_thread() -> Iterator[MailServer]:
    """Run a mail server on another event loop: reading the mails takes longer than writing them."""
    started: Queue[tuple[MailServer, asyncio.AbstractEventLoop, asyncio.Event]] = Queue()

    async def serve() -> None:
        stopped = asyncio.Event()
        async with mail_server(starttls=False) as server:
            started.put((server, asyncio.get_running_loop(), stopped))
            await stopped.wait()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    server, loop, stopped = started.get(timeout=30)
    try:
        yield server
    finally:
        loop.call_soon_threadsafe(stopped.set)
        thread.join()


@pytest.fixture(scope="module")
def renderer() -> Iterator[RenderWorker]:
    result = RenderWorker()
    yield result
    result.close()


async def delivered(
    receiver: Mapping[str, Any], notification: Mapping[str, Any], renderer: RenderWorker
) -> tuple[float, int]:
    """Deliver a notification; return the longest gap of the event loop, and by how much the memory grew."""
    with mail_server_in_a_thread() as server:
        await Mailing(server.port, {}, {}, renderer=renderer).gap()  # what is loaded for the first mail
        before = memory()
        mailing = Mailing(server.port, receiver, notification, renderer=renderer)
        gap = await mailing.gap()
        assert mailing.fixture.status["phase"] == "Sent"
        assert len(server.envelopes) == 2 * RECIPIENTS
    return gap, memory() - before


@pytest.mark.slow
@pytest.mark.parametrize("name", some(list(MARKDOWN)))
async def test_event_loop_runs_on_while_markdown_is_mailed_to_many(name: str, renderer: RenderWorker) -> None:
    gap, grown = await delivered({}, {"format": "Markdown", "body": MARKDOWN[name]}, renderer)
    assert gap < GAP
    assert grown <= KIB


@pytest.mark.slow
@pytest.mark.parametrize("unit", some(["\n", "_eyJ", "-eyJ"]))
async def test_event_loop_runs_on_while_long_texts_are_mailed(unit: str, renderer: RenderWorker) -> None:
    # Without a bound of memory: the mail server of the test keeps twenty mails of this size.
    gap, _ = await delivered({}, {"body": filled(unit, length(bounds.BODY))}, renderer)
    assert gap < GAP


@pytest.mark.slow
@pytest.mark.parametrize(
    "expression",
    some(["notification.body[:1000]|list", "notification.body[1:]", "notification.body|upper"]),
)
async def test_event_loop_runs_on_while_a_template_collects(expression: str, renderer: RenderWorker) -> None:
    source = times(MOST, expression)
    assert isinstance(compiled(source), Template)
    template = {"template": {"inline": {"body": source}}}
    gap, grown = await delivered(template, {"body": LARGEST[:8000]}, renderer)
    assert gap < GAP
    assert grown <= KIB
