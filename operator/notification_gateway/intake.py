"""From an authenticated post to stored notifications."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from notification_domain.mapping import translate
from notification_domain.rendering.job import RenderingError
from notification_domain.rendering.texts import render_texts
from notification_gateway.errors import Unavailable
from notification_gateway.metrics import Outcome
from notification_runtime.fair.fair_queue import FairQueue

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from notification_contract.sources.source import NotificationSource
    from notification_domain.mapping import Limits, Notification, Post, Translation
    from notification_domain.rendering.job import Renderer
    from notification_gateway.sources.routing_file import RoutingFile
    from notification_gateway.store import RequestStore, Stored

Run: TypeAlias = "Callable[..., Awaitable[Any]]"
"""Computes a function of its arguments."""
SHORT: Final = 16 * 1024
"""Bytes of a body that is parsed in the event loop; a longer one is parsed in a thread."""
LONG: Final = 2
"""Long bodies that are in work at a time: parsed, a body takes many times its size until its notifications are stored."""
MOST_WAITING_BYTES: Final = 3 * 1024 * 1024
"""Bytes of long bodies of one namespace that wait: they leave room in the memory for bodies of other namespaces."""
TEXT_SECONDS: Final = 1.0
"""Processor time for the templates of all notifications of a post; most take a few milliseconds each."""
SPENT: Final = f"the templates of this message have taken {TEXT_SECONDS:g} s"


@dataclass(frozen=True, slots=True, eq=False)
class _Waiting:
    """A long body that waits for its turn."""

    size: int
    granted: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class LongBodies:
    """Gives each long body its turn, whichever route it takes. A short one waits for nothing.

    Namespaces take turns, and none gets a second turn while another one waits for its first.
    """

    def __init__(self) -> None:
        self._waiting: FairQueue[_Waiting] = FairQueue()
        self._held: Counter[str] = Counter()
        """The turns of each namespace."""

    @asynccontextmanager
    async def turn(self, namespace: str, body: bytes) -> AsyncIterator[Run]:
        """Wait until a body may be parsed, and yield what parses it. The turn ends with the context.

        Raises:
            Unavailable: too much of the namespace waits.
        """
        if len(body) <= SHORT:
            yield _directly
            return
        await self._begin(namespace, len(body))
        try:
            yield asyncio.to_thread
        finally:
            self._end(namespace)

    async def _begin(self, namespace: str, size: int) -> None:
        if size + sum(each.size for each in self._waiting.line(namespace)) > MOST_WAITING_BYTES:
            raise Unavailable(f"too many long messages of namespace {namespace} wait", retry_after=1.0)
        waiting = _Waiting(size)
        self._waiting.add(namespace, waiting)
        self._grant()
        try:
            await waiting.granted
        except asyncio.CancelledError:
            self._waiting.discard(namespace, waiting)
            if not waiting.granted.cancelled():
                self._end(namespace)
            raise

    def _end(self, namespace: str) -> None:
        self._held[namespace] -= 1
        self._held += Counter()  # without the namespaces that hold none
        self._grant()

    def _grant(self) -> None:
        while self._waiting and self._held.total() < LONG:
            namespaces = (namespace for namespace, _ in self._waiting.heads())
            # Of those with the fewest turns, the next one.
            namespace = min(namespaces, key=self._held.__getitem__)
            waiting = self._waiting.pop(namespace)
            if not waiting.granted.done():
                waiting.granted.set_result(None)
                self._held[namespace] += 1


async def _directly(function: Callable[..., Any], *args: object) -> Any:  # noqa: ANN401 - as in `asyncio.to_thread`
    return function(*args)


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What became of a post."""

    outcome: Outcome
    created: int = 0
    duplicates: int = 0
    filtered: int = 0
    warnings: tuple[str, ...] = ()
    """What the sender has to know of notifications that are stored."""


class Intake:
    """Turns posts into stored notifications.

    Args:
        renderer: renders the templates of sources.
        limits: what the admission policies accept.
        long: gives long bodies their turns.
        charge: counts the further messages of a batch.
        rules: tell where notifications go.
    """

    def __init__(  # noqa: PLR0913 - what it stores with, and its limits
        self,
        store: RequestStore,
        renderer: Renderer,
        limits: Limits,
        *,
        long: LongBodies,
        charge: Callable[[NotificationSource, int], None],
        rules: RoutingFile,
    ) -> None:
        self._store = store
        self._renderer = renderer
        self._limits = limits
        self._long = long
        self._charge = charge
        self._rules = rules

    async def take(self, source: NotificationSource, post: Post) -> Receipt:
        """Store what a post becomes.

        Raises:
            Malformed: it can become nothing.
            Conflict: its key was used with another content.
            Refused: the API server refuses the content.
            Unavailable: it may be stored later.
        """
        async with self._long.turn(source.namespace, post.body) as run:
            translation = await run(translate, source, post, self._limits)
            if (further := len(translation.notifications) - 1) > 0:
                self._charge(source, further)
            return await self._store_all(source, post, translation)

    async def _store_all(self, source: NotificationSource, post: Post, translation: Translation) -> Receipt:
        stored: list[Stored] = []
        if translation.notifications:
            stored = await self._store.create_all(
                source.namespace,
                translation.notifications,
                Texts(self._renderer, source.namespace).complete,
                now=post.received,
            )
        created = sum(each.is_new for each in stored)
        return Receipt(
            outcome=_outcome(created=created, stored=len(stored), beat=translation.beat),
            created=created,
            duplicates=len(stored) - created,
            filtered=translation.filtered,
            warnings=tuple(
                dict.fromkeys(
                    warning
                    for each in translation.notifications
                    for warning in self._rules.warnings(each.spec, each.labels)
                )
            ),
        )


class Texts:
    """Renders the templates of the notifications of one post, which have a budget together."""

    def __init__(self, renderer: Renderer, namespace: str) -> None:
        self._renderer = renderer
        self._namespace = namespace
        self._left = TEXT_SECONDS
        self._rendering = asyncio.Lock()

    async def complete(self, notification: Notification) -> Notification:
        """Return a notification with the texts of its templates; the built-in ones where they fail, or where the budget is spent."""
        templates = dict(notification.templates)
        if not templates:
            return notification
        async with self._rendering:
            if self._left <= 0:
                return notification.with_texts({}, dict.fromkeys(templates, SPENT))
            try:
                result = await self._renderer.run(
                    self._namespace, render_texts, templates=templates, values=dict(notification.data)
                )
            except RenderingError as error:
                # It took the most that a job may take, or the worker cannot serve any.
                self._left = 0.0
                return notification.with_texts({}, dict.fromkeys(templates, str(error)))
            self._left -= result["seconds"]
        return notification.with_texts(result["texts"], result["problems"])


def _outcome(*, created: int, stored: int, beat: bool) -> Outcome:
    if created:
        return Outcome.CREATED
    if stored:
        return Outcome.DUPLICATE
    return Outcome.BEAT if beat else Outcome.FILTERED
