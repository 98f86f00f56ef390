"""Apprise: any service that the library of this name knows, if it is installed.

The library makes its own connections and follows redirects, so the egress guard cannot check them: this
channel is for receivers of the operator's namespace only.
"""

from __future__ import annotations

import asyncio
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

import structlog

from notification_contract.kinds.choices import LifecycleEvent
from notification_domain.rendering.headline import headline
from notification_domain.rendering.markup.markups import PLAIN
from notification_runtime.delivery.channel import Channel, InvalidOptionsError, Receipt, Transient
from notification_runtime.delivery.daemon_threads import DaemonThreads, SaturatedError
from notification_runtime.rendering.compose import origin

if TYPE_CHECKING:
    import threading

    from notification_contract.kinds.channel_types.apprise import Apprise
    from notification_domain.receivers.references import SecretValues
    from notification_runtime.delivery.channel import Message
    from notification_runtime.delivery.http.exchange import NetworkAccess
    from notification_runtime.rendering.compose import Composer

logger = structlog.get_logger(__name__)

THREADS: Final = 4
PRIORITIES: Final = {"critical": "failure", "high": "warning"}
EVENTS: Final = {LifecycleEvent.ACKNOWLEDGE: "info", LifecycleEvent.RESOLVE: "success"}
"""The type of a message, which decides its color; that of a Trigger is by its priority."""


class AppriseChannel(Channel):
    """Sends to one URL of Apprise.

    Raises:
        InvalidOptionsError: the library is not installed, or knows no service of this URL; or the settings limit hosts.
    """

    concurrency = THREADS

    def __init__(
        self, block: Apprise, secrets: SecretValues, *, access: NetworkAccess, composer: Composer
    ) -> None:
        del block
        if access.policy.allowed_hosts:
            raise InvalidOptionsError(
                "the library apprise makes its own connections, so the operator's setting receivers.allowed_hosts excludes it"
            )
        try:
            library: Any = import_module("apprise")
        except ImportError as error:
            raise InvalidOptionsError(
                "the library apprise is not installed; use an image with notification-platform[apprise]"
            ) from error
        url = secrets.value("urlSecretRef")
        self.destination = url
        self._service = library.Apprise()
        if not self._service.add(url):
            raise InvalidOptionsError("apprise knows no service of this URL; check the key url of the Secret")
        self._timeout = access.timeout
        self._composer = composer
        self.threads = DaemonThreads(THREADS, name="apprise channel")

    async def deliver(self, message: Message) -> Receipt:
        """Send the message from a thread of its own."""
        composed = await self._composer.compose(message, PLAIN)
        title = headline(message.event, composed.subject)
        body = f"{composed.body}\n\n{origin(message, self._composer.facts.cluster)}"
        kind = EVENTS.get(message.event) or PRIORITIES.get(message.content.priority, "info")
        try:
            async with asyncio.timeout(self._timeout):
                await self.threads.run(partial(self._notify, title, body, kind))
        except TimeoutError as error:
            raise Transient(f"apprise did not finish within {self._timeout:g} s") from error
        except SaturatedError as error:
            raise Transient("every thread of the channel waits for apprise") from error
        return Receipt(note=composed.note)

    def _notify(self, title: str, body: str, kind: str, abandoned: threading.Event) -> None:
        if abandoned.is_set():
            return
        try:
            accepted = self._service.notify(
                title=title, body=body, notify_type=kind, body_format="text", interpret_escapes=False
            )
        except Exception as error:  # noqa: BLE001 - the library names no errors, and their texts may hold the URL
            logger.error("apprise failed", error=type(error).__name__)  # noqa: TRY400 - without the text of the error
            raise Transient("apprise failed unexpectedly; see the log of the operator") from None
        if not accepted:
            raise Transient("apprise could not deliver the message; the log of the library says why")


create = AppriseChannel
