"""The kopf application: handlers and nothing else. What they do stands in `engine`.

Only `kopf.on.event` handles objects: kopf's other handlers write annotations or finalizers, and
nothing but the one status write may touch a notification (DD-PERF-001).
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import kopf
import structlog

from notification_operator.app import RESOURCE, Engine
from notification_operator.kube.client import watching_session
from notification_operator.watch.kopf_settings import kopf_settings

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from notification_contract.settings import Watch
    from notification_operator.config.settings import Settings

KOPF_ENDS_WITHIN = 0.5
"""Seconds after the engine's stop. Kopf gives any task that is left five seconds, which the grace time does not have."""

logger = structlog.get_logger(__name__)


async def run(settings: Settings) -> int:
    """Run until SIGTERM or SIGINT; returns after an orderly stop, with the number of audit events it lost.

    Raises:
        UnreachableError: the API server cannot be reached at start.
        OSError: a port is taken.
    """
    engine = await Engine.start(settings, clock=lambda: datetime.now(UTC))
    try:
        await listen(
            kopf.operator(
                registry=handlers(engine, settings.watch),
                settings=kopf_settings(settings.watch, RESOURCE, engine.followed),
                standalone=True,
                clusterwide=not settings.watch.namespaces,
                namespaces=set(settings.watch.namespaces),
            ),
            engine.finished,
        )
    finally:
        await engine.stop()
    return engine.lost_events


async def listen(operator: Coroutine[None, None, None], ended: asyncio.Event) -> None:
    """Let kopf run until it ends, or until it has had its time after the engine's end."""
    listening = asyncio.create_task(operator, name="kopf")
    stopped = asyncio.create_task(ended.wait(), name="end of the engine")
    try:
        await asyncio.wait({listening, stopped}, return_when=asyncio.FIRST_COMPLETED)
        await asyncio.wait({listening}, timeout=KOPF_ENDS_WITHIN if ended.is_set() else None)
        if not listening.done():
            logger.warning("tasks are left at the end", tasks=sorted(map(_told, asyncio.all_tasks())))
    finally:
        stopped.cancel()
        listening.cancel()
        await asyncio.wait({listening})
    if not listening.cancelled():
        listening.result()


def _told(task: asyncio.Task[object]) -> str:
    return f"{task.get_name()}: {task.get_coro()!r}"


def handlers(engine: Engine, watch: Watch) -> kopf.OperatorRegistry:
    """Return kopf's handlers, bound to the engine."""
    registry = kopf.OperatorRegistry()

    @kopf.on.login(registry=registry)
    async def login(**_: object) -> kopf.AiohttpSession:
        session = await watching_session(engine.cluster, engine.connectivity)
        return kopf.AiohttpSession(server=engine.cluster.configuration.host, aiohttp_session=session)

    @kopf.on.event(RESOURCE.group, RESOURCE.version, RESOURCE.plural, registry=registry)
    async def ring(type: str | None, event: kopf.RawEvent, **_: object) -> None:  # noqa: A002 - kopf's name
        engine.bell.ring(type, event["object"])

    @kopf.on.cleanup(registry=registry)
    async def stop(**_: object) -> None:
        # Here and not after kopf: it breaks off every task that is left once it has ended. And in a task of
        # its own: kopf has cancelled this one before, and timeouts fail in such a task before Python 3.11.3.
        await asyncio.create_task(engine.stop(), name="stop")

    if watch.namespace_selector is not None:

        @kopf.on.event("v1", "namespaces", registry=registry)
        async def note_namespace(type: str | None, name: str, **_: object) -> None:  # noqa: A002 - kopf's name
            await engine.namespaces.note(type, name, engine.bell)

    return registry
