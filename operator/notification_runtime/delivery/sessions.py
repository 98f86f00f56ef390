"""The HTTP sessions of receivers: one for all with the same policy, certificates and proxy."""

from __future__ import annotations

import asyncio
import os
import ssl
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from notification_contract.kinds.spec_rules import MAX_TIMEOUT
from notification_runtime.delivery.channel import InvalidOptionsError
from notification_runtime.delivery.http.egress_guard import guarded_session
from notification_runtime.delivery.http.name_resolver import NameResolver
from notification_runtime.fair.lru import LruMap

if TYPE_CHECKING:
    import aiohttp

    from notification_runtime.delivery.http.egress_policy import EgressPolicy

MAX_SESSIONS: Final = 64
"""Sessions that are kept: the ones used most recently."""
MAX_PEM: Final = 65_536
"""Characters of the authorities of a receiver, and of its certificate: the event loop parses them for 50 ms, and they take 0.5 MB (DD-TABLE-001)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """The certificates of a receiver, in PEM; empty values mean those of the system, and none of the client's own."""

    authorities: str = field(default="", repr=False)
    certificate: str = field(default="", repr=False)
    key: str = field(default="", repr=False)


NO_TRUST: Final = Trust()


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """What receivers that share a session have in common."""

    policy: EgressPolicy
    trust: Trust = NO_TRUST
    proxy: str = field(default="", repr=False)


class Sessions:
    """Opens sessions when they are needed. Slots bound the connections, so a session does not."""

    def __init__(self) -> None:
        self.names: Final = NameResolver()
        self._sessions: LruMap[Connection, aiohttp.ClientSession] = LruMap(MAX_SESSIONS)
        self._contexts: LruMap[Trust, ssl.SSLContext] = LruMap(MAX_SESSIONS)
        self._closing: dict[asyncio.Task[None], aiohttp.ClientSession] = {}

    def session(self, connection: Connection) -> aiohttp.ClientSession:
        """Return the session, which may be closed some minutes later; call it within the running loop.

        Raises:
            InvalidOptionsError: a certificate is not valid.
        """
        session = self._sessions.get(connection)
        if session is None or session.closed:
            context = self.context(connection.trust)
            session = guarded_session(
                connection.policy,
                connections=0,
                resolver=self.names,
                tls=context,
                proxy=connection.proxy,
            )
        forgotten = self._sessions.put(connection, session)
        if forgotten is not None:
            _, oldest = forgotten
            task = asyncio.get_running_loop().create_task(_close_later(oldest), name="close session")
            self._closing[task] = oldest
            task.add_done_callback(self._closing.pop)
        return session

    def context(self, trust: Trust) -> ssl.SSLContext | None:
        """Return the TLS context for some certificates: making one takes milliseconds. None: those of the system.

        Raises:
            InvalidOptionsError: a certificate is not valid.
        """
        # aiohttp has one for the certificates of the system, which take a megabyte.
        return None if trust == NO_TRUST else self._contexts.use(trust, lambda: _context(trust))

    async def close(self) -> None:
        sessions = [*self._sessions.values(), *self._closing.values()]
        self._sessions.clear()
        for task in self._closing:
            task.cancel()
        await asyncio.gather(*(session.close() for session in sessions), self.names.close())


async def _close_later(session: aiohttp.ClientSession) -> None:
    """Close a session when no attempt can use it any more."""
    await asyncio.sleep(2 * MAX_TIMEOUT)
    await session.close()


def _context(trust: Trust) -> ssl.SSLContext:
    for name, texts in ("caSecretRef", trust.authorities), ("certSecretRef", trust.certificate + trust.key):
        if len(texts) > MAX_PEM:
            raise InvalidOptionsError(
                f"tls.{name} holds {len(texts)} characters; at most {MAX_PEM} are accepted: store only the certificates that the receiver needs"
            )
    try:
        context = ssl.create_default_context(cadata=trust.authorities or None)
    except (ssl.SSLError, ValueError, TypeError) as error:  # a TypeError for characters beyond ASCII
        raise InvalidOptionsError(f"tls.caSecretRef holds no certificate in PEM: {error}") from None
    if trust.certificate:
        try:
            _load(context, trust)
        except InvalidOptionsError:
            raise
        except (ssl.SSLError, OSError, ValueError):
            raise InvalidOptionsError(
                "tls.certSecretRef holds no certificate with its key in PEM under tls.crt and tls.key"
            ) from None
    return context


def _load(context: ssl.SSLContext, trust: Trust) -> None:
    # The ssl module reads a key from a file only. This one has no name, and exists in memory alone.
    with open(os.memfd_create("certificate"), "w+") as file:  # noqa: PTH123 - a descriptor has no path
        file.write(f"{trust.certificate}\n{trust.key}\n")
        file.flush()
        # Without a function for it, OpenSSL would ask a terminal for a passphrase, and the event loop would wait.
        context.load_cert_chain(f"/proc/self/fd/{file.fileno()}", password=_refuse_passphrase)


def _refuse_passphrase() -> str:
    raise InvalidOptionsError(
        "tls.certSecretRef: the private key under tls.key is encrypted; store it without a passphrase"
    )
