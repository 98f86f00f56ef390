"""SMS: a text message through Twilio, or a service with the same API.

The API recognizes no repeat. An answer that does not arrive therefore ends the attempts, unless the receiver
prefers two messages over none.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urlencode

from notification_contract.kinds.channel_types.sms import UnknownOutcome
from notification_domain.rendering.headline import headline
from notification_domain.rendering.markup.markups import PLAIN
from notification_domain.rendering.segments import fit
from notification_runtime.delivery.channel import Channel, Permanent, Receipt
from notification_runtime.delivery.http.exchange import HttpExchange, OutcomeUnknown, StatusTable
from notification_runtime.rendering.compose import origin

if TYPE_CHECKING:
    from notification_contract.kinds.channel_types.sms import Sms
    from notification_domain.receivers.references import SecretValues
    from notification_runtime.delivery.channel import Message
    from notification_runtime.delivery.http.exchange import NetworkAccess, Reply
    from notification_runtime.rendering.compose import Composer

BASE_URL: Final = "https://api.twilio.com"
MAX_SEGMENTS: Final = 3
TABLE: Final = StatusTable(success=frozenset({201}))
FORM: Final = "application/x-www-form-urlencoded"


class SmsChannel(Channel):
    """Sends to the number of the message.

    `access.timeout` has to be shorter than the time that the dispatcher gives to an attempt: only the channel
    knows whether a request that took too long was sent.
    """

    concurrency = 1

    def __init__(
        self, block: Sms, secrets: SecretValues, *, access: NetworkAccess, composer: Composer
    ) -> None:
        service = access.checked(block.base_url or BASE_URL)
        account = quote(block.account_sid, safe="")
        self.destination = url = f"{service.rstrip('/')}/2010-04-01/Accounts/{account}/Messages.json"
        self._block = block
        self._composer = composer
        username, password = secrets.value("authSecretRef/username"), secrets.value("authSecretRef/password")
        credentials = base64.b64encode(f"{username}:{password}".encode()).decode()
        self._authorization = f"Basic {credentials}"
        hidden = (username, password, credentials)
        self._http = HttpExchange(access, url, table=TABLE, secrets=hidden)

    async def deliver(self, message: Message) -> Receipt:
        """Send the message, shortened to three segments.

        Raises:
            Permanent: also when the answer did not arrive; the text says so.
        """
        if not message.address:
            raise Permanent(
                "no number to send to: set sms.to of the receiver, or a recipient of the notification"
            )
        composed = await self._composer.compose(message, PLAIN)
        text = f"{headline(message.event, composed.subject)}\n{composed.body}"
        source = origin(message, self._composer.facts.cluster)
        text = fit(text, ending=f"\n{source}", segments=MAX_SEGMENTS)
        sender = (
            {"From": self._block.sender}
            if self._block.sender
            else {"MessagingServiceSid": self._block.messaging_service_sid}
        )
        reply = await self._post(message, urlencode({"To": message.address, **sender, "Body": text}).encode())
        return Receipt(message_ref=str(reply.json.get("sid", "")), note=composed.note)

    async def _post(self, message: Message, content: bytes) -> Reply:
        # A connection of its own: an idle one that the server closes meanwhile would leave the outcome unknown.
        headers = {"Content-Type": FORM, "Authorization": self._authorization, "Connection": "close"}
        try:
            return await self._http.post(content, headers=headers)
        except OutcomeUnknown as error:
            if self._block.unknown_outcome is UnknownOutcome.RETRY and message.attempt == 1:
                raise
            text = f"not repeated, because the recipient may have got the message already: {error}"
        raise Permanent(text)


create = SmsChannel
