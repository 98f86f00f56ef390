"""What one receiver does to all notifications that need it: the scenarios, and their bars (DD-BREAKER-002)."""

from __future__ import annotations

import asyncio
import socket
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web

from atomic_status.testing import MemoryStore
from notification_domain.json_values import format_time
from notification_operator.ports import ReceiverPorts
from notification_runtime.channel_factory import ChannelFactory
from notification_runtime.channels.slack_webhook import SlackWebhookChannel
from notification_runtime.delivery.channel import RateLimited, Transient
from notification_runtime.kube.collection_watch import KubeWatches, Listed
from tests.simulation.environment import now
from tests.simulation.load import Load, Receiver
from tests.unit.operator.domain.receivers.builders import stored_receiver

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Mapping

    from notification_runtime.delivery.channel import Channel, Message, Receipt
    from notification_runtime.kube.collection_watch import Collection

FAST: Final = {
    "maxAttempts": 5,
    "initialBackoffSeconds": 1,
    "backoffMultiplier": 2,
    "maxBackoffSeconds": 60,
}
FLAT: Final = {**FAST, "backoffMultiplier": 1}
UNLIMITED: Final[dict[str, Any]] = {"channels": {"slack": {"rate_per_second": 0}}}
REFUSED: Final = "Cannot connect to host"


@asynccontextmanager
async def load(receiver: Channel, **settings: Any) -> AsyncIterator[Load]:
    """Run an operator for the duration of the block."""
    running = Load(receiver, **settings)
    running.start()
    try:
        yield running
    finally:
        await running.close()


def down_until(end: float) -> Callable[[float, Message, int], Exception | None]:
    """Return the answers of a receiver that is away until a time."""
    return lambda at, _message, _before: Transient(REFUSED) if at < end else None


async def outage(
    *, away: float = 60.0, count: int = 500, retry: dict[str, int] | None = None, **settings: Any
) -> dict[str, float]:
    """The receiver is away while notifications wait; shipped settings, but for those that are given."""
    receiver = Receiver(down_until(away))
    async with load(receiver, **settings) as running:
        running.create(count, retry=FAST if retry is None else retry)
        end = await running.finished(within=away + 600)
        delays = running.delays()
        return {
            "sent": sum(status["phase"] == "Sent" for status in running.statuses()),
            "requests while away": receiver.between(0, away),
            "delivered 15 s after": sum(delay <= away + 15 for delay in delays),
            "last delivery after return, s": delays[-1] - away,
            "finished after return, s": end - away,
            "reads": running.store.calls["GET"],
            "writes": running.store.calls["PUT"],
        }


