"""A dispatcher with receivers: what ships, but for the channels of the receivers, which the test scripts."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from notification_operator.delivery.channel import Channel
from notification_operator.delivery.dispatcher import Dispatcher
from notification_operator.delivery.flow_control.breakers import Breakers
from notification_operator.delivery.flow_control.destinations import Permission
from notification_operator.delivery.receivers.changes import ReceiverChanges
from notification_operator.delivery.receivers.directory import ReceiverDirectory
from notification_operator.delivery.receivers.factory import ChannelFactory
from notification_operator.delivery.receivers.health_book import HealthBook
from notification_operator.delivery.receivers.waiting import WaitingForReceivers
from notification_operator.delivery.senders import ChannelSenders, TargetSenders
from notification_operator.domain.flow_control.breaker import Circuit, Limits
from notification_operator.domain.planning.plan import Send
from notification_operator.domain.receivers.references import ObjectKey, ObjectState
from tests.unit.operator.delivery.test_dispatcher import MESSAGE, Stub
from tests.unit.operator.domain.builders import START
from tests.unit.operator.domain.receivers.entries import catalog

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from notification_operator.delivery.channel import Message, Receipt
    from notification_operator.delivery.senders import Sender, Unavailable
    from notification_operator.domain.attempt import Attempt
    from notification_operator.domain.planning.hold import Hold
    from notification_operator.domain.receivers.catalog import Receiver, ReceiverKey
    from notification_operator.domain.receivers.references import References
    from notification_operator.domain.status import Reason

BLOCKS = {"url": "", "urlSecretRef": {"name": "hook"}}
"""The block of a webhook whose URL is in the Secret `hook`."""


class Key(NamedTuple):
    """A notification that waits."""

    uid: str


class Objects:
    """Secrets or ConfigMaps, as far as they were looked for."""

    def __init__(self) -> None:
        self.states: dict[ObjectKey, ObjectState] = {}
        self._version = 0

    def put(self, name: str, namespace: str = "shop", **data: str) -> None:
        self._version += 1
        state = ObjectState(data=data, version=str(self._version), known=True)
        self.states[ObjectKey(namespace, name)] = state

    def get(self, key: ObjectKey) -> ObjectState:
        return self.states.get(key, ObjectState())


@dataclass(eq=False)
class Scripted(Channel):
    """The channel of a receiver, which does what its script says, call by call; the last line repeats."""

    receiver: Receiver
    values: Mapping[str, str]
    script: deque[BaseException | Receipt | None]
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    """Calls wait for it."""
    sent: list[Message] = field(default_factory=list)

    def __post_init__(self) -> None:
        named = self.values.get("webhook.urlSecretRef", "")
        self.destination = named or f"https://{self.receiver.key.name}.example.com"

    async def deliver(self, message: Message) -> Receipt | None:
        self.sent.append(message)
        await self.gate.wait()
        line = self.script.popleft() if len(self.script) > 1 else next(iter(self.script), None)
        if isinstance(line, BaseException):
            raise line
        return line


class Creator(ChannelFactory):
    """Creates scripted channels."""

    def __init__(self) -> None:
        self.created: list[Scripted] = []
        self.scripts: dict[str, list[BaseException | Receipt | None]] = {}
        """By the name of the receiver."""
        self.failure: Exception | None = None
        self.hanging = False

    def create(
        self, receiver: Receiver, references: References, sources: Mapping[str, str]
    ) -> tuple[Channel, str]:
        if self.failure is not None:
            raise self.failure
        script = deque(self.scripts.get(receiver.key.name, [None]))
        channel = Scripted(receiver, dict(references.values), script)
        if not self.hanging:
            channel.gate.set()
        self.created.append(channel)
        return channel, sources.get("body", "")

    @property
    def last(self) -> Scripted:
        return self.created[-1]

    @property
    def messages(self) -> list[Message]:
        return [message for channel in self.created for message in channel.sent]


class Stage:
    """The parts, and the clock that the test moves."""

    def __init__(
        self,
        *receivers: Receiver,
        limits: Limits | None = None,
        timeout: float = 5,
        factory: ChannelFactory | None = None,
    ) -> None:
        self.now = START
        self.labels: dict[str, dict[str, str]] = {}
        self.catalog = catalog(*receivers)
        self.secrets, self.config_maps = Objects(), Objects()
        self.console = Stub()
        self.console.destination = None  # as that of the console
        self.channels = ChannelSenders({"console": self.console})
        self.creator = Creator()
        self.directory = ReceiverDirectory(
            lambda: self.catalog,
            secrets=self.secrets,
            config_maps=self.config_maps,
            channels=self.channels,
            factory=factory or self.creator,
            clock=lambda: self.now,
        )
        self.breakers = Breakers(limits or Limits(), clock=lambda: self.now)
        self.health = HealthBook(self.breakers)
        self.waiting: WaitingForReceivers[Key] = WaitingForReceivers()
        self.enqueued: list[Key] = []
        self.changes = ReceiverChanges(
            self.directory,
            breakers=self.breakers,
            health=self.health,
            waiting=self.waiting,
            enqueue=self.enqueued.append,
        )
        self.dispatcher = Dispatcher(
            self.channels,
            breakers=self.breakers,
            timeout=timeout,
            concurrency=4,
            clock=lambda: self.now,
            seconds=self._seconds,
            senders=TargetSenders(self.channels, self.directory),
            observer=self,
        )
        self.circuits: list[Circuit | None] = []
        """The state of the receiver's breaker as each result was noted."""

    def _seconds(self) -> float:
        return (self.now - START).total_seconds()

    def called(self, sender: Sender, attempt: Attempt, error: BaseException | None) -> None:
        """Take in the result of a call."""
        self.health.called(sender, attempt, error)
        assert sender.receiver is not None
        self.circuits.append(self.health.health(sender.receiver).circuit)

    def exist(self, *receivers: Receiver) -> None:
        """Let these receivers exist, and no others."""
        before = self.catalog.receivers
        self.catalog = catalog(*receivers, labels=self.labels)
        after = self.catalog.receivers
        changed = {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}
        self.changes.apply(frozenset(changed))

    def rotate(self, name: str, namespace: str = "shop", **data: str) -> None:
        """Let a Secret have other values."""
        self.secrets.put(name, namespace, **data)
        self.changes.apply(frozenset(self.catalog.receivers))

    def message(self, *, uid: str = "uid-1", namespace: str = "shop", **content: object) -> Message:
        changed = replace(MESSAGE.content, **content)  # type: ignore[arg-type]  # fields of Content
        return replace(MESSAGE, uid=uid, namespace=namespace, content=changed)

    @staticmethod
    def send(target: str, *, number: int = 1, uid: str = "uid-1") -> Send:
        return Send(
            channel=target, number=number, id=f"{uid}:{target}:{number}", delivery_id=f"{uid}/{target}"
        )

    def find(self, target: str, message: Message | None = None) -> Sender | Unavailable:
        return self.directory.find(target, message or self.message())

    def ask(self, target: str, *, number: int = 1, uid: str = "uid-1") -> Hold | Reason | None:
        """Ask, and use up the share of an attempt that may start."""
        send, message = self.send(target, number=number, uid=uid), self.message(uid=uid)
        answer = self.dispatcher.ask(send, message)
        if not isinstance(answer, Permission):
            return answer
        self.dispatcher.take(answer)
        return None

    async def attempt(
        self, target: str, *, number: int = 1, uid: str = "uid-1", message: Message | None = None
    ) -> Attempt:
        send = self.send(target, number=number, uid=uid)
        return await self.dispatcher.attempt(send, message or self.message(uid=uid))

    def start(self, target: str, **options: object) -> asyncio.Task[Attempt]:
        return asyncio.create_task(self.attempt(target, **options))  # type: ignore[arg-type]  # passed on

    def wait(self, seconds: float) -> datetime:
        self.now += timedelta(seconds=seconds)
        return self.now

    def key(self, name: str = "hook", namespace: str = "shop") -> ReceiverKey:
        return next(key for key in self.catalog.receivers if key == (namespace, name))


async def until_idle() -> None:
    """Let every task run until it waits."""
    for _ in range(20):
        await asyncio.sleep(0)
