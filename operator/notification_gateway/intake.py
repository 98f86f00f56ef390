"""From an authenticated post to stored notifications."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from notification_gateway.mapping import translate
from notification_gateway.metrics import Outcome
from notification_operator.rendering.job import RenderingError
from notification_operator.rendering.texts import render_texts

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from notification_contract.sources.source import NotificationSource
    from notification_gateway.mapping import Limits, Notification, Post, Translation
    from notification_gateway.store import RequestStore, Stored
    from notification_operator.rendering.job import Renderer

Run: TypeAlias = "Callable[..., Awaitable[Any]]"
"""Computes a function of its arguments."""
SHORT: Final = 16 * 1024
"""Bytes of a body that is parsed in the event loop; a longer one is parsed in a thread."""
LONG: Final = 2
"""Long bodies that are in work at a time: parsed, a body takes many times its size until its notifications are stored."""


class LongBodies:
    """Gives each long body its turn, whichever route it takes. A short one waits for nothing."""

    def __init__(self) -> None:
        self._slots = asyncio.Semaphore(LONG)

    @asynccontextmanager
    async def turn(self, body: bytes) -> AsyncIterator[Run]:
        """Wait until a body may be parsed, and yield what parses it. The turn ends with the context."""
        if len(body) <= SHORT:
            yield _directly
        else:
            async with self._slots:
                yield asyncio.to_thread


async def _directly(function: Callable[..., Any], *args: object) -> Any:  # noqa: ANN401 - as in `asyncio.to_thread`
    return function(*args)


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What became of a post."""

    outcome: Outcome
    created: int = 0
    duplicates: int = 0
    filtered: int = 0


class Intake:
    """Turns posts into stored notifications.

    Args:
        renderer: renders the templates of sources.
        limits: what the admission policies accept.
        long: gives long bodies their turns.
    """

    def __init__(self, store: RequestStore, renderer: Renderer, limits: Limits, *, long: LongBodies) -> None:
        self._store = store
        self._renderer = renderer
        self._limits = limits
        self._long = long

    async def take(self, source: NotificationSource, post: Post) -> Receipt:
        """Store what a post becomes.

        Raises:
            Malformed: it can become nothing.
            Conflict: its key was used with another content.
            Refused: the API server refuses the content.
            Unavailable: it may be stored later.
        """
        async with self._long.turn(post.body) as run:
            translation = await run(translate, source, post, self._limits)
            return await self._store_all(source, post, translation)

    async def _store_all(self, source: NotificationSource, post: Post, translation: Translation) -> Receipt:
        stored: list[Stored] = []
        if translation.notifications:
            stored = await self._store.create_all(
                source.namespace,
                translation.notifications,
                partial(self._with_texts, source),
                now=post.received,
            )
        created = sum(each.is_new for each in stored)
        return Receipt(
            outcome=_outcome(created=created, stored=len(stored), beat=translation.beat),
            created=created,
            duplicates=len(stored) - created,
            filtered=translation.filtered,
        )

    async def _with_texts(self, source: NotificationSource, notification: Notification) -> Notification:
        """Return the notification with the texts of the source's templates; the built-in ones where they fail."""
        templates = dict(notification.templates)
        if not templates:
            return notification
        try:
            result = await self._renderer.run(
                source.namespace, render_texts, templates=templates, values=dict(notification.data)
            )
        except RenderingError as error:
            return notification.with_texts({}, dict.fromkeys(templates, str(error)))
        return notification.with_texts(result["texts"], result["problems"])


def _outcome(*, created: int, stored: int, beat: bool) -> Outcome:
    if created:
        return Outcome.CREATED
    if stored:
        return Outcome.DUPLICATE
    return Outcome.BEAT if beat else Outcome.FILTERED
