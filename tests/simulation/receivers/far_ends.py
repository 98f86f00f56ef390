"""The far ends of receivers: they know which credentials are valid, and may accept nothing for a while."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from notification_runtime.channel_factory import ChannelFactory
from notification_runtime.delivery.channel import InvalidOptionsError, ReceiverError, ReceiverProblem
from tests.simulation.channels import Pause, SimulatedChannel
from tests.simulation.receivers.api_objects import Kind, Place

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from notification_domain.receivers.catalog import Receiver
    from notification_domain.receivers.references import References
    from notification_runtime.delivery.channel import Channel, Message
    from tests.simulation.channels import Call
    from tests.simulation.choices import Choices
    from tests.simulation.network import Network

UNUSABLE = "unusable"
"""The value of a credential that no channel can be created with."""


@dataclass(slots=True)
class FarEnd:
    """What one receiver leads to; it stays what it is when the receiver is deleted."""

    accepted: set[str] = field(default_factory=set)
    """The credentials that are valid."""
    busy_until: float = 0.0
    """Every call before this time, on the loop's clock, is answered with 429."""


class FarEnds(defaultdict[Place, FarEnd]):
    """The far end of each receiver."""

    def __init__(self) -> None:
        super().__init__(FarEnd)


class ReceiverChannel(SimulatedChannel):
    """The channel of a receiver, with the credential that it was created with."""

    def __init__(
        self,
        network: Network,
        choices: Choices,
        on_call: Callable[[Call], None],
        *,
        receiver: Receiver,
        far_end: FarEnd,
        credential: str,
        clock: Callable[[], datetime],
        pauses: defaultdict[str, Pause],
    ) -> None:
        super().__init__(network, choices, on_call, clock=clock, pauses=pauses)
        self._receiver = receiver
        self._far_end = far_end
        self._credential = credential

    async def deliver(self, message: Message) -> None:
        """See `Channel.deliver`; a test message is no call of a target."""
        if not message.delivery_id.startswith(f"{self._receiver.uid}/test/"):
            await super().deliver(message)
        elif not self._authorized:
            raise ReceiverError(ReceiverProblem.AUTHENTICATION_FAILED, "the credential is not valid")

    def _sender(self, _target: str) -> str:
        return f"{self._receiver.spec.type}/{self._receiver.key}"

    @property
    def _authorized(self) -> bool:
        return self._credential in self._far_end.accepted

    def _call(self, message: Message) -> Call:
        call = super()._call(message)
        call.credential = self._credential
        call.holds = self._receiver.spec.on_receiver_error == "Hold"
        return call

    def _end(self, call: Call) -> tuple[str, float]:
        busy = self._far_end.busy_until > call.at
        end, seconds = super()._end(call)
        if end in {"crash before", "silence"}:
            return end, seconds
        if not self._authorized:
            return "unauthorized", seconds
        if end == "crash after":
            return end, seconds
        return ("busy", min(seconds, 0.1)) if busy else (end, seconds)

    async def _answer(self, call: Call) -> None:
        match call.end:
            case "unauthorized":
                raise ReceiverError(ReceiverProblem.AUTHENTICATION_FAILED, "the credential is not valid")
            case "busy":
                left = self._far_end.busy_until - asyncio.get_running_loop().time()
                self._hold(call, max(left, 0.1))
        await super()._answer(call)


class SimulatedFactory(ChannelFactory):
    """Creates the channels of one process."""

    def __init__(
        self,
        far_ends: FarEnds,
        network: Network,
        choices: Choices,
        on_call: Callable[[Call], None],
        *,
        clock: Callable[[], datetime],
    ) -> None:
        self._far_ends = far_ends
        self._network = network
        self._choices = choices
        self._on_call = on_call
        self._clock = clock
        self._pauses: defaultdict[str, Pause] = defaultdict(Pause)

    def create(self, receiver: Receiver, references: References, sources: Mapping[str, str]) -> Channel:
        """See `ChannelFactory.create`."""
        del sources
        credential = next(iter(references.values.values()))
        if credential == UNUSABLE:
            raise InvalidOptionsError("the value of the Secret can never work")
        place = Place(kind=Kind.RECEIVERS, namespace=receiver.key.namespace, name=receiver.key.name)
        return ReceiverChannel(
            self._network,
            self._choices,
            self._on_call,
            receiver=receiver,
            far_end=self._far_ends[place],
            credential=credential,
            clock=self._clock,
            pauses=self._pauses,
        )
