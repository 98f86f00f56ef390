"""Endpoints with receivers: what ships, but for the channels of the receivers, which the test scripts."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from notification_domain.flow_control.breaker import Limits
from notification_domain.key import Key
from notification_domain.planning.hold import Hold
from notification_domain.planning.plan import Send
from notification_domain.receivers.references import ObjectKey, ObjectState
from notification_domain.rendering.job import Renderer
from notification_domain.status import Reason
from notification_operator.endpoints.builder import Builder
from notification_operator.endpoints.endpoint import Delivery, Endpoint, Permit
from notification_operator.endpoints.limits import NO_LIMITS
from notification_operator.endpoints.limits import Limits as EndpointLimits
from notification_operator.endpoints.refusals import Refusal
from notification_operator.endpoints.template_checks import TemplateChecks, TextChecks
from notification_runtime.channel_factory import ChannelFactory
from notification_runtime.delivery.channel import Channel
from notification_runtime.delivery.sessions import Sessions
from tests.unit.operator.domain.builders import START
from tests.unit.operator.domain.receivers.entries import catalog
from tests.unit.operator.endpoints.calls import MESSAGE, Stub, admit, always, endpoints_of, make_attempt

if TYPE_CHECKING:
    from collections.abc import Coroutine, Mapping
    from datetime import datetime

    from notification_contract.kinds.choices import CircuitState
    from notification_domain.attempt import Attempt
    from notification_domain.receivers.catalog import Receiver, ReceiverKey
    from notification_domain.receivers.health import Health, Readiness
    from notification_domain.receivers.references import References
    from notification_runtime.delivery.channel import Message, Receipt

BLOCKS = {"url": "", "urlSecretRef": {"name": "hook"}}
"""The block of a webhook whose URL is in the Secret `hook`."""


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

    def create(self, receiver: Receiver, references: References, sources: Mapping[str, str]) -> Channel:
        del sources
        if self.failure is not None:
            raise self.failure
        script = deque(self.scripts.get(receiver.key.name, [None]))
        channel = Scripted(receiver, dict(references.values), script)
        if not self.hanging:
            channel.gate.set()
        self.created.append(channel)
        return channel

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
        console_limits: EndpointLimits = NO_LIMITS,
    ) -> None:
        self.now = START
        self.labels: dict[str, dict[str, str]] = {}
        self.catalog = catalog(*receivers)
        self.secrets, self.config_maps = Objects(), Objects()
        self.console = Stub()
        self.console.destination = None  # as that of the console
        self.creator = Creator()
        self.templates, self.certificates = TemplateChecks(Renderer()), TextChecks(Sessions().problem)
        self.endpoints = endpoints_of(
            {"console": self.console},
            {"console": console_limits},
            limits=limits or Limits(),
            timeout=timeout,
            concurrency=4,
            clock=lambda: self.now,
            seconds=self._seconds,
            catalog=lambda: self.catalog,
            builder=Builder(
                secret=self.secrets.get,
                config_map=self.config_maps.get,
                factory=factory or self.creator,
                templates=self.templates,
                certificates=self.certificates,
            ),
        )
        self.endpoints.observe(self._observe)
        self.woken: list[str] = []
        """The uids of the notifications that a change has woken."""
        self.circuits: list[CircuitState | None] = []
        """The state of the receiver's breaker as each result was noted."""

    def _seconds(self) -> float:
        return (self.now - START).total_seconds()

    def _observe(self, key: ReceiverKey) -> None:
        self.circuits.append(self.endpoints.health(key).circuit)

    def exist(self, *receivers: Receiver) -> None:
        """Let these receivers exist, and no others."""
        before = self.catalog.receivers
        self.catalog = catalog(*receivers, labels=self.labels)
        after = self.catalog.receivers
        changed = {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}
        self.replace(*changed)

    def rotate(self, name: str, namespace: str = "shop", **data: str) -> None:
        """Let a Secret have other values."""
        self.secrets.put(name, namespace, **data)
        self.replace(*self.catalog.receivers)

    def message(self, *, uid: str = "uid-1", namespace: str = "shop", **content: object) -> Message:
        changed = replace(MESSAGE.content, **content)  # type: ignore[arg-type]  # fields of Content
        return replace(MESSAGE, uid=uid, namespace=namespace, content=changed)

    @staticmethod
    def send(target: str, *, number: int = 1, uid: str = "uid-1") -> Send:
        return Send(
            channel=target, number=number, id=f"{uid}:{target}:{number}", delivery_id=f"{uid}/{target}"
        )

    def replace(self, *changed: ReceiverKey) -> None:
        """Take in that some receivers may have changed."""
        self.woken += [key.uid for key in self.endpoints.replace(changed)]

    async def examine(self, entry: Receiver) -> Readiness:
        """Let the templates or certificates of a receiver be examined; return what it lacks."""
        self.readiness(entry)
        known = asyncio.Event()

        def on_known(changed: frozenset[ReceiverKey]) -> None:
            self.replace(*changed)
            known.set()

        tasks = [asyncio.create_task(each.run(on_known)) for each in (self.templates, self.certificates)]
        await known.wait()
        for task in tasks:
            task.cancel()
        return self.readiness(entry)

    def wait_for(self, receiver: ReceiverKey, uid: str) -> None:
        self.endpoints.wait(receiver, Key("shop", uid, uid))

    def find(self, target: str, message: Message | None = None) -> Delivery | Hold | Refusal:
        return self.endpoints.find(target, message or self.message())

    def delivery(self, target: str = "webhook/hook") -> Delivery:
        found = self.find(target)
        assert isinstance(found, Delivery)
        return found

    def refusal(self, target: str = "webhook/hook", *, namespace: str = "shop") -> Refusal:
        found = self.find(target, self.message(namespace=namespace))
        assert isinstance(found, Refusal)
        return found

    def hold(self, target: str = "webhook/hook", *, namespace: str = "shop") -> Hold:
        found = self.find(target, self.message(namespace=namespace))
        assert isinstance(found, Hold)
        return found

    def endpoint(self, target: str = "webhook/hook") -> Endpoint:
        return self.delivery(target).endpoint

    def readiness(self, receiver: Receiver) -> Readiness:
        return self.endpoints.readiness(receiver)

    def health(self, key: ReceiverKey | None = None) -> Health:
        return self.endpoints.health(key or self.key())

    def circuit(self, name: str = "hook", namespace: str = "shop") -> CircuitState:
        """Return the state of the breaker of a receiver's endpoint."""
        receiver = self.catalog.receivers[self.key(name, namespace)]
        return self.endpoints.endpoint(receiver).statistics().circuit

    def ask(self, target: str, *, number: int = 1, uid: str = "uid-1", **more: Any) -> Hold | Reason | None:
        """Ask, and use up the share of an attempt that may start; `more` is what the message has in addition."""
        send, message = self.send(target, number=number, uid=uid), replace(self.message(uid=uid), **more)
        answer = admit(self.endpoints, send, message)
        if isinstance(answer, Permit):
            answer.start(always).close()
        return answer if isinstance(answer, Hold | Reason) else None

    def begin(self, target: str, *, uid: str) -> Coroutine[None, None, Attempt]:
        """Use up the share of an attempt that may start, and return it."""
        permit = admit(self.endpoints, self.send(target, uid=uid), self.message(uid=uid))
        assert isinstance(permit, Permit)
        return permit.start(always)

    async def attempt(
        self, target: str, *, number: int = 1, uid: str = "uid-1", message: Message | None = None
    ) -> Attempt:
        send = self.send(target, number=number, uid=uid)
        return await make_attempt(self.endpoints, send, message or self.message(uid=uid))

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
