"""The certificate of the port for messages, which is renewed while the gateway runs."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Final

import structlog

logger = structlog.get_logger(__name__)

CERTIFICATE, KEY = "tls.crt", "tls.key"
HANDSHAKE_SECONDS: Final = 5.0
"""Time limit of a TLS handshake. Before its end, a connection is not one of the strangers that are bounded."""


class Certificate:
    """The files of a mounted Secret of the type kubernetes.io/tls. `context` serves the new ones as soon as they have changed.

    Raises:
        OSError: a file cannot be read, or they do not fit together.
    """

    def __init__(self, directory: str) -> None:
        self._file = Path(directory, CERTIFICATE)
        self._version: tuple[Path, Path, int, int]
        self.context = self._current = self._read()
        self.context.sni_callback = self._serve

    def _present(self) -> tuple[Path, Path, int, int]:
        # The kubelet replaces the directory that both files are in.
        file = self._file.resolve()
        key = file.with_name(KEY)
        return file, key, file.stat().st_mtime_ns, key.stat().st_mtime_ns

    def _read(self) -> ssl.SSLContext:
        self._version = certificate, key, *_ = self._present()
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate, key)
        return context

    def _serve(self, connection: ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> None:
        try:
            if self._present() != self._version:
                self._current = self._read()
        except OSError as error:
            logger.warning("certificate not read; the previous one is served", error=str(error))
        connection.context = self._current
