"""The receivers that this process can send to: which are ready, and the sender of each.

A sender is created for the first message, and again after a change of the spec, of a Secret or of a template. So a
change takes effect with the next attempt, without a restart. To find out what a receiver lacks, its channel is created, too,
but not kept: most of a thousand receivers get no message for a long time.
"""

from __future__ import annotations

import traceback
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import structlog

from notification_contract.kinds.channel_names import ADDRESSES, SHARED
from notification_contract.kinds.choices import OnReceiverError, Overflow
from notification_contract.kinds.target import UNKNOWN_TYPE
from notification_operator.delivery.channel import InvalidOptionsError, Permanent, ReceiverProblem
from notification_operator.delivery.flow_control.destinations import ChannelLimits
from notification_operator.delivery.http.egress_policy import AddressNotAllowedError
from notification_operator.delivery.receivers.holds import (
    GONE,
    LABELS,
    NEW,
    NEW_SECONDS,
    SUSPENDED,
    held,
    invalid,
    missing,
    next_look,
    not_for,
)
from notification_operator.delivery.receivers.readiness_book import Finding, ReadinessBook
from notification_operator.delivery.refusals import another_type, no_recipient, recipient_not_allowed
from notification_operator.delivery.senders import Sender, Unavailable
from notification_operator.domain.flow_control.rate import Rate
from notification_operator.domain.planning.hold import HoldReason
from notification_operator.domain.receivers.readiness import Readiness, ReadyReason
from notification_operator.domain.receivers.references import (
    ReferenceReason,
    References,
    resolve_references,
    template_key,
)
from notification_operator.domain.receivers.targets import (
    accepts,
    address_of,
    receiver_of,
)
from notification_operator.domain.status import Reason
from notification_operator.fair.lru import LruMap

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from notification_operator.delivery.channel import Channel, Message
    from notification_operator.delivery.receivers.factory import ChannelFactory
    from notification_operator.delivery.senders import ChannelSenders
    from notification_operator.domain.receivers.catalog import Catalog, Receiver, ReceiverKey
    from notification_operator.domain.receivers.references import ObjectSource

KEPT: Final = 1024
"""Senders that are kept: the ones used most recently."""
MARGIN_SECONDS: Final = 1.0
"""An attempt takes at most so much longer than the receiver's time limit, which the channel itself keeps."""

logger = structlog.get_logger(__name__)


