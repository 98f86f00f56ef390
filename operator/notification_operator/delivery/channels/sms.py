"""SMS: a text message through Twilio, or a service with the same API.

The API recognizes no repeat. An answer that does not arrive therefore ends the attempts, unless the receiver
prefers two messages over none.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urlencode

from notification_operator.delivery.channel import Channel, InvalidOptionsError, Permanent, Receipt
from notification_operator.delivery.http.exchange import HttpExchange, OutcomeUnknown, StatusTable
from notification_operator.delivery.rendering.compose import origin
from notification_operator.delivery.rendering.markup.plain import PlainRenderer
from notification_operator.delivery.rendering.segments import fit

if TYPE_CHECKING:
    from notification_operator.delivery.channel import Message
    from notification_operator.delivery.http.exchange import HttpAccess, Reply
    from notification_operator.delivery.rendering.compose import Composer

BASE_URL: Final = "https://api.twilio.com"
MAX_SEGMENTS: Final = 3
TABLE: Final = StatusTable(success=frozenset({201}))
FORM: Final = "application/x-www-form-urlencoded"


class UnknownOutcome(StrEnum):
    """What follows when nobody knows whether the service accepted a message."""

    FAIL = "Fail"
    RETRY = "Retry"
    """At most once; the recipient may get the message twice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SmsOptions:
    """The block `sms` of a receiver."""

    account_sid: str
    to: str = ""
    sender: str = ""
    messaging_service_sid: str = ""
    base_url: str = BASE_URL
    unknown_outcome: UnknownOutcome = UnknownOutcome.FAIL


@dataclass(frozen=True, slots=True, kw_only=True)
class SmsSecrets:
    """What a receiver's Secret contains."""

    username: str = field(repr=False)
    password: str = field(repr=False)


class SmsChannel(Channel):
    """Sends to one number, or to that of the message.

    `access.timeout` has to be shorter than the time that the dispatcher gives to an attempt: only the channel
    knows whether a request that took too long was sent.

    Raises:
        InvalidOptionsError: neither a sender nor a messaging service is set, or both are.
    """

    concurrency = 1

    def __init__(
        self, options: SmsOptions, secrets: SmsSecrets, *, access: HttpAccess, composer: Composer
    ) -> None:
        if bool(options.sender) == bool(options.messaging_service_sid):
            raise InvalidOptionsError("sms needs either from or messagingServiceSid, and not both")
        account = quote(options.account_sid, safe="")
        self._url = f"{options.base_url.rstrip('/')}/2010-04-01/Accounts/{account}/Messages.json"
        self.destination = self._url
        self._options = options
        self._composer = composer
        credentials = base64.b64encode(f"{secrets.username}:{secrets.password}".encode()).decode()
        self._authorization = f"Basic {credentials}"
        hidden = (secrets.username, secrets.password, credentials)
        self._http = HttpExchange(access, secrets=hidden)

    async def deliver(self, message: Message) -> Receipt:
        """Send the message, shortened to three segments.

        Raises:
            Permanent: also when the answer did not arrive; the text says so.
        """
        to = message.address or self._options.to
        if not to:
            raise Permanent(
                "no number to send to: set sms.to of the receiver, or a recipient of the notification"
            )
        composed = await self._composer.compose(message, PlainRenderer().body)
        text = fit(
            f"{composed.subject}\n{composed.body}", ending=f"\n{origin(message)}", segments=MAX_SEGMENTS
        )
        sender = (
            {"From": self._options.sender}
            if self._options.sender
            else {"MessagingServiceSid": self._options.messaging_service_sid}
        )
        reply = await self._post(message, urlencode({"To": to, **sender, "Body": text}).encode())
        return Receipt(message_ref=str(reply.json.get("sid", "")), note=composed.note)

    async def _post(self, message: Message, content: bytes) -> Reply:
        # A connection of its own: an idle one that the server closes meanwhile would leave the outcome unknown.
        headers = {"Content-Type": FORM, "Authorization": self._authorization, "Connection": "close"}
        try:
            return await self._http.post(self._url, content, headers=headers, table=TABLE)
        except OutcomeUnknown as error:
            if self._options.unknown_outcome is UnknownOutcome.RETRY and message.attempt == 1:
                raise
            text = f"not repeated, because the recipient may have got the message already: {error}"
        raise Permanent(text)
