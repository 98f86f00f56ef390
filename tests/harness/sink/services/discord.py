"""Discord: a webhook."""

from __future__ import annotations

from tests.harness.sink.services.service import Answered, Posted

MAX_DESCRIPTION, MAX_EMBED = 4096, 6000
UNAUTHORIZED = Answered(status=401, body={"message": "Invalid Webhook Token", "code": 50027})
EMPTY = Answered(status=400, body={"message": "Cannot send an empty message", "code": 50006})
TOO_LONG = Answered(status=400, body={"message": "Invalid Form Body", "code": 50035})
ACCEPTED = Answered(body={"id": "1122334455667788990", "type": 0, "channel_id": "998877665544332211"})
"""The answer with `?wait=true`; without it there is none."""


def execute(posted: Posted) -> Answered:
    """Answer one message."""
    if not posted.has(posted.path["token"]):
        return UNAUTHORIZED
    embeds = posted.json.get("embeds") or []
    if not (embeds or posted.json.get("content")):
        return EMPTY
    for embed in embeds:
        texts = [
            embed.get("title", ""),
            embed.get("description", ""),
            embed.get("footer", {}).get("text", ""),
        ]
        texts += [field[part] for field in embed.get("fields", []) for part in ("name", "value")]
        if len(texts[1]) > MAX_DESCRIPTION or sum(map(len, texts)) > MAX_EMBED:
            return TOO_LONG
    return ACCEPTED if posted.query.get("wait") == "true" else Answered(status=204)
