"""The protocol of a mail server, by aiosmtpd: in clear text, with STARTTLS, or over TLS from the start."""

from __future__ import annotations

import asyncio
import warnings
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from aiosmtpd.smtp import SMTP

if TYPE_CHECKING:
    import ssl

    from aiosmtpd.smtp import Session


class Encryption(StrEnum):
    """How the connections of a port are encrypted."""

    NONE = "None"
    STARTTLS = "StartTLS"
    TLS = "TLS"


def smtp_protocol(
    handler: object, encryption: Encryption, context: ssl.SSLContext | None, **options: Any
) -> SMTP:
    """Return the protocol of one connection; `options` are those of aiosmtpd.

    With `Encryption.TLS` the server of the connection encrypts, so the protocol must not.
    """
    starttls = encryption is Encryption.STARTTLS
    with warnings.catch_warnings():
        # The library does not see that the connection is encrypted from its start.
        warnings.filterwarnings("ignore", message="Requiring AUTH while not requiring TLS")
        return SMTP(
            handler,
            tls_context=context if starttls else None,
            require_starttls=starttls,
            auth_require_tls=encryption is not Encryption.TLS,
            loop=asyncio.get_running_loop(),
            **{"hostname": "mail.test", **options},
        )


def is_encrypted(server: SMTP, session: Session) -> bool:
    """Return whether a connection is encrypted now."""
    transport = server.transport
    assert transport is not None
    return session.ssl is not None or transport.get_extra_info("sslcontext") is not None
