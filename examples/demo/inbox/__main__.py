"""Runs the inbox until SIGTERM: pages on 8080, webhooks over TLS on 8443, mail over TLS on 8465."""

from __future__ import annotations

import asyncio
import signal
import ssl
from datetime import UTC, datetime
from pathlib import Path

from aiohttp import web

from examples.demo.inbox import smtp
from examples.demo.inbox.mailbox import Mailbox
from examples.demo.inbox.pages import Pages

HOST = "0.0.0.0"  # noqa: S104 - a pod's ports
PAGES_PORT, WEBHOOK_PORT, MAIL_PORT = 8080, 8443, 8465
SECRETS = Path("/etc/inbox")
"""A certificate, the key that signs webhooks, and the user of the mail server."""


async def serve() -> None:
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(SECRETS / "tls.crt", SECRETS / "tls.key")
    mailbox = Mailbox()

    def accept(envelope: smtp.Envelope, content: bytes) -> None:
        mailbox.add_mail(
            content,
            sender=envelope.sender,
            recipient=envelope.recipient,
            user=envelope.user,
            at=datetime.now(UTC),
        )

    login = smtp.Login(username=secret("username"), password=secret("password"))
    mail = await smtp.listen(HOST, MAIL_PORT, context, login, accept)
    runner = web.AppRunner(Pages(mailbox, key=secret("signing-key")).application(), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, HOST, PAGES_PORT).start()
    await web.TCPSite(runner, HOST, WEBHOOK_PORT, ssl_context=context).start()
    await stopped.wait()
    mail.close()
    await runner.cleanup()


def secret(name: str) -> str:
    return (SECRETS / name).read_text("utf-8").strip()


if __name__ == "__main__":
    asyncio.run(serve())
