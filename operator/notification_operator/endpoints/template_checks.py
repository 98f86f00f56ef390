"""Whether the templates of receivers are valid: found out once for each text, by the renderer.

Compiling the largest takes 0.2 s. What asks gets the answer if it is known; else the templates are compiled, and
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
    from collections.abc import Callable, Mapping

    from notification_domain.receivers.catalog import ReceiverKey
    from notification_domain.rendering.job import Renderer

logger = structlog.get_logger(__name__)

MAX_ANSWERS: Final = 4096
"""Answers that are remembered: those asked for most recently."""
RETRY_SECONDS: Final = 30.0
"""Seconds until templates are compiled again that could not be, because the worker had no result."""

Texts: TypeAlias = tuple[tuple[str, int, int], ...]
"""The templates of a receiver: key, hash and length of each; the texts themselves would stay in memory."""


class TemplateChecks:
    """Finds out whether templates are valid.

    Args:
        renderer: compiles them; a namespace one at a time.
    """

    def __init__(self, renderer: Renderer) -> None:
        self._renderer = renderer
        self._problems: LruMap[Texts, str] = LruMap(MAX_ANSWERS)
        self._due: dict[ReceiverKey, Mapping[str, str]] = {}
        """Templates to compile, by receiver."""
        self._wake = asyncio.Event()

    def problem(self, receiver: ReceiverKey, sources: Mapping[str, str]) -> str | None:
        """Return why templates of a receiver are not valid, by their keys; empty if they are, None while this is unknown."""
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
        """Compile what is asked for, until cancelled; call back with each receiver whose answer is known."""
        running: dict[ReceiverKey, asyncio.Task[None]] = {}
        async with asyncio.TaskGroup() as tasks:
            while True:
                await self._wake.wait()
                self._wake.clear()
                for key in [key for key in self._due if key not in running]:
                    running[key] = tasks.create_task(self._check(key, on_known), name=f"templates of {key}")
                    running[key].add_done_callback(partial(_ended, running, key))

    async def _check(self, key: ReceiverKey, on_known: Callable[[frozenset[ReceiverKey]], None]) -> None:
        """Compile the templates of a receiver, and those that it has got meanwhile."""
        while (sources := self._due.pop(key, None)) is not None:
            if _texts(sources) not in self._problems:
                try:
                    problem = await self._renderer.run(key.namespace, check_templates, sources=sources)
                except RenderingError:
                    await asyncio.sleep(RETRY_SECONDS)
                    self._due.setdefault(key, sources)
                    continue
                self._problems.put(_texts(sources), problem)
            try:
                on_known(frozenset({key}))
            except Exception:
                # A fault about one receiver must not end the checks of the others.
                logger.exception("templates of receiver not taken in", receiver=str(key))


def _texts(sources: Mapping[str, str]) -> Texts:
    return tuple((key, hash(text), len(text)) for key, text in sources.items())


def _ended(running: dict[ReceiverKey, asyncio.Task[None]], key: ReceiverKey, _task: object) -> None:
    del running[key]
