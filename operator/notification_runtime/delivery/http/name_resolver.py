"""Resolves the host names of receivers without threads: a name server that does not answer delays no other name.

The event loop's own `getaddrinfo` runs on a few threads of the process (uvloop: two look-ups at a time), so two names
whose servers do not answer would stop every look-up. c-ares asks the name servers itself. It follows /etc/hosts and
/etc/resolv.conf with its search domains and ndots, as the C library does.
"""

from __future__ import annotations

import asyncio
import math
import socket
import time
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple
from weakref import WeakValueDictionary

import aiohttp
from aiohttp.abc import AbstractResolver

from notification_runtime.fair.lru import LruMap

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from aiohttp.abc import ResolveResult

LOOKUP_SECONDS: Final = 3.0
"""Time limit of one look-up."""
ANSWER_SECONDS: Final = 1.0
"""A name server that has not answered after this time is asked a second time."""
MOST_LOOKUPS: Final = 8
"""Look-ups of one namespace at the same time; further ones wait for them, and for nothing of other namespaces."""
NEGATIVE_SECONDS: Final = 30.0
"""So long a name counts as missing after a name server answered that it has no address."""
MOST_MISSING: Final = 1024
"""Missing names that are remembered: the latest ones."""
NEGATIVE: Final = frozenset({1, 4})
"""ARES_ENODATA and ARES_ENOTFOUND, the answers of a name server. A time-out or a failure of the server says nothing about the name, and is not remembered."""
RESOLV_CONF: Final = Path("/etc/resolv.conf")

_namespace: ContextVar[str] = ContextVar("namespace", default="")
"""The namespace whose receiver the present task connects to; sessions are shared between namespaces."""


@contextmanager
def resolving_for(namespace: str) -> Iterator[None]:
    """Count the look-ups within the block against the limit of a namespace."""
    token = _namespace.set(namespace)
    try:
        yield
    finally:
        _namespace.reset(token)


class _Question(NamedTuple):
    namespace: str
    host: str
    port: int
    family: socket.AddressFamily


class NameResolver(AbstractResolver):
    """Resolves the names of all receivers, with bounds by namespace.

    Args:
        inner: creates what asks the name servers, within the running loop.
        resolv_conf: a change of this file replaces what `inner` has created.
        seconds: monotonic seconds.
    """

    def __init__(
        self,
        inner: Callable[[], AbstractResolver] = lambda: aiohttp.AsyncResolver(
            timeout=ANSWER_SECONDS, tries=2
        ),
        *,
        resolv_conf: Path = RESOLV_CONF,
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        self._create = inner
        self._resolv_conf = resolv_conf
        self._seconds = seconds
        self._inner: AbstractResolver | None = None
        self._version = 0
        """The time of the last change of resolv.conf that the inner resolver has taken in."""
        self._renew_at = math.inf
        """When the inner resolver is replaced, which remembers negative answers for longer."""
        self._lookups: dict[_Question, asyncio.Task[list[ResolveResult]]] = {}
        self._limits: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()
        """The limits of the namespaces that have look-ups, which hold them."""
        self._missing: LruMap[tuple[str, int], tuple[float, str]] = LruMap(MOST_MISSING)
        """Missing names, until when each counts as missing, and what the answer was."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Resolve a name, together with the rest of its namespace that asks for it now.

        Raises:
            OSError: the name has no address, or no answer came in time.
        """
        until, answer = self._missing.get((host, family), (0.0, ""))
        if self._seconds() < until:
            raise OSError(None, answer)
        question = _Question(_namespace.get(), host, port, family)
        lookup = self._lookups.get(question)
        if lookup is None:
            lookup = asyncio.create_task(self._look_up(question), name=f"look up {host}")
            self._lookups[question] = lookup
            lookup.add_done_callback(partial(self._end, question))
        # An attempt that gives up leaves its look-up, and with it the room that it takes: a name server still works on it.
        return await asyncio.shield(lookup)

    async def close(self) -> None:
        """Close what asks the name servers; a later look-up opens it again."""
        for lookup in self._lookups.values():
            lookup.cancel()
        inner, self._inner = self._inner, None
        if inner is not None:
            await inner.close()

    async def _look_up(self, question: _Question) -> list[ResolveResult]:
        limit = self._limits.setdefault(question.namespace, asyncio.Semaphore(MOST_LOOKUPS))
        async with limit:
            try:
                async with asyncio.timeout(LOOKUP_SECONDS):
                    return await self._current().resolve(question.host, question.port, question.family)
            except TimeoutError:
                raise OSError(None, f"no answer from a name server within {LOOKUP_SECONDS:g} s") from None
            except OSError as error:
                self._remember(question, error)
                raise

    def _end(self, question: _Question, lookup: asyncio.Task[list[ResolveResult]]) -> None:
        del self._lookups[question]
        if not lookup.cancelled():
            lookup.exception()  # nobody may be left to take it

    def _current(self) -> AbstractResolver:
        """Return the inner resolver: a new one after a change of resolv.conf, and some time after a negative answer.

        c-ares watches the folder of resolv.conf, which shows no change of a file that is mounted, as in a pod. And it
        remembers for an hour that a name without addresses has none, whatever the answer says. The former one still
        ends what it works on.
        """
        try:
            version = self._resolv_conf.stat().st_mtime_ns
        except OSError:
            version = 0
        if self._inner is None or version != self._version or self._seconds() >= self._renew_at:
            self._inner, self._version, self._renew_at = self._create(), version, math.inf
        return self._inner

    def _remember(self, question: _Question, error: OSError) -> None:
        name = question.host, question.family
        if error.__cause__ is None or NEGATIVE.isdisjoint(error.__cause__.args[:1]):
            return
        until = self._seconds() + NEGATIVE_SECONDS
        self._renew_at = min(until, self._renew_at)
        self._missing.put(name, (until, str(error.strerror)))
