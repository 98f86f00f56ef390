"""The mail of a message: its headers, and its body as plain text and as HTML."""

from __future__ import annotations

import base64
import hashlib
import re
import unicodedata
from dataclasses import dataclass, replace
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import TYPE_CHECKING, Final

from markupsafe import Markup

from notification_operator.delivery.channel import Permanent, Transient
from notification_operator.rendering.compose import origin
from notification_operator.rendering.headline import LOOKS, headline
from notification_operator.rendering.markup.html import HtmlRenderer
from notification_operator.rendering.markup.plain import PlainRenderer
from notification_operator.rendering.pool import RenderingError
from notification_operator.rendering.templating.templates import Output

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from notification_contract.kinds.choices import BodyFormat
    from notification_operator.delivery.channel import Message
    from notification_operator.rendering.compose import Composed, Composer

PLAIN: Final = re.compile(r"[ -~]*")
MAX_PLAIN: Final = 56
"""Characters of a subject that fit into the line of its header."""
MAX_WORD: Final = 30
"""Bytes of an encoded word: 40 characters in base64, which fit into the first line, too."""
IMPORTANCE: Final = {"critical": "high", "high": "high", "low": "low"}


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenMail:
    id: str
    """Its Message-ID: the same for every attempt of one target."""
    content: bytes
    note: str
    """A problem of its template."""


async def write_mail(
    message: Message, *, sender: Address, address: str, date: datetime, composer: Composer
) -> WrittenMail:
    """Return the mail of a message; a long one is written in another thread.

    Args:
        message: what it is about.
        sender: in printable ASCII.
        address: the recipient.
        date: of the mail.
        composer: the templates of the receiver.

    Raises:
        Permanent: the recipient is no address that can be written to.
        Transient: the mail could not be written in time.
    """
    _check(address)
    composed = await composer.compose(message, _both)
    composed = replace(composed, subject=headline(message.event, composed.subject))
    headers = _headers(message, sender, composed.subject) | {"To": address, "Date": format_datetime(date)}

    def write() -> WrittenMail:
        content = _head(headers) + _body(message, composed, composer).as_bytes()
        return WrittenMail(id=headers["Message-ID"], content=content, note=composed.note)

    try:
        return await composer.run(message, write, size=len(composed.body["html"]))
    except RenderingError as error:
        raise Transient(f"the mail was not written: {error}") from error


def _headers(message: Message, sender: Address, subject: str) -> dict[str, str]:
    """Return the headers as they are sent; no other one is, whatever the message contains."""
    domain = sender.domain
    headers = {
        "Subject": encoded(f"[{message.content.priority}] ", subject),
        "From": str(sender),
        "Message-ID": f"<{_digest(message.delivery_id)}@{domain}>",
        "List-Id": f"<{message.namespace}.notifications.{domain}>",
        "Auto-Submitted": "auto-generated",
        "X-Auto-Response-Suppress": "All",
        "X-Notification": f"{message.namespace}/{message.name}",
    }
    if message.dedup_key:
        thread = f"<{_digest(f'{message.namespace}/{message.dedup_key}')}@{domain}>"
        headers |= {"References": thread, "In-Reply-To": thread}
    if message.content.priority in IMPORTANCE:
        headers["Importance"] = IMPORTANCE[message.content.priority]
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


def _body(message: Message, composed: Composed[dict[str, str]], composer: Composer) -> EmailMessage:
    """Return the body with the headers that describe it."""
    mail = EmailMessage(policy=SMTP)
    text, html = composed.body["text"], composed.body["html"]
    source = origin(message, composer.facts.cluster)
    color = f"#{LOOKS[message.event].color:06x}" if message.event in LOOKS else ""
    context = {**composer.context(message), "subject": composed.subject, "color": color}
    plain = composer.page("email.txt.j2", {**context, "body": text}, last=f"{text}\n\n--\n{source}\n")
    page = composer.page(
        "email.html.j2",
        {**context, "body": Markup(html)},  # noqa: S704 - of HtmlRenderer, which escapes everything
        last=f"{html}<p>{source}</p>\n",
        output=Output.HTML,
    )
    mail.set_content(plain, cte=_transfer_encoding(plain))
    mail.add_alternative(page, subtype="html", cte=_transfer_encoding(page))
    return mail


def _transfer_encoding(text: str) -> str:
    """Return the shorter of the encodings with which no server on the way changes the text, or refuses a long line.

    A byte outside ASCII takes three characters in quoted-printable; three bytes of any kind take four in base64.
    """
    size = len(text.encode(errors="replace"))
    plain = len(text.encode("ascii", "ignore"))
    return "quoted-printable" if plain + 3 * (size - plain) <= size * 4 / 3 else "base64"


def _both(text: str, form: BodyFormat) -> dict[str, str]:
    return {"text": PlainRenderer().body(text, form), "html": HtmlRenderer().body(text, form)}


def _check(address: str) -> None:
    """Check that an address is one, and no header can begin in it.

    Raises:
        Permanent: it is not.
    """
    try:
        Address(addr_spec=address)
    except (MessageError, ValueError, IndexError) as error:
        raise Permanent(
            f"{address!r} is not an e-mail address: correct email.to of the receiver, or the recipient"
        ) from error
    if not address.isascii() or not address.isprintable():
        raise Permanent(
            f"the address {address!r} is not printable ASCII; few servers accept it, so it is not supported"
        )


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]
