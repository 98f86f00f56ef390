"""Creates channels: those of receivers from their spec, those of the operator's settings from their declaration.

The module of a channel type has a function `create`. It is loaded with the first channel of the type, because the
libraries of a service take memory that most processes never need.
"""

from __future__ import annotations

import asyncio
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakValueDictionary

from yarl import URL

from notification_contract.settings.receivers import Receivers
from notification_domain.rendering.job import Renderer
from notification_runtime.delivery.channel import Channel, InvalidOptionsError
from notification_runtime.delivery.http.egress_policy import egress_policy
from notification_runtime.delivery.http.exchange import MOST_CONNECTIONS, NetworkAccess
from notification_runtime.delivery.sessions import Connection, Trust
from notification_runtime.fair.fair_queue import FairSemaphore
from notification_runtime.rendering.compose import Composer, Facts

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from notification_contract.kinds.channel_type import TypeBlock
    from notification_contract.kinds.receiver import ReceiverSpec
    from notification_domain.receivers.catalog import Receiver
    from notification_domain.receivers.references import References, SecretValues
    from notification_domain.redaction.redactor import Redactor
    from notification_runtime.delivery.http.egress_policy import EgressPolicy
    from notification_runtime.delivery.sessions import Sessions
    from notification_runtime.rendering.compose import ReadTemplate

CHANNEL_PACKAGE: Final = "notification_runtime.channels"
"""The package of the modules of the types."""


def load(factory: str, options: Mapping[str, Any]) -> Channel:
    """Return the channel that a function creates, which is named as `module:function`.

    Raises:
        TypeError: it is no channel.
    """
    module, function = factory.split(":")
    channel = getattr(import_module(module), function)(**options)
    if not isinstance(channel, Channel):
        raise TypeError(
            f"{type(channel).__name__} is no channel; derive it from {Channel.__module__}.Channel"
        )
    return channel


def create_channel(
    kind: str, block: TypeBlock | None, secrets: SecretValues, *, access: NetworkAccess, composer: Composer
) -> Channel:
    """Return a channel of a type.

    Raises:
        InvalidOptionsError, AddressNotAllowedError: a value of a Secret, or a field, can never work.
    """
    options = {"block": block, "secrets": secrets, "access": access, "composer": composer}
    return load(f"{CHANNEL_PACKAGE}.{kind}:create", options)


class ChannelFactory:
    """Creates channels that share sessions and the renderer.

    Args:
        sessions: the HTTP sessions.
        clock: the wall clock.
        redactor: removes secrets from texts.
        cluster: the name of the cluster, for templates and webhooks.
        overrides: reads the templates of notifications; None: they are not used.
        egress: what receivers may connect to.
        renderer: computes what tenants wrote; None: this process.
    """

    def __init__(  # noqa: PLR0913 - what the channels of all receivers share
        self,
        *,
        sessions: Sessions,
        clock: Callable[[], datetime],
        redactor: Redactor,
        cluster: str = "",
        overrides: ReadTemplate | None = None,
        egress: Receivers = Receivers(),  # noqa: B008 - frozen
        renderer: Renderer | None = None,
    ) -> None:
        self._sessions = sessions
        self._clock = clock
        self._redactor = redactor
        self._cluster = cluster
        self._overrides = overrides
        self._egress = egress
        self._renderer = renderer or Renderer()
        self._turn = asyncio.Lock()
        self._connections: WeakValueDictionary[str, FairSemaphore] = WeakValueDictionary()

    def create(self, receiver: Receiver, references: References, sources: Mapping[str, str]) -> Channel:
        """Return the channel of a receiver. A template that is not valid is found out with the first message.

        Args:
            receiver: of a type that has a block.
            references: the values of its Secrets.
            sources: its templates by their keys, `subject` and `body`.

        Raises:
            InvalidOptionsError, AddressNotAllowedError: a value of a Secret, or a field, can never work.
        """
        return create_channel(
            receiver.spec.type,
            receiver.spec.block,
            references.of_block(receiver.spec.type),
            access=self._access(receiver, references),
            composer=self.composer(receiver, sources),
        )

    def composer(self, receiver: Receiver, sources: Mapping[str, str]) -> Composer:
        """Return what composes the messages of a receiver."""
        return Composer(
            facts=Facts(cluster=self._cluster, receiver=str(receiver.key), receiver_type=receiver.spec.type),
            templates=sources,
            redactor=self._redactor,
            overrides=self._overrides,
            renderer=self._renderer,
        )

    def _access(self, receiver: Receiver, references: References) -> NetworkAccess:
        """Return how a receiver reaches the network.

        Raises:
            InvalidOptionsError: the URL of the proxy is not valid.
        """
        spec = receiver.spec
        policy, namespace = receiver_policy(self._egress, spec), receiver.key.namespace
        connection = Connection(policy=policy, trust=trust_of(references), proxy=_proxy(references))
        return NetworkAccess(
            session=partial(self._sessions.session, namespace, connection),
            policy=policy,
            clock=self._clock,
            timeout=spec.timeout_seconds,
            server_name=spec.tls.server_name if spec.tls else "",
            tls=partial(self._sessions.context, namespace, connection),
            names=self._sessions.names,
            namespace=namespace,
            connections=self._connections.setdefault(namespace, FairSemaphore(MOST_CONNECTIONS)),
            turn=self._turn,
        )


def receiver_policy(settings: Receivers, spec: ReceiverSpec) -> EgressPolicy:
    """Return what a receiver may connect to."""
    return egress_policy(
        settings,
        getattr(spec.block, "allowed_networks", ()),
        insecure=getattr(spec.block, "insecure", False),
    )


def trust_of(references: References) -> Trust:
    """Return the certificates of a receiver; their texts are the ones that the Secrets hold, and no copies."""
    tls = references.of_block("tls").values
    return Trust(
        authorities=tls.get("caSecretRef", ""),
        certificate=tls.get("certSecretRef/tls.crt", ""),
        key=tls.get("certSecretRef/tls.key", ""),
    )


def _proxy(references: References) -> str:
    """Return the URL of the proxy, which may contain credentials; empty without one."""
    text = references.values.get("proxySecretRef", "").strip()
    try:
        valid = not text or (URL(text).scheme in {"http", "https"} and bool(URL(text).host))
    except ValueError:
        valid = False
    if not valid:
        raise InvalidOptionsError("proxySecretRef holds no URL such as http://proxy.example.com:3128")
    return text
