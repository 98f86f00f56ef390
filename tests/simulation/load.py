"""The composition that ships under load at one receiver, for minutes or hours of simulated time.

One replica, a status store that takes a few milliseconds, and a receiver that answers as its scenario says. Time
is virtual; queue, reconciler, breakers and pacing are those of the operator.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import orjson

from atomic_status import Conflict, Gone, ObjectRef
from notification_contract.kinds.channel_names import ReceiverType
from notification_domain.json_values import format_time
from notification_domain.key import Key
from notification_operator.wiring import build
from notification_runtime.delivery.channel import Channel
from notification_runtime.settings import Settings
from tests.simulation.environment import now
from tests.simulation.virtual_loop import run_virtually
from tests.unit.operator.ports import null_ports

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping

    from notification_operator.ports import ReceiverPorts
    from notification_runtime.delivery.channel import Message

API_SECONDS: Final = 0.005
"""Duration of a read or a write."""
CALL_SECONDS: Final = 0.02
"""Duration of a call of the receiver."""
NO_POLICY: Final[Mapping[str, int]] = MappingProxyType({})
SHIPPED: Final[Mapping[str, Any]] = {
    "retention": {"enabled": False},
    "receivers": {"types_elsewhere": tuple(ReceiverType)},
}


class FastStore:
    """Keeps objects, checks versions, and counts reads and writes."""

    def __init__(self) -> None:
        self.objects: dict[str, dict[str, Any]] = {}
        self.calls: Counter[str] = Counter()
        self._versions = 0

    def create(self, namespace: str, name: str, spec: Mapping[str, Any]) -> Key:
        """Store a new notification."""
        self._versions += 1
        meta: dict[str, Any] = {
            "namespace": namespace,
            "name": name,
            "uid": f"uid-{self._versions}",
            "generation": 1,
            "resourceVersion": str(self._versions),
            "creationTimestamp": format_time(now()),
        }
        head = {"apiVersion": "kubernaut.ai/v1alpha1", "kind": "NotificationRequest"}
        self.objects[f"{namespace}/{name}"] = {**head, "metadata": meta, "spec": spec, "status": {}}
        return Key(namespace=namespace, name=name, uid=meta["uid"], incident=spec.get("dedupKey", ""))

    async def read(self, ref: ObjectRef) -> dict[str, Any]:
        """See `StatusStore.read`."""
        self.calls["GET"] += 1
        await asyncio.sleep(API_SECONDS)
        return self._copy(ref)

    async def replace_status(self, obj: dict[str, Any]) -> dict[str, Any]:
        """See `StatusStore.replace_status`."""
        self.calls["PUT"] += 1
        await asyncio.sleep(API_SECONDS)
        ref = ObjectRef(namespace=obj["metadata"]["namespace"], name=obj["metadata"]["name"])
        stored = self._copy(ref)
        if stored["metadata"]["resourceVersion"] != obj["metadata"]["resourceVersion"]:
            raise Conflict(ref)
        self._versions += 1
        stored["metadata"]["resourceVersion"] = str(self._versions)
        self.objects[str(ref)] = {**stored, "status": orjson.loads(orjson.dumps(obj["status"]))}
        return self._copy(ref)

    def _copy(self, ref: ObjectRef) -> dict[str, Any]:
        if str(ref) not in self.objects:
            raise Gone(ref)
        copy: dict[str, Any] = orjson.loads(orjson.dumps(self.objects[str(ref)]))
        return copy


@dataclass(frozen=True, slots=True)
class Hit:
    """A call of the receiver."""

    at: float
    name: str
    namespace: str
    number: int
    accepted: bool


@dataclass(slots=True)
class Receiver(Channel):
    """The receiver of one channel, the only destination."""

    answer: Callable[[float, Message, int], Exception | None]
    """Takes the time, the message, and how many calls of its notification came before."""
    hits: list[Hit] = field(default_factory=list)
    destination: str = "simulated"
    concurrency: int = 10
    seconds: float = CALL_SECONDS
    _counts: Counter[str] = field(default_factory=Counter)

    async def deliver(self, message: Message) -> None:
        """See `Channel.deliver`."""
        at, before = asyncio.get_running_loop().time(), self._counts[message.uid]
        self._counts[message.uid] += 1
        error = self.answer(at, message, before)
        number = int(message.id.rpartition(":")[2])
        self.hits.append(Hit(at, message.name, message.namespace, number, error is None))
        await asyncio.sleep(self.seconds)
        if error is not None:
            raise error

    def between(self, start: float, end: float) -> int:
        """Return the number of calls in a time."""
        return sum(start <= hit.at < end for hit in self.hits)


class Load:
    """An operator, its store and one channel; without a virtual loop it runs in real time."""

    def __init__(
        self,
        receiver: Channel,
        *,
        channel: str = "slack",
        receivers: ReceiverPorts | None = None,
        **settings: Any,
    ) -> None:
        self.store, self.channel = FastStore(), channel
        self.hits: list[Hit] = receiver.hits if isinstance(receiver, Receiver) else []
        self.random = random.Random(1)  # noqa: S311 - a scenario, not a secret
        self.created: dict[str, float] = {}
        ports = null_ports(store=self.store, channels={channel: receiver}, receivers=receivers)
        loop = asyncio.get_running_loop()
        validated = Settings.model_validate({**SHIPPED, **settings})
        self.operator = build(validated, ports, clock=now, seconds=loop.time)
        self._tasks: list[asyncio.Task[None]] = []
        self._count = 0

    @property
    def time(self) -> float:
        """The virtual seconds since the start."""
        return asyncio.get_running_loop().time()

    def start(self) -> None:
        """Start the operator's queue."""
        operator = self.operator
        self.spawn(operator.queue.run(operator.reconciler.reconcile, admit=operator.ownership.admits))
        self.spawn(operator.routing.run(on_known=operator.ownership.on_change))
        if operator.receivers:
            self.spawn(operator.receivers.run(on_known=operator.ownership.on_change))

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run something in addition to the operator."""
        self._tasks.append(asyncio.get_running_loop().create_task(work))

    def create(
        self,
        count: int = 1,
        *,
        namespace: str = "shop",
        prefix: str = "order",
        priority: str = "medium",
        retry: Mapping[str, int] = NO_POLICY,
        **fields: Any,
    ) -> None:
        """Create notifications now; `fields` are those of the spec."""
        for _ in range(count):
            self._count += 1
            name = f"{prefix}-{self._count}"
            spec = {
                "type": "simple",
                "priority": priority,
                "subject": prefix,
                "body": "body",
                "channels": [self.channel],
                "retryPolicy": dict(retry),
                **fields,
            }
            self.created[f"{namespace}/{name}"] = self.time
            self.operator.queue.add(self.store.create(namespace, name, spec))

    def delete_open(self, prefix: str) -> None:
        """Delete the notifications of a prefix that are not final."""
        for key, obj in tuple(self.store.objects.items()):
            if key.partition("/")[2].startswith(f"{prefix}-") and "completionTime" not in obj["status"]:
                del self.store.objects[key]
                self.operator.event_handler.handle("DELETED", obj)

    async def create_at_rate(self, per_second: float, *, until: float, **options: Any) -> None:
        """Create notifications at a rate."""
        while self.time < until:
            self.create(**options)
            await asyncio.sleep(1 / per_second)

    async def finished(self, *, within: float, every: float = 0.25) -> float:
        """Wait until every notification is final, and return the time; or return infinity after a time."""
        end = self.time + within
        while self.time < end:
            if all("completionTime" in obj["status"] for obj in self.store.objects.values()):
                return self.time
            await asyncio.sleep(every)
        return float("inf")

    async def until_final(self, prefix: str) -> None:
        """Wait until every notification of a prefix is final."""
        while not all("completionTime" in status for status in self.statuses(prefix)):  # noqa: ASYNC110 - simulated
            await asyncio.sleep(0.5)

    def statuses(self, prefix: str = "order") -> list[dict[str, Any]]:
        """Return the statuses of the notifications of a prefix."""
        names = [key for key in self.store.objects if key.partition("/")[2].startswith(f"{prefix}-")]
        return [self.store.objects[key]["status"] for key in names]

    def exhausted_early(self, most: int) -> int:
        """Return the number of notifications that failed with fewer recorded attempts than they have."""
        failed = (status for status in self.statuses() if status["phase"] == "Failed")
        return sum(_received(status) < most for status in failed)

    def recorded(self) -> int:
        """Return the number of recorded attempts that reached the receiver."""
        entries = (
            entry for obj in self.store.objects.values() for entry in obj["status"]["deliveryAttempts"]
        )
        return sum(not entry.get("circuitOpen", False) for entry in entries)

    def delays(self, prefix: str = "order") -> list[float]:
        """Return the seconds from the creation of each notification to the call that was accepted, in order."""
        accepted = {f"{hit.namespace}/{hit.name}": hit.at for hit in self.hits if hit.accepted}
        return sorted(
            at - self.created[key]
            for key, at in accepted.items()
            if key.partition("/")[2].startswith(f"{prefix}-")
        )

    async def close(self) -> None:
        """End the operator."""
        for task in self._tasks:
            task.cancel()
        self.operator.attempts.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


def _received(status: Mapping[str, Any]) -> int:
    """Return the number of recorded attempts that reached the receiver."""
    return sum(not entry.get("circuitOpen", False) for entry in status.get("deliveryAttempts", ()))


def simulate(scenario: Callable[[], Coroutine[Any, Any, dict[str, float]]]) -> dict[str, float]:
    """Run a scenario on a virtual clock and return its figures."""
    return run_virtually(scenario())
