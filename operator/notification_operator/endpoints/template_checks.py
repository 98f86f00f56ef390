"""Whether the templates and certificates of receivers are valid: found out once for each text, by the renderer and in threads.

Compiling the largest templates takes 0.2 s. What asks gets the answer if it is known; otherwise the texts are examined, and
`run` reports the receiver.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Final, TypeAlias

import structlog

from notification_domain.rendering.job import RenderingError
from notification_domain.rendering.texts import check_templates
from notification_runtime.fair.lru import LruMap

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from notification_domain.receivers.catalog import ReceiverKey
    from notification_domain.rendering.job import Renderer

logger = structlog.get_logger(__name__)

MAX_ANSWERS: Final = 4096
"""Answers that are remembered: those asked for most recently."""
RETRY_SECONDS: Final = 30.0
"""Seconds until templates are compiled again that could not be, because the worker had no result."""

Texts: TypeAlias = tuple[tuple[str, int, int], ...]
"""The texts of a receiver: key, hash and length of each; the texts themselves would stay in memory."""


class TextChecks:
    """Finds out whether texts of receivers are valid.

    Args:
        find: returns why texts of a namespace, by their keys, are not valid; empty if they are.
    """

    def __init__(self, find: Callable[[str, Mapping[str, str]], Awaitable[str]]) -> None:
        self._find = find
        self._problems: LruMap[Texts, str] = LruMap(MAX_ANSWERS)
        self._due: dict[ReceiverKey, Mapping[str, str]] = {}
        """Texts to examine, by receiver."""
        self._wake = asyncio.Event()

    def problem(self, receiver: ReceiverKey, sources: Mapping[str, str]) -> str | None:
        """Return why texts of a receiver, by their keys, are not valid; empty if they are, None while this is unknown."""
        if not any(sources.values()):
            return ""
        texts = _texts(sources)
        problem = self._problems.get(texts)
        if problem is None:
            self._due[receiver] = sources
            self._wake.set()
        else:
            self._problems.put(texts, problem)
        return problem

    async def run(self, on_known: Callable[[frozenset[ReceiverKey]], None]) -> None:
        """Examine what is asked for, until cancelled; call back with each receiver whose answer is known."""
        running: dict[ReceiverKey, asyncio.Task[None]] = {}
        async with asyncio.TaskGroup() as tasks:
            while True:
                await self._wake.wait()
                self._wake.clear()
                for key in [key for key in self._due if key not in running]:
                    running[key] = tasks.create_task(self._check(key, on_known), name=f"texts of {key}")
                    running[key].add_done_callback(partial(_ended, running, key))

    async def _check(self, key: ReceiverKey, on_known: Callable[[frozenset[ReceiverKey]], None]) -> None:
        """Examine the texts of a receiver, and those that it has got meanwhile."""
        while (sources := self._due.pop(key, None)) is not None:
            if _texts(sources) not in self._problems:
                try:
                    problem = await self._find(key.namespace, sources)
                except RenderingError:
                    await asyncio.sleep(RETRY_SECONDS)
                    self._due.setdefault(key, sources)
                    continue
                self._problems.put(_texts(sources), problem)
            try:
                on_known(frozenset({key}))
            except Exception:
                # A fault about one receiver must not end the checks of the others.
                logger.exception("texts of receiver not taken in", receiver=str(key))


class TemplateChecks(TextChecks):
    """Finds out whether templates are valid; the renderer compiles those of a namespace one at a time."""

    def __init__(self, renderer: Renderer) -> None:
        super().__init__(lambda namespace, sources: renderer.run(namespace, check_templates, sources=sources))


def _texts(sources: Mapping[str, str]) -> Texts:
    return tuple((key, hash(text), len(text)) for key, text in sources.items())


def _ended(running: dict[ReceiverKey, asyncio.Task[None]], key: ReceiverKey, _task: object) -> None:
    del running[key]
