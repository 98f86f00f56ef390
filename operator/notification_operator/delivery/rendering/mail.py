"""The mail of a message: its headers, and its body as plain text and as HTML."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import TYPE_CHECKING, Final

from markupsafe import Markup

from notification_operator.delivery.channel import Permanent, Transient
from notification_operator.delivery.rendering.compose import origin
from notification_operator.delivery.rendering.markup.html import HtmlRenderer
from notification_operator.delivery.rendering.markup.plain import PlainRenderer
from notification_operator.delivery.rendering.pool import RenderingError
from notification_operator.delivery.rendering.templating.templates import Output

if TYPE_CHECKING:
    from datetime import datetime

    from notification_contract.messages import BodyFormat
    from notification_operator.delivery.channel import Message
    from notification_operator.delivery.rendering.compose import Composed, Composer

IMPORTANCE: Final = {"critical": "high", "high": "high", "low": "low"}


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenMail:
    """A mail as it is sent."""

    id: str
    """Its Message-ID: the same for every attempt of one target."""
    content: bytes
    note: str
    """A problem of its template."""


async def write_mail(
    message: Message, *, sender: Address, address: str, date: datetime, composer: Composer
) -> WrittenMail:
    """Return the mail of a message; a long one is written in another thread.

    Raises:
        Permanent: the recipient is no address that can be written to.
        Transient: the mail could not be written in time.
    """
    recipient = _recipient(address)
    composed = await composer.compose(message, _both)

    def write() -> WrittenMail:
        mail = _headed(message, sender, composed.subject)
        mail["To"] = recipient
        mail["Date"] = format_datetime(date)
        _add_body(mail, message, composed, composer)
        return WrittenMail(id=str(mail["Message-ID"]), content=mail.as_bytes(), note=composed.note)

    try:
        return await composer.run(message, write, size=len(composed.body["html"]))
    except RenderingError as error:
        raise Transient(f"the mail was not written: {error}") from error


def _headed(message: Message, sender: Address, subject: str) -> EmailMessage:
    mail = EmailMessage(policy=SMTP)
    domain = sender.domain
    mail["Subject"] = f"[{message.content.priority}] {subject}"
    mail["From"] = sender
    mail["Message-ID"] = f"<{_digest(message.delivery_id)}@{domain}>"
    if message.dedup_key:
        thread = f"<{_digest(f'{message.namespace}/{message.dedup_key}')}@{domain}>"
        mail["References"] = mail["In-Reply-To"] = thread
    mail["List-Id"] = f"<{message.namespace}.notifications.{domain}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail["X-Auto-Response-Suppress"] = "All"
    mail["X-Notification"] = f"{message.namespace}/{message.name}"
    if message.content.priority in IMPORTANCE:
        mail["Importance"] = IMPORTANCE[message.content.priority]
    return mail


def _add_body(
    mail: EmailMessage, message: Message, composed: Composed[dict[str, str]], composer: Composer
) -> None:
    text, html, source = composed.body["text"], composed.body["html"], origin(message)
    context = {**composer.context(message), "subject": composed.subject}
    plain = composer.page("email.txt.j2", {**context, "body": text}, last=f"{text}\n\n--\n{source}\n")
    page = composer.page(
        "email.html.j2",
        {**context, "body": Markup(html)},  # noqa: S704 - of HtmlRenderer, which escapes everything
        last=f"{html}<p>{source}</p>\n",
        output=Output.HTML,
    )
    # Quoted-printable: no server on the way changes the text, or refuses a long line.
    mail.set_content(plain, cte="quoted-printable")
    mail.add_alternative(page, subtype="html", cte="quoted-printable")


def _both(text: str, form: BodyFormat) -> dict[str, str]:
    return {"text": PlainRenderer().body(text, form), "html": HtmlRenderer().body(text, form)}


def _recipient(address: str) -> Address:
    try:
        recipient = Address(addr_spec=address)
    except (MessageError, ValueError, IndexError) as error:
        raise Permanent(
            f"{address!r} is not an e-mail address: correct email.to of the receiver, or the recipient"
        ) from error
    if not address.isascii():
        raise Permanent(
            f"the address {address!r} is not ASCII; few servers accept it, so it is not supported"
        )
    return recipient


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]
