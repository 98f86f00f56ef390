"""Mattermost: an incoming webhook."""

from __future__ import annotations

from tests.harness.sink.services.service import Answered, Posted

MAX_POST = 16_383
ACCEPTED = Answered(body="ok")


def refused(cause: str, message: str) -> Answered:
    """Return an error: every one has the status 400, also that of a webhook which does not exist."""
    body = {"id": f"web.incoming_webhook.{cause}.app_error", "message": message, "status_code": 400}
    return Answered(status=400, body=body)


INVALID = refused("invalid", "Invalid webhook.")


def hook(posted: Posted) -> Answered:
    """Answer one message."""
    if not posted.has(posted.path["token"]):
        return INVALID
    text = posted.json.get("text", "")
    if not (text or posted.json.get("attachments")):
        return refused("text", "No text specified.")
    if "\0" in text:
        # Its database refuses the character.
        body = {"id": "app.post.save.app_error", "message": "Unable to save the Post.", "status_code": 500}
        return Answered(status=500, body=body)
    if len(text) > MAX_POST:
        return refused("text.length", f"Maximum text length is {MAX_POST} characters.")
    return ACCEPTED