class ReceiverDirectory:
    """Finds the sender of a target with a receiver.

    Args:
        catalog: returns the receivers that exist now.
        secrets: the Secrets that they refer to.
        config_maps: the ConfigMaps with their templates.
        channels: the channels of the settings, which receivers of type console, file and log use.
        factory: creates channels.
        clock: the wall clock.
    """

    def __init__(  # noqa: PLR0913 - what a receiver is made of
        self,
        catalog: Callable[[], Catalog],
        *,
        secrets: ObjectSource,
        config_maps: ObjectSource,
        channels: ChannelSenders,
        factory: ChannelFactory,
        clock: Callable[[], datetime],
    ) -> None:
        self._catalog = catalog
        self._secrets = secrets
        self._config_maps = config_maps
        self._channels = channels
        self._factory = factory
        self._clock = clock
        self._readiness = ReadinessBook()
        self._senders: LruMap[ReceiverKey, Sender] = LruMap(KEPT)
        self._gone: dict[ReceiverKey, str] = {}
        """The revisions of receivers whose far end said that it does not exist any more."""

    def refresh(self, keys: frozenset[ReceiverKey]) -> frozenset[ReceiverKey]:
        """Take in what some receivers and their Secrets are now; return those that differ from before."""
        return frozenset(key for key in sorted(keys) if self._refresh(key))

    def _refresh(self, key: ReceiverKey) -> bool:
        self._senders.pop(key)
        before, receiver = self._readiness.forget(key), self._catalog().get(key)
        if receiver is None:
            self._gone.pop(key, None)
        # A receiver that nobody has asked for is not created here: at the start that would be all of them at once.
        if before is None or receiver is None:
            return True
        return before != Finding(uid=receiver.uid, readiness=self.readiness(receiver))

    def readiness(self, receiver: Receiver) -> Readiness:
        """Return whether messages can be sent to a receiver, and what it lacks."""
        return self._readiness.get(receiver) or self._create(receiver)[0]

    def find(self, target: str, message: Message) -> Sender | Unavailable:
        """Return who sends a message to a target now."""
        key = receiver_of(target, message.namespace)
        assert key is not None, "the target has a receiver"
        catalog = self._catalog()
        receiver = catalog.get(key)
        if receiver is None:
            # What is wrong with a spec concerns its namespace only.
            problems = catalog.problems.get(key) if key.namespace == message.namespace else None
            return held(key, invalid(problems) if problems else missing(key), until=None)
        if catalog.awaits_labels(receiver, message.namespace):
            return held(key, LABELS, until=next_look(self._clock(), message.uid, NEW_SECONDS))
        if not catalog.allows(receiver, message.namespace):
            undecided = catalog.is_undecided(receiver, message.namespace)
            return not_for(key, message.namespace, undecided=undecided)
        kind = target.partition("/")[0]
        if kind == UNKNOWN_TYPE:
            # The targets of the notification were found before the receiver existed. They are found again soon.
            return held(key, NEW, until=next_look(self._clock(), message.uid, NEW_SECONDS))
        if kind != receiver.spec.type:
            error = another_type(key, receiver.spec.type, kind)
            return Unavailable(error=error, reason=Reason.RECEIVER_NOT_READY)
        return self._find(receiver, target, message)

    def _find(self, receiver: Receiver, target: str, message: Message) -> Sender | Unavailable:
        key, sender = receiver.key, self.sender(receiver)
        gone = sender is not None and self._gone.get(key) == sender.revision
        if sender is not None and not gone and not receiver.spec.suspend:
            return _addressed(sender, receiver, target, message)
        until = next_look(self._clock(), message.uid)
        if receiver.spec.suspend:
            return held(key, SUSPENDED, reason=HoldReason.SUSPENDED, until=until)
        ready, holds = self.readiness(receiver), receiver.spec.on_receiver_error is OnReceiverError.HOLD
        if gone and not holds:
            return Unavailable(
                error=Permanent(f"{ReceiverProblem.GONE}: receiver {key}: {GONE}"),
                reason=Reason.RECEIVER_NOT_READY,
            )
        holds = holds or ready.references is ReferenceReason.PENDING
        return held(key, GONE if gone else ready.problem, until=until if holds else None)

    def sender(self, receiver: Receiver) -> Sender | None:
        """Return the sender of a receiver; None if it is not ready."""
        key, ready = receiver.key, self._readiness.get(receiver)
        sender = self._senders.get(key)
        if ready is None or (ready.sendable and sender is None):
            _, sender = self._create(receiver)
        if sender is not None:
            self._senders.put(key, sender)
        return sender

    def close(self, key: ReceiverKey, revision: str) -> None:
        """Send nothing more to a receiver until it changes: its far end is gone for good."""
        self._gone[key] = revision

    def _create(self, receiver: Receiver) -> tuple[Readiness, Sender | None]:
        """Create the sender of a receiver, and remember what it lacks; an older sender is not used any more."""
        references = resolve_references(receiver, self._secrets)
        ready, channel = self._prepare(receiver, references)
        ready = self._readiness.put(receiver, ready)
        self._senders.pop(receiver.key)
        if channel is None:
            return ready, None
        return ready, _sender(receiver, channel, version=references.version)

    def _prepare(self, receiver: Receiver, references: References) -> tuple[Readiness, Channel | None]:
        ready = Readiness(
            generation=receiver.generation,
            references=references.reason,
            references_message=references.message,
            secret_version=references.version,
        )
        if not references.resolved:
            return replace(ready, sendable=False), None
        sources, missing = self._template_sources(receiver)
        try:
            channel, template_problem = self._created(receiver, references, sources)
        except (InvalidOptionsError, AddressNotAllowedError) as error:
            return replace(ready, reason=ReadyReason.INVALID, message=str(error), sendable=False), None
        except Exception as error:  # noqa: BLE001 - whatever a channel raises
            # A fault of one receiver must not fail the notifications of others; its text may hold a secret.
            place = traceback.extract_tb(error.__traceback__)[-1]
            logger.error(  # noqa: TRY400 - without the text of the error
                "receiver not usable",
                receiver=str(receiver.key),
                error=type(error).__name__,
                at=f"{place.filename}:{place.lineno}",
            )
            problem = f"the receiver cannot be used: {type(error).__name__}; see the log of the operator"
            return replace(ready, reason=ReadyReason.INVALID, message=problem, sendable=False), None
        problem = missing or template_problem
        if problem:
            # The built-in templates are used: a message is never lost to a template.
            ready = replace(ready, reason=ReadyReason.TEMPLATE_INVALID, message=problem)
        return ready, channel

    def _template_sources(self, receiver: Receiver) -> tuple[Mapping[str, str], str]:
        """Return the templates of a receiver by key, and why they are missing."""
        source, key = receiver.spec.template, template_key(receiver)
        if source is not None and source.inline is not None:
            return {"subject": source.inline.subject, "body": source.inline.body}, ""
        if key is None:
            return {}, ""
        data = self._config_maps.get(key).data
        if data is None:
            problem = f"ConfigMap {key.name} in namespace {key.namespace} cannot be read; create it"
            return {}, f"template.configMapRef: {problem}"
        return {name: data.get(name, "") for name in ("subject", "body")}, ""

    def _created(
        self, receiver: Receiver, references: References, sources: Mapping[str, str]
    ) -> tuple[Channel, str]:
        """Return the channel of a receiver, and why one of its templates is not valid.

        Raises:
            InvalidOptionsError, AddressNotAllowedError: a value can never work.
        """
        spec = receiver.spec
        if spec.type not in SHARED:
            return self._factory.create(receiver, references, sources)
        shared = self._channels.senders.get(spec.type)
        if shared is None:
            raise InvalidOptionsError(
                f"the operator has no channel {spec.type}; enable channels.{spec.type} in its settings"
            )
        if not shared.limits.allows(receiver.key.namespace):
            raise InvalidOptionsError(
                f"namespace {receiver.key.namespace} may not use the channel {spec.type}"
            )
        return shared.channel, ""


