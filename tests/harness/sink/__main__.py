"""Runs the sink until SIGTERM; over TLS and as a mail server, if it has a certificate."""

from __future__ import annotations

import asyncio
import signal
import ssl
from pathlib import Path

from tests.harness.sink.app import Sink
from tests.harness.sink.smtp import Encryption

HOST = "0.0.0.0"  # noqa: S104 - a pod's ports
PORT, TLS_PORT = 8080, 8443
MAIL_PORTS = {Encryption.NONE: 8025, Encryption.STARTTLS: 8587, Encryption.TLS: 8465}
FILES = Path("/etc/sink")
"""A certificate with its key, and the authority of clients' certificates."""


def identity(files: Path) -> ssl.SSLContext:
    """Return the context of a server that asks clients for a certificate, and needs none."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(files / "ca.crt"))
    context.load_cert_chain(files / "tls.crt", files / "tls.key")
    context.verify_mode = ssl.CERT_OPTIONAL
    return context


async def serve() -> None:
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    sink = Sink()
    await sink.start(HOST, PORT)
    if FILES.exists():
        context = identity(FILES)
        await sink.start_on(HOST, TLS_PORT, context)
        for encryption, port in MAIL_PORTS.items():
            await sink.mail.start(HOST, port, encryption, context)
    await stopped.wait()
    await sink.stop()


if __name__ == "__main__":
    asyncio.run(serve())
