"""The endpoints of this process: the only map from channels and receivers to what is known of them.

An endpoint of a receiver is built for the first message, or for the question what the receiver lacks. A change of the
spec or of a Secret replaces it, and what waited for the receiver is reconciled.
"""

from __future__ import annotations

import asyncio
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import structlog

from notification_contract.kinds.channel_names import SHARED
from notification_contract.kinds.choices import CircuitState
from notification_domain.planning.hold import HoldReason
from notification_domain.receivers.health import UNTESTED
from notification_domain.receivers.standing import Standing, reached
from notification_domain.receivers.targets import receiver_of
from notification_operator.endpoints.attempt import SCORED_ATTEMPTS
from notification_operator.endpoints.endpoint import Endpoint, EndpointContext
from notification_operator.endpoints.refusals import (
    NEW_SECONDS,
    another_type,
    held,
    missing,
    not_configured,
    not_ready,
    receiver_not_allowed,
)
from notification_runtime.fair.lru import LruMap, SharedMap

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime

    from notification_domain.key import Key
    from notification_domain.planning.hold import Hold
    from notification_domain.receivers.catalog import Catalog, Receiver, ReceiverKey
    from notification_domain.receivers.health import Health, Readiness
    from notification_operator.endpoints.attempt import Recorder
    from notification_operator.endpoints.builder import Builder
    from notification_operator.endpoints.endpoint import Delivery
    from notification_operator.endpoints.limits import FlowControl, Limits
    from notification_operator.endpoints.refusals import Refusal
    from notification_runtime.delivery.channel import Channel, Message

MAX_CHANNELS: Final = 1024
"""Channels of receivers that are kept: the ones used most recently."""
MAX_WAITING: Final = 20_000
"""Notifications that are remembered as waiting; each of them also has a time at which it is reconciled. One namespace can name
receivers that do not exist as often as it likes: it displaces its own ones alone as long as others have fewer."""
MAX_READINESS: Final = 128
"""Readiness values that are remembered for sharing: the ones used most recently."""
CLOSING_SECONDS: Final = 5.0
"""Seconds that a channel has to close."""
NO_CHANNEL_LIMITS: Final[Mapping[str, Limits]] = MappingProxyType({})

logger = structlog.get_logger(__name__)