def _sender(receiver: Receiver, channel: Channel, *, version: str) -> Sender:
    spec, limit = receiver.spec, receiver.spec.rate_limit
    rate = None if limit is None else Rate(per_second=limit.per_second, burst=limit.count)
    return Sender(
        name=f"{spec.type}/{receiver.key}",
        channel=channel,
        limits=ChannelLimits(rate=rate),
        timeout=spec.timeout_seconds + MARGIN_SECONDS,
        receiver=receiver.key,
        uid=receiver.uid,
        revision=f"{receiver.uid}/{receiver.generation}/{version}",
        holds_errors=spec.on_receiver_error is OnReceiverError.HOLD,
        suppresses=limit is not None and limit.overflow is Overflow.SUPPRESS,
    )


def _addressed(sender: Sender, receiver: Receiver, target: str, message: Message) -> Sender | Unavailable:
    """Return the sender with the recipient of a target, if the receiver accepts it."""
    if not receiver.spec.addresses_people:
        return sender
    if "#" not in target:
        field = ADDRESSES[receiver.spec.type]
        return Unavailable(error=no_recipient(receiver.key, field))
    address = address_of(target, receiver, message.content)
    if not address or not accepts(receiver, address):
        error = recipient_not_allowed(receiver.key)
        return Unavailable(error=error, reason=Reason.RECEIVER_NOT_ALLOWED)
    return replace(sender, address=address)
