"""Slack of a receiver: through an incoming webhook, or with a bot token, in threads, with buttons and fields."""

from __future__ import annotations

from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import orjson

from notification_contract.kinds.choices import OnResolve
from notification_domain.rendering.headline import NOT_UPDATED
from notification_runtime.channels.slack_webhook import SlackWebhookChannel
from notification_runtime.delivery.channel import (
    Channel,
    Permanent,
    RateLimited,
    Receipt,
    ReceiverError,
    ReceiverProblem,
    Transient,
    sending_part,
)
from notification_runtime.delivery.http.exchange import (
    UNTRUSTED,
    HttpExchange,
    OutcomeUnknown,
    StatusTable,
)
from notification_runtime.rendering.slack_blocks import SlackBlocks

if TYPE_CHECKING:
    from collections.abc import Mapping

    from notification_contract.kinds.channel_types.slack import Slack
    from notification_domain.receivers.references import SecretValues
    from notification_runtime.delivery.channel import Message
    from notification_runtime.delivery.http.exchange import NetworkAccess, Reply
    from notification_runtime.rendering.compose import Composer

BASE_URL: Final = "https://slack.com"
MAX_ANSWER: Final = 256 * 1024
"""Bytes of an answer: it repeats the message, and a character may take twelve of them."""
TABLE: Final = StatusTable(success=frozenset({200}))
WEBHOOK_TABLE: Final = StatusTable(
    success=frozenset({200}),
    receiver=MappingProxyType({**UNTRUSTED, 410: ReceiverProblem.GONE}),
)

RECEIVER_ERRORS: Final = {
    "account_inactive": ReceiverProblem.AUTHENTICATION_FAILED,
    "invalid_auth": ReceiverProblem.AUTHENTICATION_FAILED,
    "missing_scope": ReceiverProblem.AUTHENTICATION_FAILED,
    "no_permission": ReceiverProblem.AUTHENTICATION_FAILED,
    "not_allowed_token_type": ReceiverProblem.AUTHENTICATION_FAILED,
    "not_authed": ReceiverProblem.AUTHENTICATION_FAILED,
    "not_in_channel": ReceiverProblem.MISCONFIGURED,
    "token_expired": ReceiverProblem.AUTHENTICATION_FAILED,
    "token_revoked": ReceiverProblem.AUTHENTICATION_FAILED,
}
POST_ERRORS: Final = {
    **RECEIVER_ERRORS,
    "channel_not_found": ReceiverProblem.NOT_FOUND,
    "is_archived": ReceiverProblem.GONE,
}
"""Those of a post, which goes to the channel of the receiver; an update may concern another one."""
TRANSIENT_ERRORS: Final = frozenset(
    {"fatal_error", "internal_error", "request_timeout", "service_unavailable"}
)
LIMITED_ERRORS: Final = frozenset({"ratelimited", "rate_limited", "message_limit_exceeded"})


class SlackBotChannel(Channel):
    keeps_threads = True

    def __init__(
        self, block: Slack, secrets: SecretValues, *, access: NetworkAccess, composer: Composer
    ) -> None:
        service = access.checked(block.base_url or BASE_URL)
        methods = f"{service.rstrip('/')}/api"
        posts, updates = f"{methods}/chat.postMessage", f"{methods}/chat.update"
        self.destination = f"{posts}#{block.channel}"
        self._block = block
        self._token = secrets.value("botTokenSecretRef")
        self._blocks = SlackBlocks(composer, mentions=block.mentions)
        exchange = partial(HttpExchange, access, table=TABLE, secrets=(self._token,), most=MAX_ANSWER)
        self._posts, self._updates = exchange(posts), exchange(updates)

    def messages_of(self, message: Message) -> int:
        return self._blocks.count(message)

    async def deliver(self, message: Message) -> Receipt:
        """Post the message; a long one as two, and what is longer is cut. The receipt names the first.

        A Resolve updates the first message of its incident before that: a repeat changes nothing more there.
        """
        payloads, note = await self._blocks.shown(message)
        if message.ends_thread and self._block.on_resolve is OnResolve.UPDATE_AND_REPLY:
            problem = await self._update(message, payloads[0])
            note = "; ".join(filter(None, (note, problem)))
        references: list[str] = []
        for number, payload in enumerate(payloads, start=1):
            arguments = {**self._place(message, number), **payload}
            with sending_part(number):
                reply = await self._call(self._posts, arguments, errors=POST_ERRORS)
            references.append(f"{reply.json.get('channel', '')}/{reply.json.get('ts', '')}")
        return Receipt(message_ref=references[0], note=note)

    async def _update(self, message: Message, payload: dict[str, Any]) -> str:
        """Let the first message of the incident say that it is resolved; return why it cannot."""
        channel, _, timestamp = message.thread_ref.rpartition("/")
        place = {"channel": channel, "ts": timestamp}
        arguments = {**place, **self._blocks.resolution(message, payload)}
        try:
            await self._call(self._updates, arguments, errors=RECEIVER_ERRORS)
        except Permanent as error:
            return f"{NOT_UPDATED}: {error}"
        return ""

    async def _call(
        self, method: HttpExchange, arguments: dict[str, Any], *, errors: Mapping[str, ReceiverProblem]
    ) -> Reply:
        """Call a method of Slack's API.

        Raises:
            DeliveryError: it did not succeed.
        """
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "Authorization": f"Bearer {self._token}",
        }
        reply = await method.post(orjson.dumps(arguments), headers=headers)
        _raise_for(reply, errors)
        return reply

    def _place(self, message: Message, part: int) -> dict[str, Any]:
        """Return where a part of a message belongs, and what identifies it."""
        event = {"delivery_id": message.delivery_id, "part": part}
        place: dict[str, Any] = {
            "channel": self._block.channel,
            "metadata": {"event_type": "notification", "event_payload": event},
        }
        stands_alone = message.ends_thread and self._block.on_resolve is OnResolve.NONE
        if message.thread_ref and not stands_alone:
            place["thread_ts"] = message.thread_ref.rpartition("/")[2]
        return place


def _raise_for(reply: Reply, errors: Mapping[str, ReceiverProblem]) -> None:
    if reply.json.get("ok") is True:
        return
    error = str(reply.json.get("error") or "")
    if not reply.is_complete:
        raise OutcomeUnknown("the answer is incomplete; Slack may have accepted the message")
    if not error:
        failure = Permanent("the answer is not one of Slack: it has neither ok nor error")
        failure.refused = False
        raise failure
    if error in errors:
        raise ReceiverError(errors[error], f"Slack answered {error}")
    if error in LIMITED_ERRORS:
        raise RateLimited(f"Slack answered {error}", retry_after=reply.retry_after)
    if error in TRANSIENT_ERRORS:
        raise Transient(f"Slack answered {error}", retry_after=reply.retry_after)
    raise Permanent(f"Slack answered {error}")


def create(block: Slack, secrets: SecretValues, *, access: NetworkAccess, composer: Composer) -> Channel:
    """Return the channel; the block has either a webhook or a token."""
    if block.webhook_url_secret_ref is None:
        return SlackBotChannel(block, secrets, access=access, composer=composer)
    url = access.checked(secrets.value("webhookUrlSecretRef"))
    return SlackWebhookChannel(
        url,
        http=HttpExchange(access, url, table=WEBHOOK_TABLE, secrets=(url,)),
        layout=SlackBlocks(composer, mentions=block.mentions),
    )