async def half_failing(*, seconds: float = 120.0, per_second: float = 10.0) -> dict[str, float]:
    """The receiver answers 503 to half of all requests at random; a channel without a rate limit."""

    def answer(at: float, _message: Message, _before: int) -> Exception | None:
        failing = at < seconds and running.random.random() < 0.5
        return Transient("HTTP 503") if failing else None

    receiver = Receiver(answer)
    async with load(receiver, **UNLIMITED) as running:
        await running.create_at_rate(per_second, until=seconds, retry=FLAT | {"maxAttempts": 10})
        end = await running.finished(within=600)
        delays = running.delays()
        return {
            "created": len(running.store.objects),
            "sent": sum(status["phase"] == "Sent" for status in running.statuses()),
            "exhausted early": running.exhausted_early(10),
            "finished after, s": end - seconds,
            "requests": len(receiver.hits),
            "recorded": running.recorded(),
            "p50, s": delays[len(delays) // 2],
            "p99, s": delays[len(delays) * 99 // 100],
        }


async def twice_unavailable(*, count: int = 50) -> dict[str, float]:
    """The receiver answers 503 twice to each notification; shipped breaker, pauses of a second."""
    receiver = Receiver(lambda _at, _message, before: Transient("HTTP 503") if before < 2 else None)
    async with load(receiver) as running:
        running.create(count, retry=FLAT)
        end = await running.finished(within=1800)
        return {
            "sent": sum(status["phase"] == "Sent" for status in running.statuses()),
            "seconds": end,
            "requests": len(receiver.hits),
            "recorded": running.recorded(),
            "reads": running.store.calls["GET"],
            "writes": running.store.calls["PUT"],
        }


async def poisonous(*, seconds: float = 600.0, per_second: float = 20.0) -> dict[str, float]:
    """One message always fails, and comes again when its attempts are used up; the others are fine."""

    def answer(_at: float, message: Message, _before: int) -> Exception | None:
        return Transient("HTTP 500") if message.content.subject == "poison" else None

    receiver = Receiver(answer)
    async with load(receiver, **UNLIMITED) as running:

        async def poison() -> None:
            while running.time < seconds:
                running.create(prefix="poison", retry=FLAT | {"maxAttempts": 10})
                await running.until_final("poison")

        running.spawn(poison())
        await running.create_at_rate(per_second, until=seconds, retry=FAST)
        await running.finished(within=60)
        delays = running.delays()
        return {
            "sent": sum(status["phase"] == "Sent" for status in running.statuses()),
            "created": len(running.statuses()),
            "p99, s": delays[len(delays) * 99 // 100],
            "longest, s": delays[-1],
            "failures of the poisonous": sum(not hit.accepted for hit in receiver.hits),
        }


def pausing_until(end: float) -> Callable[[float, Message, int], Exception | None]:
    """Return the answers of a receiver that asks for a pause until a time."""
    return lambda at, _message, _before: RateLimited("HTTP 429", retry_after=end - at) if at < end else None


async def paused(*, pause: float = 90.0) -> dict[str, float]:
    """The receiver answers 429 with Retry-After to a burst; two namespaces, and a policy that allows 60 s at most."""
    receiver = Receiver(pausing_until(pause))
    async with load(receiver) as running:
        running.create(60, namespace="loud", retry=FAST)
        await running.finished(within=10)
        running.create(1, namespace="quiet", prefix="single", retry=FAST)
        end = await running.finished(within=600)
        (single,) = running.delays("single")
        return {
            "sent": sum(status["phase"] == "Sent" for status in running.statuses()),
            "requests during the pause": receiver.between(0, pause),
            "first delivery after the pause, s": running.delays()[0] - pause,
            "delivery of the quiet namespace after the pause, s": 10 + single - pause,
            "finished after the pause, s": end - pause,
        }


async def flapping(*, pause: float = 90.0, count: int = 60) -> dict[str, float]:
    """An incident comes and goes while the receiver asks for a pause; another namespace sends from the end of the pause on."""
    receiver = Receiver(pausing_until(pause))
    async with load(receiver, **UNLIMITED) as running:
        running.create(1, prefix="first", retry=FAST)
        await asyncio.sleep(1)
        before = running.store.calls["GET"]
        for number in range(count):
            event = ("Trigger", "Acknowledge", "Resolve")[number % 3]
            running.create(namespace="loud", retry=FAST, event=event, dedupKey="database")
            await asyncio.sleep(0.1)
        await asyncio.sleep(pause - running.time - 0.1)
        held = running.store.calls["GET"] - before
        await running.create_at_rate(10, until=pause + 5, namespace="quiet", prefix="single", retry=FAST)
        await running.finished(within=600)
        return {
            "final": sum("completionTime" in status for status in running.statuses()),
            "reads during the pause": held,
            "longest of the quiet namespace, s": running.delays("single")[-1],
        }


async def limited(*, per_second: float = 1.0, burst: int = 5) -> dict[str, float]:
    """A namespace sends more than the rate of the destination; another one sends one message."""
    receiver = Receiver(lambda _at, _message, _before: None)
    channels = {"slack": {"rate_per_second": per_second, "burst": burst}}
    async with load(receiver, channels=channels) as running:
        running.create(100, namespace="loud")
        await running.finished(within=3)
        running.create(1, namespace="quiet", prefix="single")
        await running.finished(within=600)
        return {
            "requests in the first second": receiver.between(0, 1),
            "requests in the first minute": receiver.between(0, 60),
            "delay of the other namespace, s": running.delays("single")[0],
            "last delivery, s": running.delays()[-1],
            "attempts": running.recorded(),
            "reads": running.store.calls["GET"],
            "writes": running.store.calls["PUT"],
        }


async def ranked(*, per_minute: int = 60, count: int = 600) -> dict[str, float]:
    """Many messages of low priority wait for the rate of the destination; then there is a critical one."""
    receiver = Receiver(lambda _at, _message, _before: None)
    channels = {"slack": {"rate_per_second": per_minute / 60, "burst": per_minute}}
    async with load(receiver, channels=channels) as running:
        running.create(count, priority="low")
        await asyncio.sleep(10)
        waiting = count - len(receiver.hits)
        running.create(prefix="page", priority="critical")
        await running.finished(within=2 * count)
        return {
            "waiting before": waiting,
            "delay of the critical one, s": running.delays("page")[0],
            "sent": sum(status["phase"] == "Sent" for status in running.statuses()),
            "last delivery, s": running.delays()[-1],
            "reads": running.store.calls["GET"],
            "writes": running.store.calls["PUT"],
        }


async def ended(*, per_minute: int = 60, count: int = 600) -> dict[str, float]:
    """Many messages wait for the rate of the destination; half of them expire, the others are deleted; then there is one more."""
    receiver = Receiver(lambda _at, _message, _before: None)
    channels = {"slack": {"rate_per_second": per_minute / 60, "burst": per_minute}}
    async with load(receiver, channels=channels) as running:
        running.create(count // 2)
        expiring = format_time(now() + timedelta(seconds=20))
        running.create(count // 2, prefix="expiring", deliverBefore=expiring)
        await asyncio.sleep(10)
        waiting = count - len(receiver.hits)
        running.delete_open("order")
        await running.until_final("expiring")
        running.create(prefix="late")
        await running.finished(within=2 * count)
        return {
            "waiting before": waiting,
            "delay of the last one, s": running.delays("late")[0],
            "reads": running.store.calls["GET"],
            "writes": running.store.calls["PUT"],
        }


async def http_outage(*, away: float = 60.0, count: int = 500) -> dict[str, float]:
    """The same as `outage`, with Slack's own channel and a real server that is away at first; in real time."""
    requests: list[float] = []

    async def answer(_request: web.Request) -> web.Response:
        requests.append(asyncio.get_running_loop().time())
        return web.Response(text="ok")

    app = web.Application()
    app.router.add_post("/", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        port = reserved.getsockname()[1]
    slack = CountingSlack.of_settings(f"http://127.0.0.1:{port}/", connections=10)
    async with load(slack) as running:
        running.create(count, retry=FAST)
        await asyncio.sleep(away)
        while_away, returned = slack.calls, running.time
        await web.TCPSite(runner, "127.0.0.1", port).start()
        end = await running.finished(within=120)
    await slack.close()
    await runner.cleanup()
    return {
        "sent": sum(status["phase"] == "Sent" for status in running.statuses()),
        "requests while away": while_away,
        "requests": len(requests),
        "last delivery after return, s": max(requests) - returned,
        "finished after return, s": end - returned,
    }


class CountingSlack(SlackWebhookChannel):
    """Slack's channel, which also counts the calls that find no server."""

    calls = 0

    async def deliver(self, message: Message) -> Receipt:
        """See `SlackWebhookChannel.deliver`."""
        self.calls += 1
        return await super().deliver(message)


class Tenants(KubeWatches):
    """Watches of a cluster whose namespaces have so many receivers each, which never change."""

    def __init__(self, receivers: Mapping[str, int]) -> None:
        spec = {"type": "webhook", "webhook": {"url": "https://example.com/"}, "timeout": "120s"}
        self._objects = [
            stored_receiver(f"r-{number}", namespace=namespace, uid=f"{namespace}/{number}", spec=spec)
            for namespace, count in receivers.items()
            for number in range(count)
        ]

    def open(self, collection: Collection, keep: Callable[[Any], Any]) -> Any:
        return Listing(self._objects if collection.crd else [], keep)


@dataclass(frozen=True)
class Listing:
    """A collection that never changes."""

    objects: list[dict[str, Any]]
    keep: Callable[[Any], Any]
    error: str = ""

    async def changes(self) -> AsyncIterator[Listed[Any]]:
        yield Listed([self.keep(each) for each in self.objects])
        await asyncio.get_running_loop().create_future()


class BySpeed(ChannelFactory):
    """Creates one channel for the receivers of each namespace, which may be slow."""

    def __init__(self, seconds: Mapping[str, float]) -> None:
        self.channels = {
            name: Receiver(lambda *_: None, seconds=each, destination=name) for name, each in seconds.items()
        }

    def create(self, receiver: Any, *_arguments: object) -> Channel:
        return self.channels[receiver.key.namespace]


async def slow_tenants(*, tenants: int = 3, count: int = 4_000, body: int = 60_000) -> dict[str, float]:
    """Receivers of some tenants answer after two minutes, and have messages enough for all room; another tenant sends eight."""
    slow = [f"slow-{number}" for number in range(tenants)]
    factory = BySpeed({**dict.fromkeys(slow, 119.0), "shop": 0.02})
    watches = Tenants({**dict.fromkeys(slow, 40), "shop": 8})
    ports = ReceiverPorts(watches=watches, store=MemoryStore(), home="platform", factory=factory)
    async with load(Receiver(lambda *_: None), receivers=ports) as running:
        for number in range(count):
            refs = [{"name": f"r-{number % 40}"}]
            running.create(
                namespace=slow[number % tenants],
                prefix="slow",
                body="x" * body,
                receiverRefs=refs,
                channels=[],
            )
        await asyncio.sleep(30)
        waiting = running.operator.attempts.statistics().waiting
        for number in range(8):
            refs = [{"name": f"r-{number}"}]
            running.create(namespace="shop", body="x" * body, receiverRefs=refs, channels=[])
        began = running.time
        await asyncio.sleep(2)
        hits = factory.channels["shop"].hits
        return {
            "waiting": waiting,
            "started": len(hits),
            "last start after, s": max((hit.at - began for hit in hits), default=float("inf")),
        }


SCENARIOS: Final[dict[str, Callable[[], Coroutine[Any, Any, dict[str, float]]]]] = {
    each.__name__.replace("_", "-"): each
    for each in (
        outage,
        half_failing,
        twice_unavailable,
        poisonous,
        paused,
        limited,
        ranked,
        ended,
        slow_tenants,
    )
}
