"""Twilio: text messages."""

from __future__ import annotations

import base64
import binascii
import re
from urllib.parse import parse_qs

from tests.harness.sink.services.service import Answered, Posted

MAX_BODY = 1600
NUMBER = re.compile(r"\+[1-9][0-9]{4,14}")


def accepted(account: str, fields: dict[str, str]) -> Answered:
    """Return the answer to an accepted message."""
    body = {
        "sid": "SM0123456789abcdef0123456789abcdef",
        "account_sid": account,
        "status": "queued",
        "to": fields.get("To", ""),
        "from": fields.get("From"),
        "messaging_service_sid": fields.get("MessagingServiceSid"),
        "body": fields.get("Body", ""),
        "num_segments": "1",
        "error_code": None,
        "error_message": None,
    }
    return Answered(status=201, body=body)


def refused(status: int, code: int, message: str) -> Answered:
    """Return an error."""
    more = f"https://www.twilio.com/docs/errors/{code}"
    return Answered(
        status=status, body={"code": code, "message": message, "more_info": more, "status": status}
    )


UNAUTHORIZED = refused(401, 20003, "Authenticate")


def messages(posted: Posted) -> Answered:
    """Answer a request for one message."""
    if not posted.has(_password(posted.headers.get("Authorization", ""))):
        return UNAUTHORIZED
    fields = {key: values[0] for key, values in parse_qs(posted.body.decode(errors="replace")).items()}
    if not NUMBER.fullmatch(fields.get("To", "")):
        return refused(400, 21211, f"The 'To' number {fields.get('To', '')} is not a valid phone number.")
    if not (fields.get("From") or fields.get("MessagingServiceSid")):
        return refused(400, 21603, "A 'From' phone number is required.")
    if not fields.get("Body"):
        return refused(400, 21602, "Message body is required.")
    if len(fields["Body"]) > MAX_BODY:
        return refused(400, 21617, "The concatenated message body exceeds the 1600 character limit.")
    return accepted(posted.path["sid"], fields)


def _password(authorization: str) -> str:
    scheme, _, encoded = authorization.partition(" ")
    if scheme != "Basic":
        return ""
    try:
        return base64.b64decode(encoded, validate=True).decode().partition(":")[2]
    except (binascii.Error, ValueError):
        return ""
