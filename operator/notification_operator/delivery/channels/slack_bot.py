"""Slack with a bot token: chat.postMessage, in threads, with buttons and fields."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import orjson

from notification_operator.delivery.channel import (
    Permanent,
    Receipt,
    ReceiverError,
    ReceiverProblem,
    Transient,
)
from notification_operator.delivery.http_exchange import HttpExchange, StatusTable
from notification_operator.delivery.rendering.compose import links, origin
from notification_operator.delivery.rendering.mentions import neutralize
from notification_operator.delivery.rendering.mrkdwn import MrkdwnRenderer
from notification_operator.delivery.rendering.pieces import limited

if TYPE_CHECKING:
    from notification_operator.delivery.channel import Message
    from notification_operator.delivery.http_exchange import HttpAccess, Reply
    from notification_operator.delivery.rendering.compose import Composed, Composer

BASE_URL: Final = "https://slack.com"
MAX_HEADER, MAX_SECTION, MAX_FIELDS, MAX_FIELD, MAX_BUTTONS, MAX_LABEL, MAX_URL = (
    150,
    3000,
    10,
    300,
    5,
    75,
    3000,
)
MAX_TEXT: Final = 11_000
"""Characters of the sections of one message: Slack accepts 12,000, together with what surrounds them."""
MAX_MESSAGES: Final = 2
TABLE: Final = StatusTable(success=frozenset({200}))

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
TRANSIENT_ERRORS: Final = frozenset(
    {"fatal_error", "internal_error", "ratelimited", "rate_limited", "request_timeout", "service_unavailable"}
)

Block = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class SlackBotOptions:
    """The block `slack` of a receiver with a bot token."""

    channel: str
    mentions: bool = False
    base_url: str = BASE_URL


@dataclass(frozen=True, slots=True, kw_only=True)
class SlackBotSecrets:
    """What a receiver's Secret contains."""

    token: str = field(repr=False)


class SlackBotChannel:
    """Posts to one Slack channel."""

    def __init__(
        self, options: SlackBotOptions, secrets: SlackBotSecrets, *, access: HttpAccess, composer: Composer
    ) -> None:
        self._url = f"{options.base_url.rstrip('/')}/api/chat.postMessage"
        self.destination = f"{self._url}#{options.channel}"
        self._options = options
        self._token = secrets.token
        self._composer = composer
        self._renderer = MrkdwnRenderer(mentions=options.mentions)
        self._http = HttpExchange(access, secrets=(secrets.token,))

    async def deliver(self, message: Message) -> Receipt:
        """Post the message; a long one as two, and what is longer is cut. The receipt names the first."""
        composed = await self._composer.compose(message, self._renderer.body)
        references: list[str] = []
        for payload in self.payloads(message, composed):
            reply = await self._http.post(
                self._url,
                orjson.dumps(payload),
                headers={
                    "Content-Type": "application/json; charset=utf-8",
                    "Authorization": f"Bearer {self._token}",
                },
                table=TABLE,
            )
            _raise_for(reply)
            references.append(f"{reply.json.get('channel', '')}/{reply.json.get('ts', '')}")
        return Receipt(message_ref=references[0], note=composed.note)

    def payloads(self, message: Message, composed: Composed[str]) -> list[dict[str, Any]]:
        """Return the one or two requests of a message."""
        cut = f"\n… truncated, see kubectl get notif -n {message.namespace} {message.name}"
        parts = limited(composed.body, size=MAX_TEXT, parts=MAX_MESSAGES, cut=cut)
        thread = {"thread_ts": message.thread_ref.rpartition("/")[2]} if message.thread_ref else {}
        return [
            {
                "channel": self._options.channel,
                "text": self._renderer.text(composed.subject),
                "blocks": self._blocks(message, composed, part, first=number == 1),
                "metadata": {
                    "event_type": "notification",
                    "event_payload": {"delivery_id": message.delivery_id, "part": number},
                },
                "parse": "none",
                "link_names": False,
                "unfurl_links": False,
                "unfurl_media": False,
                **thread,
            }
            for number, part in enumerate(parts, start=1)
        ]

    def _blocks(self, message: Message, composed: Composed[str], text: str, *, first: bool) -> list[Block]:
        content = message.content
        sections = [
            {"type": "section", "text": self._mrkdwn(piece)}
            for piece in limited(text, size=MAX_SECTION, parts=MAX_TEXT // MAX_SECTION + 2, cut="")
            if piece.strip()  # Slack refuses an empty text
        ]
        facts = self._renderer.text(
            f"Priority: {content.priority} | Type: {content.type} | {origin(message)}"
        )
        context = {"type": "context", "elements": [self._mrkdwn(facts)]}
        if not first:
            return [*sections, context]
        title = self._plain(composed.subject, MAX_HEADER)
        return [
            {"type": "header", "text": title},
            *sections,
            *self._fields(message),
            *self._buttons(message),
            context,
        ]

    def _mrkdwn(self, text: str) -> Block:
        return {"type": "mrkdwn", "text": text, "verbatim": not self._options.mentions}

    def _plain(self, text: str, limit: int) -> Block:
        shown = text if self._options.mentions else neutralize(text)
        return {"type": "plain_text", "text": _shortened(shown, limit), "emoji": False}

    def _fields(self, message: Message) -> list[Block]:
        shown = [
            self._mrkdwn(
                self._renderer.text(_shortened(name, MAX_FIELD))
                + "\n"
                + self._renderer.text(_shortened(self._composer.redact(value), MAX_FIELD))
            )
            for name, value in list(message.content.metadata.items())[:MAX_FIELDS]
        ]
        return [{"type": "section", "fields": shown}] if shown else []

    def _buttons(self, message: Message) -> list[Block]:
        buttons = [
            {
                "type": "button",
                "text": self._plain(link["label"], MAX_LABEL),
                "url": link["url"],
                "action_id": f"link-{number}",
            }
            for number, link in enumerate(links(message)[:MAX_BUTTONS], start=1)
            if len(link["url"]) <= MAX_URL
        ]
        return [{"type": "actions", "elements": buttons}] if buttons else []


def _raise_for(reply: Reply) -> None:
    if reply.json.get("ok") is True:
        return
    error = str(reply.json.get("error") or "an answer that is not from Slack")
    if error in RECEIVER_ERRORS:
        raise ReceiverError(RECEIVER_ERRORS[error], f"Slack answered {error}")
    if error in TRANSIENT_ERRORS:
        raise Transient(f"Slack answered {error}", retry_after=reply.retry_after)
    raise Permanent(f"Slack answered {error}")


def _shortened(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"