class Endpoints:
    """Finds the endpoint of a target, and replaces endpoints.

    Args:
        channels: the channels of the settings, which receivers of type console, file and log use, too.
        limits: those of the settings, by channel.
        control: the limits and clocks of all gates.
        recorder: builds the records of attempts.
        timeout: seconds for an attempt on a channel of the settings.
        catalog: returns the receivers that exist now.
        builder: builds the channels of receivers; None if receivers are disabled.
    """

    def __init__(  # noqa: PLR0913 - what an endpoint is made of
        self,
        channels: Mapping[str, Channel],
        limits: Mapping[str, Limits] = NO_CHANNEL_LIMITS,
        *,
        control: FlowControl,
        recorder: Recorder,
        timeout: float,
        catalog: Callable[[], Catalog] | None = None,
        builder: Builder | None = None,
    ) -> None:
        self.control: Final = control
        self.recorder: Final = recorder
        self._context = EndpointContext(control=control, recorder=recorder, timeout=timeout)
        self._catalog = catalog
        self._builder = builder
        self._endpoints: dict[str | ReceiverKey, Endpoint] = {
            name: Endpoint(self._context, name=name, limits=limits.get(name), channel=channel)
            for name, channel in channels.items()
        }
        """Endpoints by the name of a channel of the settings, or by receiver; the one used most recently is last."""
        self._channels = tuple(channels)
        self._shared: LruMap[Readiness, Readiness] = LruMap(MAX_READINESS)
        """Most of a thousand receivers have an equal readiness."""
        self._waiting: SharedMap[tuple[ReceiverKey, str], Key] = SharedMap(MAX_WAITING)
        """Notifications by receiver, which need not exist, and uid."""

    def observe(self, on_result: Callable[[ReceiverKey], None]) -> None:
        """Call a function with the receiver after each call of one, from now on."""
        self._context.on_result = on_result

    def find(self, target: str, message: Message, *, routed: bool = False) -> Delivery | Hold | Refusal:
        """Return what is sent to a target, and through which gate; or why nothing is sent now.

        `routed` tells whether the routing document leads to its receiver, whatever namespaces that allows.
        """
        key = receiver_of(target, message.namespace)
        if key is None:
            endpoint = self._endpoints.get(target)
            return not_configured(target) if endpoint is None else endpoint.accept(target, message)
        if self._catalog is None:
            return not_ready(key, "receivers are disabled; set receivers.enabled of the operator")
        catalog, namespace = self._catalog(), message.namespace
        receiver = catalog.get(key)
        why = reached(
            target,
            receiver,
            own=key.namespace == namespace,
            allowed=receiver is not None and (routed or catalog.allows(receiver, namespace)),
            undecided=catalog.awaits_labels(namespace),
        )
        if receiver is None or why is not None:
            return self._unreached(why or Standing.MISSING, target, key, message)
        return self.endpoint(receiver).accept(target, message)

    def _unreached(self, why: Standing, target: str, key: ReceiverKey, message: Message) -> Hold | Refusal:
        """Return why nothing is sent to a target that does not lead to its receiver."""
        assert self._catalog is not None, "a target of a receiver was looked for"
        catalog = self._catalog()
        match why:
            case Standing.NOT_ALLOWED:
                return receiver_not_allowed(key, message.namespace)
            case Standing.MISSING:
                return missing(key, catalog.problems.get(key, ()))
            case Standing.ANOTHER_TYPE:
                return another_type(key, catalog.receivers[key].spec.type, target.partition("/")[0])
            case _:
                # Labels are read within moments, and so are the targets of a receiver that is new.
                return self._held_briefly(message)

    def _held_briefly(self, message: Message) -> Hold:
        now = self.control.clock()
        return held(HoldReason.NOT_READY, now=now, uid=message.uid, seconds=NEW_SECONDS, brief=True)

    def endpoint(self, receiver: Receiver) -> Endpoint:
        """Return the endpoint of a receiver, with a channel if the receiver can be used."""
        endpoint = self._present(receiver)
        complete = endpoint is not None and (endpoint.channel is not None or not endpoint.is_sendable)
        if endpoint is None or not complete:
            endpoint = self._renew(receiver, keep=True)
        self._endpoints[receiver.key] = self._endpoints.pop(receiver.key)
        if not complete:
            self._shed_oldest()
        return endpoint

    def readiness(self, receiver: Receiver) -> Readiness:
        """Return whether messages can be sent to a receiver, and what it lacks."""
        endpoint = self._present(receiver) or self._renew(receiver, keep=False)
        assert endpoint.readiness is not None, "a receiver has a readiness"
        return endpoint.readiness

    def known_readiness(self, receiver: Receiver) -> Readiness | None:
        """Return what a receiver lacks, if `readiness` has found it out already; nothing is built."""
        endpoint = self._present(receiver)
        return None if endpoint is None else endpoint.readiness

    def health(self, key: ReceiverKey) -> Health:
        """Return what calls have shown of a receiver, with the present state of its breaker."""
        endpoint = self._endpoints.get(key)
        return UNTESTED if endpoint is None else endpoint.statistics().health

    def drilled(self, key: ReceiverKey, time: datetime) -> None:
        """Take in that a message of a drill was delivered; a receiver that is not known any more stays so."""
        endpoint = self._endpoints.get(key)
        if endpoint is not None:
            endpoint.history.drilled(time)

    def replace(self, changed: Iterable[ReceiverKey]) -> tuple[Key, ...]:
        """Take in what some receivers, and what they refer to, are now; return the notifications that waited for that."""
        different = frozenset(key for key in sorted(changed) if self._replace(key))
        waited = [(namespace, each) for namespace, each in self._waiting if each[0] in different]
        if waited:
            logger.info("receivers changed", receivers=len(different), waiting=len(waited))
        keys = tuple(self._waiting.pop(namespace, each) for namespace, each in waited)
        return tuple(key for key in keys if key is not None)

    def wait(self, receiver: ReceiverKey, notification: Key) -> None:
        """Remember that a notification waits for a receiver."""
        self._waiting.put(notification.namespace, (receiver, notification.uid), notification)

    def wait_no_longer(self, receiver: ReceiverKey, notification: Key) -> None:
        """Forget that a notification waited for a receiver: it is not worth a reconciliation."""
        self._waiting.pop(notification.namespace, (receiver, notification.uid))

    def publish(self, watch: Callable[[str, str, Iterable[str], Callable[[str], float]], None]) -> None:
        """Publish the state of each channel of the settings through a function that adds one gauge per channel."""
        watch(
            "channel_circuit_breaker_state",
            "Circuit breaker state of the channel: 0 closed, 1 half-open, 2 open.",
            self._channels,
            lambda name: float(list(CircuitState).index(self._endpoints[name].statistics().circuit)),
        )
        watch(
            "channel_health_score",
            f"Share of the latest {SCORED_ATTEMPTS} attempts on the channel that succeeded; 1 before the first attempt.",
            self._channels,
            lambda name: self._endpoints[name].statistics().score,
        )

    async def close(self) -> None:
        """Close every channel of the settings; log each one that fails or times out."""
        for name in self._channels:
            channel = self._endpoints[name].channel
            assert channel is not None, "a channel of the settings is kept"
            try:
                async with asyncio.timeout(CLOSING_SECONDS):
                    await channel.close()
            except Exception as error:
                logger.warning("channel not closed", channel=name, exc_info=error)

    def _replace(self, key: ReceiverKey) -> bool:
        """Bring the endpoint of a receiver up to date; return whether anything is different."""
        assert self._catalog is not None, "without receivers none changes"
        before, receiver = self._endpoints.get(key), self._catalog().get(key)
        if receiver is None:
            if before is not None:
                before.retire()
                del self._endpoints[key]
            return True
        if before is None:
            # It is built when it is needed: at the start that would be all of them together.
            return True
        return self._renew(receiver, keep=before.channel is not None) is not before

    def _present(self, receiver: Receiver) -> Endpoint | None:
        """Return the endpoint of this generation of a receiver, if there is one; its channel need not be kept."""
        endpoint = self._endpoints.get(receiver.key)
        return endpoint if endpoint is not None and endpoint.is_of(receiver) else None

    def _renew(self, receiver: Receiver, *, keep: bool) -> Endpoint:
        """Build the channel of a receiver again, and replace the endpoint if anything but a template is different.

        To find out what a receiver lacks, its channel is built, too, but not kept: most of a thousand receivers get no
        message for a long time.
        """
        assert self._builder is not None, "without receivers none is built"
        host = self._endpoints.get(receiver.spec.type)
        found, channel = self._builder.build(receiver, host)
        ready = self._shared.use(found, lambda: found)
        endpoint = self._present(receiver)
        if endpoint is None or endpoint.readiness != ready:
            endpoint = self._put(receiver, ready, host if receiver.spec.type in SHARED else None)
        endpoint.channel = channel if keep else None
        return endpoint

    def _put(self, receiver: Receiver, ready: Readiness, host: Endpoint | None) -> Endpoint:
        """Put a new endpoint in the place of the one before, which is retired."""
        before = self._endpoints.pop(receiver.key, None)
        if before is not None:
            before.retire()
        endpoint = self._endpoints[receiver.key] = Endpoint(
            self._context,
            receiver=receiver,
            readiness=ready,
            host=host,
            before=before,
        )
        return endpoint

    def _shed_oldest(self) -> None:
        """Keep the channels of the receivers used most recently."""
        kept = [each for each in self._endpoints.values() if each.receiver and each.channel]
        for endpoint in kept[:-MAX_CHANNELS]:
            endpoint.shed()
