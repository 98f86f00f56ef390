"""The files of the pod's service account, which the kubelet replaces: the token, and the certificates of the authorities.

Both are read again every minute, by a monotonic clock. A new authority is added to the TLS contexts that exist. An authority
whose certificate is removed from the file stays trusted until the process restarts, because a context cannot forget.
"""

from __future__ import annotations

import ssl
import weakref
from time import monotonic
from typing import TYPE_CHECKING, Final

import structlog

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from kubernetes.aio.client import Configuration

REFRESH_SECONDS: Final = 60.0

logger = structlog.get_logger(__name__)


class AccountFiles:
    """Keeps a client configuration and its TLS contexts up to date; `refresh` is the configuration's hook."""

    def __init__(self, *, token: Path, authorities: Path, seconds: Callable[[], float] = monotonic) -> None:
        self._token = token
        self._authorities = authorities
        self._seconds = seconds
        self._due = seconds() + REFRESH_SECONDS
        self._contexts: weakref.WeakSet[ssl.SSLContext] = weakref.WeakSet()
        self._known = ""
        """The certificates that the contexts trust."""

    def follow(self, context: ssl.SSLContext) -> None:
        """Let a context trust every authority that the file names from now on."""
        self._contexts.add(context)

    def refresh(self, configuration: Configuration) -> None:
        """Read the files again if it is time; what cannot be read or used stays as it is."""
        if self._seconds() < self._due:
            return
        self._due = self._seconds() + REFRESH_SECONDS
        try:
            if token := self._token.read_text("ascii").strip():
                configuration.api_key["BearerToken"] = f"bearer {token}"
            self._trust(self._authorities.read_text("ascii"))
        except (OSError, ValueError, ssl.SSLError) as error:
            logger.warning("service account files not read; keeping the previous ones", error=str(error))

    def _trust(self, certificates: str) -> None:
        if certificates == self._known:
            return
        for context in self._contexts:
            context.load_verify_locations(cadata=certificates)
        if self._known:
            logger.info("certificate authorities of the API server loaded again")
        self._known = certificates
