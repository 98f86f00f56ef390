"""Slack: an incoming webhook, and `chat.postMessage` with a bot token."""

from __future__ import annotations

from tests.harness.sink.services.service import Answered, Posted

MAX_BLOCKS = 50


def webhook(posted: Posted) -> Answered:
    """Answer in plain text, as webhooks of Slack do."""
    if not posted.has(posted.path["token"]):
        return Answered(status=403, body="invalid_token")
    message = posted.json
    if not message:
        return Answered(status=400, body="invalid_payload")
    if not (message.get("text") or message.get("blocks")):
        return Answered(status=400, body="no_text")
    return Answered(body="ok")


def accepted(channel: str) -> Answered:
    """Return the answer to an accepted message."""
    message = {"type": "message", "ts": "1716969600.000100"}
    return Answered(body={"ok": True, "channel": channel, "ts": message["ts"], "message": message})


def refused(error: str) -> Answered:
    """Return an error, which is an answer with the status 200."""
    return Answered(body={"ok": False, "error": error})


def post_message(posted: Posted) -> Answered:
    """Answer a call of `chat.postMessage`."""
    scheme, _, token = posted.headers.get("Authorization", "").partition(" ")
    if scheme != "Bearer" or not token:
        return refused("not_authed")
    if not posted.has(token):
        return refused("invalid_auth")
    message = posted.json
    if not message.get("channel"):
        return refused("channel_not_found")
    blocks = message.get("blocks") or []
    if len(blocks) > MAX_BLOCKS:
        return refused("invalid_blocks")
    if not (message.get("text") or blocks):
        return refused("no_text")
    return accepted(str(message["channel"]))
