"""Microsoft Teams: a workflow that starts with a webhook."""

from __future__ import annotations

from tests.harness.sink.services.service import Answered, Posted

MAX_MESSAGE = 28 * 1024
CARD = "application/vnd.microsoft.card.adaptive"
ACCEPTED = Answered(status=202)


def refused(status: int, code: str, message: str) -> Answered:
    """Return an error."""
    return Answered(status=status, body={"error": {"code": code, "message": message}})


UNAUTHORIZED = refused(
    401,
    "DirectApiAuthorizationRequired",
    "The request must be authenticated only by Shared Access scheme.",
)


def workflow(posted: Posted) -> Answered:
    """Answer one message; the URL holds the signature that proves the right to send."""
    if not posted.has(posted.query.get("sig", "")):
        return UNAUTHORIZED
    if len(posted.body) > MAX_MESSAGE:
        return refused(413, "RequestEntityTooLarge", "The request is larger than the workflow accepts.")
    cards = posted.json.get("attachments") or []
    if not cards or any(card.get("contentType") != CARD for card in cards):
        return refused(
            400, "TriggerInputSchemaMismatch", "The input of the trigger does not match its schema."
        )
    return ACCEPTED
