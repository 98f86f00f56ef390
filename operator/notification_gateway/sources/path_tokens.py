"""The secret last part of a source's URL: computed with the mounted keys of the stack, and never written anywhere."""

from __future__ import annotations

import asyncio
import re
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import structlog

from notification_contract import names
from notification_contract.sources.path_token import HINT, KEYS, path_keys, path_token
from notification_gateway.sources.secret_values import SecretKey

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from notification_contract.sources.source import NotificationSource
    from notification_gateway.sources.secret_values import SecretValues

logger = structlog.get_logger(__name__)

TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{43}")
"""32 bytes in base64url, without padding."""
REREAD_SECONDS: Final = 10.0
"""Time after which the files are read again. The kubelet replaces them within about a minute."""


def key_of(source: NotificationSource) -> SecretKey:
    """Return the Secret in which earlier versions stored the token of a source."""
    return SecretKey(source.namespace, f"{source.name}{names.SOURCE_PATH_SUFFIX}")


class PathTokens:
    """The tokens that sources accept; `directory` has the keys."""

    def __init__(self, directory: Path, secrets: SecretValues) -> None:
        self._directory = directory
        self._secrets = secrets
        self._keys: tuple[bytes, ...] = ()
        self.read()

    @property
    def problem(self) -> str:
        """Why no token can be computed; empty if one can."""
        return "" if self._keys else f"there is no key to compute the URL with; {HINT}"

    def of(self, source: NotificationSource) -> tuple[str, ...]:
        """Return the tokens that a source accepts now: of each key, and the stored one of an earlier version until its Secret is deleted."""
        state = self._secrets.get(key_of(source))
        stored = (state.data or {}).get(names.SOURCE_PATH_KEY, "")
        is_stored = state.owner == source.uid and TOKEN.fullmatch(stored)
        computed = (path_token(key, source.uid) for key in self._keys)
        return (*computed, *((stored,) if is_stored else ()))

    def read(self) -> bool:
        """Read the keys; return whether they have changed."""
        found: dict[str, bytes] = {}
        for name in KEYS:
            with suppress(OSError):
                found[name] = (self._directory / name).read_bytes()
        before, self._keys = self._keys, path_keys(found)
        return self._keys != before

    async def run(self, on_change: Callable[[], None]) -> None:
        """Read the keys again and again until cancelled; report a change."""
        while True:
            await asyncio.sleep(REREAD_SECONDS)
            if self.read():
                logger.info("keys of the URLs of sources have changed", keys=len(self._keys))
                on_change()
