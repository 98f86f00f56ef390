"""Slack: an incoming webhook, and `chat.postMessage` and `chat.update` with a bot token, which know the messages of an account."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.harness.sink.services.service import Answered, Posted

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_BLOCKS = 50
SHOWN = ("text", "blocks", "attachments")
"""What a message consists of."""


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


def accepted(channel: str, *, number: int = 1, **shown: Any) -> Answered:
    """Return the answer to the first, second, … accepted message; it repeats what the message shows."""
    message = {"type": "message", "ts": f"1716969600.{number:04}00", **shown}
    return Answered(body={"ok": True, "channel": channel, "ts": message["ts"], "message": message})


def refused(error: str) -> Answered:
    """Return an error, which is an answer with the status 200."""
    return Answered(body={"ok": False, "error": error})


def post_message(posted: Posted) -> Answered:
    """Answer a call of `chat.postMessage`."""
    message = posted.json
    problem = _unauthorized(posted) or _invalid(message)
    if problem:
        return refused(problem)
    number = 1 + sum("." in known for known in posted.messages)
    answer = accepted(str(message["channel"]), number=number, **_shown(message))
    kept = {name: message[name] for name in ("channel", "thread_ts", *SHOWN) if name in message}
    posted.messages[answer.body["ts"]] = kept
    return answer


def update(posted: Posted) -> Answered:
    """Answer a call of `chat.update`: what it leaves out stays, but for the blocks of a message that gets another text."""
    change = posted.json
    problem = _unauthorized(posted) or _invalid(change)
    if problem:
        return refused(problem)
    timestamp = str(change.get("ts"))
    message = posted.messages.get(timestamp)
    if message is None or message["channel"] != change["channel"]:
        return refused("message_not_found")
    if "text" in change and "blocks" not in change:
        message.pop("blocks", None)
    message |= _shown(change)
    changed = {"type": "message", **_shown(message)}
    return Answered(body={"ok": True, "channel": change["channel"], "ts": timestamp, "message": changed})


def _shown(message: Mapping[str, Any]) -> dict[str, Any]:
    return {name: message[name] for name in SHOWN if name in message}


def _unauthorized(posted: Posted) -> str:
    scheme, _, token = posted.headers.get("Authorization", "").partition(" ")
    if scheme != "Bearer" or not token:
        return "not_authed"
    return "" if posted.has(token) else "invalid_auth"


def _invalid(message: Mapping[str, Any]) -> str:
    if not message.get("channel"):
        return "channel_not_found"
    if len(message.get("blocks") or []) > MAX_BLOCKS:
        return "invalid_blocks"
    return "" if any(message.get(name) for name in SHOWN) else "no_text"
