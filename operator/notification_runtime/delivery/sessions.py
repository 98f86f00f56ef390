"""The HTTP sessions of receivers: one for all with the same policy, certificates and proxy."""

from __future__ import annotations

import asyncio
import os
import ssl
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from notification_runtime.delivery.channel import InvalidOptionsError
from notification_runtime.delivery.http.egress_guard import guarded_session
from notification_runtime.delivery.http.name_resolver import NameResolver
from notification_runtime.fair.fair_queue import FairSemaphore
from notification_runtime.fair.lru import SharedMap

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import aiohttp

    from notification_runtime.delivery.http.egress_policy import EgressPolicy

MAX_BYTES: Final = 16 * 1024 * 1024
"""Bytes of the sessions that are kept, with their certificates."""
SESSION_BYTES: Final = 24 * 1024
"""Bytes that a session takes, with a TLS context for one certificate."""
SYSTEM_BYTES: Final = 1024 * 1024
"""Bytes that a TLS context takes with the authorities of the system."""
PEM_FACTOR: Final = 9
"""Bytes that a TLS context and its key in the table take for each character of the certificates in PEM."""
MAX_PEM: Final = 65_536
"""Characters of the authorities of a receiver, and of its certificate: they take 0.5 MB, and a thread parses them for 50 ms (DD-TABLE-001)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """The certificates of a receiver, in PEM; empty values mean those of the system, and none of the client's own."""

    authorities: str = field(default="", repr=False)
    certificate: str = field(default="", repr=False)
    key: str = field(default="", repr=False)

    @property
    def size(self) -> int:
        """Bytes that the TLS context takes; without certificates all sessions share one."""
        system = 0 if self.authorities or self == NO_TRUST else SYSTEM_BYTES
        return system + PEM_FACTOR * (len(self.authorities) + len(self.certificate) + len(self.key))


NO_TRUST: Final = Trust()


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """What receivers that share a session have in common."""

    policy: EgressPolicy
    trust: Trust = NO_TRUST
    proxy: str = field(default="", repr=False)


@dataclass(slots=True, eq=False)
class _Opened:
    """The certificates of a connection, and the session that uses them, once there is one."""

    connection: Connection
    context: ssl.SSLContext | None
    session: aiohttp.ClientSession | None = None


class Sessions:
    """Opens sessions when they are needed. Slots bound the connections, so a session does not."""

    def __init__(self) -> None:
        self.names: Final = NameResolver()
        self._opened: SharedMap[Connection, _Opened] = SharedMap(MAX_BYTES, size=_size)
        self._namespaces: dict[Connection, str] = {}
        """The namespace of each session: the first one that used it."""
        self._closing: set[asyncio.Task[None]] = set()
        self._turns = FairSemaphore(1)

    async def session(self, namespace: str, connection: Connection) -> aiohttp.ClientSession:
        """Return the session, which the next call of a session may close; call it within the running loop.

        Raises:
            InvalidOptionsError: a certificate is not valid, or there is no room for it.
        """
        opened = await self._open(namespace, connection)
        if opened.session is None:
            opened.session = guarded_session(
                connection.policy,
                connections=0,
                resolver=self.names,
                tls=opened.context,
                proxy=connection.proxy,
            )
        return opened.session

    async def context(self, namespace: str, connection: Connection) -> ssl.SSLContext | None:
        """Return the TLS context of a connection; None: the certificates of the system.

        Raises:
            InvalidOptionsError: a certificate is not valid, or there is no room for it.
        """
        return (await self._open(namespace, connection)).context

    async def problem(self, namespace: str, trust: Mapping[str, str]) -> str:
        """Return why certificates, by the fields of `Trust`, are not valid; empty if they are."""
        try:
            await self._made(namespace, Trust(**trust))
        except InvalidOptionsError as error:
            return str(error)
        return ""

    async def close(self) -> None:
        for connection, namespace in list(self._namespaces.items()):
            self._close(self._opened.pop(namespace, connection))
        await asyncio.gather(*self._closing, self.names.close())

    async def _open(self, namespace: str, connection: Connection) -> _Opened:
        context = None
        if self._known(connection) is None and connection.trust != NO_TRUST:
            context = await self._made(namespace, connection.trust)
        # Nothing is awaited from here on, until the session is used.
        opened = self._known(connection) or _Opened(connection, context)
        namespace = self._namespaces.setdefault(connection, namespace)
        forgotten = self._opened.put(namespace, connection, opened)
        for each in forgotten:
            self._close(each)
        if opened in forgotten:
            raise InvalidOptionsError(
                f"tls: no memory is left for {_size(opened)} bytes of certificates of namespace {namespace}, which has the most; "
                "store only the certificates that its receivers need"
            )
        return opened

    def _known(self, connection: Connection) -> _Opened | None:
        return self._opened.get(self._namespaces.get(connection, ""), connection)

    async def _made(self, namespace: str, trust: Trust) -> ssl.SSLContext:
        """Return a new TLS context. One thread makes them, in turns by namespace."""
        async with self._turns.slot(namespace):
            return await asyncio.to_thread(_context, trust)

    def _close(self, opened: _Opened | None) -> None:
        """Close a session; the attempts that use it fail, and are repeated."""
        if opened is None:
            return
        del self._namespaces[opened.connection]
        if opened.session is not None:
            task = asyncio.get_running_loop().create_task(opened.session.close(), name="close session")
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)


def _size(opened: _Opened) -> int:
    return SESSION_BYTES + opened.connection.trust.size


def _context(trust: Trust) -> ssl.SSLContext:
    for name, texts in ("caSecretRef", trust.authorities), ("certSecretRef", trust.certificate + trust.key):
        if len(texts) > MAX_PEM:
            raise InvalidOptionsError(
                f"tls.{name} holds {len(texts)} characters; at most {MAX_PEM} are accepted: store only the certificates that the receiver needs"
            )
    try:
        with _file(trust.authorities) as path:
            context = ssl.create_default_context(cafile=path if trust.authorities else None)
    except (ssl.SSLError, OSError, ValueError) as error:
        raise InvalidOptionsError(f"tls.caSecretRef holds no certificate in PEM: {error}") from None
    if trust.certificate:
        try:
            with _file(f"{trust.certificate}\n{trust.key}\n") as path:
                # Without a function for it, OpenSSL would ask a terminal for a passphrase, and the thread would wait.
                context.load_cert_chain(path, password=_refuse_passphrase)
        except InvalidOptionsError:
            raise
        except (ssl.SSLError, OSError, ValueError):
            raise InvalidOptionsError(
                "tls.certSecretRef holds no certificate with its key in PEM under tls.crt and tls.key"
            ) from None
    return context


@contextmanager
def _file(text: str) -> Iterator[str]:
    """Yield the path of a file that exists in memory only: OpenSSL reads it without the lock of the interpreter, and a key from nowhere else."""
    with open(os.memfd_create("certificates"), "w+", encoding="utf-8") as file:  # noqa: PTH123 - a descriptor has no path
        file.write(text)
        file.flush()
        yield f"/proc/self/fd/{file.fileno()}"


def _refuse_passphrase() -> str:
    raise InvalidOptionsError(
        "tls.certSecretRef: the private key under tls.key is encrypted; store it without a passphrase"
    )
