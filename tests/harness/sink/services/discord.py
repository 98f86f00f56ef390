"""Discord: a webhook, which can read and edit its messages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.harness.sink.services.service import Answered, Posted

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_DESCRIPTION, MAX_EMBED = 4096, 6000
FIRST = 1122334455667788990
UNAUTHORIZED = Answered(status=401, body={"message": "Invalid Webhook Token", "code": 50027})
EMPTY = Answered(status=400, body={"message": "Cannot send an empty message", "code": 50006})
TOO_LONG = Answered(status=400, body={"message": "Invalid Form Body", "code": 50035})
REQUIRED = Answered(
    status=400, body={"message": "Invalid Form Body", "code": 50035, "errors": "BASE_TYPE_REQUIRED"}
)
UNKNOWN = Answered(status=404, body={"message": "Unknown Message", "code": 10008})
ACCEPTED = Answered(body={"id": str(FIRST), "type": 0, "channel_id": "998877665544332211"})
"""The answer with `?wait=true`, without what the message shows; without `wait` there is none."""


def execute(posted: Posted) -> Answered:
    """Answer one message."""
    if not posted.has(posted.path["token"]):
        return UNAUTHORIZED
    message = posted.json
    if problem := _problem(message):
        return problem
    if posted.query.get("wait") != "true":
        return Answered(status=204)
    identity = {**ACCEPTED.body, "id": str(FIRST + sum(map(str.isdecimal, posted.messages)))}
    posted.messages[identity["id"]] = {
        **identity,
        "content": message.get("content", ""),
        "embeds": [{"type": "rich", **embed} for embed in message.get("embeds") or []],
    }
    return Answered(body=posted.messages[identity["id"]])


def read(posted: Posted) -> Answered:
    """Answer the request for a message."""
    if not posted.has(posted.path["token"]):
        return UNAUTHORIZED
    message = posted.messages.get(posted.path["message"])
    return UNKNOWN if message is None else Answered(body=message)


def edit(posted: Posted) -> Answered:
    """Answer a change of a message: what it leaves out stays."""
    found, change = read(posted), posted.json
    if found.status != ACCEPTED.status:
        return found
    if problem := _problem({**found.body, **change}):
        return problem
    posted.messages[posted.path["message"]] |= change
    return read(posted)


def _problem(message: Mapping[str, Any]) -> Answered | None:
    embeds = message.get("embeds") or []
    if not (embeds or message.get("content")):
        return EMPTY
    for embed in embeds:
        texts = [
            embed.get("title", ""),
            embed.get("description", ""),
            embed.get("footer", {}).get("text", ""),
        ]
        named = [field[part] for field in embed.get("fields", []) for part in ("name", "value")]
        texts += named
        if not all(map(str.strip, named)):
            return REQUIRED
        if len(texts[1]) > MAX_DESCRIPTION or sum(map(len, texts)) > MAX_EMBED:
            return TOO_LONG
    return None
