"""The mail of a message to one address."""

from __future__ import annotations

from dataclasses import dataclass
from email.errors import MessageError
from email.headerregistry import Address
from email.utils import format_datetime
from typing import TYPE_CHECKING

from notification_domain.rendering.mime import write
from notification_runtime.delivery.channel import Permanent

if TYPE_CHECKING:
    from datetime import datetime

    from notification_runtime.delivery.channel import Message
    from notification_runtime.rendering.compose import Composer


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
    """Return the mail of a message.

    Args:
        message: what it is about.
        sender: in printable ASCII.
        address: the recipient.
        date: of the mail.
        composer: the templates of the receiver.

    Raises:
        Permanent: the recipient is no address that can be written to.
    """
    _check(address)
    mail = await composer.run(
        message,
        write,
        sender=str(sender),
        domain=sender.domain,
        address=address,
        date=format_datetime(date),
    )
    return WrittenMail(id=mail["id"], content=mail["content"].encode("ascii"), note=mail["note"])


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
