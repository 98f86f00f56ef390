"""A mail as it is sent: its headers, and its body as plain text and as HTML. Pure."""

from __future__ import annotations

import base64
import hashlib
import re
import unicodedata
from email.message import EmailMessage
from email.policy import SMTP
from typing import TYPE_CHECKING, Any, Final, TypedDict

from notification_contract.kinds.choices import LifecycleEvent
from notification_domain.rendering.composition import compose
from notification_domain.rendering.headline import LOOKS, headline
from notification_domain.rendering.job import job
from notification_domain.rendering.markup.markups import MAIL
from notification_domain.rendering.mentions import visible
from notification_domain.rendering.pages import html_page, text_page

if TYPE_CHECKING:
    from collections.abc import Mapping

    from notification_domain.rendering.composition import ComposedValues, Composition

PLAIN: Final = re.compile(r"[ -~]*")
MAX_PLAIN: Final = 56
"""Characters of a subject that fit into the line of its header."""
MAX_WORD: Final = 30
"""Bytes of an encoded word: 40 characters in base64, which fit into the first line, too."""
MAX_LINES: Final = 8_192
"""Lines of a text that is not sent in base64."""
IMPORTANCE: Final = {"critical": "high", "high": "high", "low": "low"}


class Mail(TypedDict):
    """A mail, and a problem of its template."""

    id: str
    """Its Message-ID: the same for every attempt of one target."""
    content: str
    """In ASCII."""
    note: str
    counts: dict[str, int]
    """The number of secrets by rule name."""


@job(seconds=4, returns=Mail)
def write(*, composition: Composition, sender: str, domain: str, address: str, date: str) -> Mail:
    """Return the mail of a message.

    Args:
        composition: the message.
        sender: an address in printable ASCII, as it is shown.
        domain: that of the sender.
        address: of the recipient, in printable ASCII.
        date: of the mail, as its header has it.
    """
    composed = compose(composition=composition, markup=MAIL.name)
    context = composition["context"]
    event = LifecycleEvent(context["notification"]["event"])
    subject = headline(event, composed["subject"])
    headers = _headers(context["notification"], sender, domain, subject)
    body = _body(context, composed, subject=subject, color=_color(event))
    content = _head(headers | {"To": address, "Date": date}) + body.as_bytes()
    return {
        "id": headers["Message-ID"],
        "content": content.decode("ascii"),
        "note": composed["note"],
        "counts": composed["counts"],
    }


def _headers(content: Mapping[str, Any], sender: str, domain: str, subject: str) -> dict[str, str]:
    """Return the headers as they are sent; no other one is, whatever the message contains."""
    source = f"{content['namespace']}/{content['name']}"
    headers = {
        "Subject": encoded(f"[{content['priority']}] ", subject),
        "From": sender,
        "Message-ID": f"<{_digest(content['deliveryId'])}@{domain}>",
        "List-Id": f"<{content['namespace']}.notifications.{domain}>",
        "Auto-Submitted": "auto-generated",
        "X-Auto-Response-Suppress": "All",
        "X-Notification": source,
    }
    if content["dedupKey"]:
        incident = _digest(f"{content['namespace']}/{content['dedupKey']}")
        thread = f"<{incident}@{domain}>"
        headers |= {"References": thread, "In-Reply-To": thread}
    if content["priority"] in IMPORTANCE:
        headers["Importance"] = IMPORTANCE[content["priority"]]
    return headers


def _head(headers: Mapping[str, str]) -> bytes:
    # Not by EmailMessage: it decodes the words of RFC 2047, and some versions of Python write what comes out.
    return "".join(f"{name}: {value}\r\n" for name, value in headers.items()).encode("ascii")


def encoded(start: str, text: str) -> str:
    """Return a text for a header, so that every reader shows it as it is written.

    A text that is not short and plain becomes encoded words (RFC 2047). No line exceeds 76 characters.

    Args:
        start: what precedes it.
        text: without it: control characters, which no header can have.
    """
    shown = "".join(character for character in text if unicodedata.category(character) != "Cc")
    head = start if PLAIN.fullmatch(start) else ""
    shown = shown if head else start + shown
    if PLAIN.fullmatch(shown) and "=?" not in shown and len(shown) <= MAX_PLAIN:
        return head + shown
    words, word = [], ""
    for character in shown:
        if len((word + character).encode(errors="replace")) > MAX_WORD:
            words.append(word)
            word = ""
        word += character
    return head + "\r\n ".join(map(_word, [*words, word]))


def _word(text: str) -> str:
    return f"=?utf-8?b?{base64.b64encode(text.encode(errors='replace')).decode()}?="


def _color(event: LifecycleEvent) -> str:
    look = LOOKS.get(event)
    return f"#{look.color:06x}" if look else ""


def _body(context: Mapping[str, Any], composed: ComposedValues, *, subject: str, color: str) -> EmailMessage:
    """Return the body with the headers that describe it."""
    mail, body = EmailMessage(policy=SMTP), composed["body"]
    plain = _sendable(text_page(context, body=body["text"]))
    page = _sendable(html_page(context, subject=subject, body=body["html"], color=color))
    mail.set_content(plain, cte=_transfer_encoding(plain))
    mail.add_alternative(page, subtype="html", cte=_transfer_encoding(page))
    return mail


def _sendable(text: str) -> str:
    # A surrogate without its pair cannot be sent.
    return visible(text).encode(errors="replace").decode()


def _transfer_encoding(text: str) -> str:
    """Return the shorter of the encodings with which no server on the way changes the text, or refuses a long line.

    A text of very many lines is sent in base64, which has fewer: who sends it looks for their ends. A byte outside ASCII takes three characters in quoted-printable; three bytes of any kind take four in base64.
    """
    if text.count("\n") > MAX_LINES:
        return "base64"
    size = len(text.encode(errors="replace"))
    plain = len(text.encode("ascii", "ignore"))
    return "quoted-printable" if plain + 3 * (size - plain) <= size * 4 / 3 else "base64"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]
