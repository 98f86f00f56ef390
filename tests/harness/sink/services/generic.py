"""A webhook of one's own making, which takes everything; its credential is a header."""

from __future__ import annotations

from tests.harness.sink.services.service import Answered, Posted

ACCEPTED = Answered(body="ok")
UNAUTHORIZED = Answered(status=401, body={"error": "unauthorized"})


def webhook(posted: Posted) -> Answered:
    """Answer one request; the tests verify its signature."""
    return ACCEPTED if posted.has(posted.headers.get("Authorization", "")) else UNAUTHORIZED
