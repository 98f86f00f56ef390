"""The kopf application: the handlers, and nothing else.

Only `kopf.on.event` handles objects: kopf's other handlers write annotations or finalizers, and nothing but the
one status write may change a notification (DD-PERF-001).
"""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING

import kopf
import structlog

from notification_operator.app import App
from notification_operator.kube.client import watching_session
from notification_operator.kube.resources import RESOURCE
from notification_operator.watch.kopf_adapter import NoMemories, kopf_settings, supervised
from notification_operator.watch.namespaces import SelectedNamespaces

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from notification_contract.settings import Watch
    from notification_operator.config.settings import Settings

KOPF_ENDS_WITHIN = 0.5
"""Seconds after the app's shutdown. Kopf waits five seconds for leftover tasks, more than the grace period holds."""

SIGNALS = (signal.SIGTERM, signal.SIGINT)

logger = structlog.get_logger(__name__)


async def run(settings: Settings) -> int:
    """Run until SIGTERM or SIGINT; return the number of audit events that the shutdown lost.

    Raises:
        UnreachableError: the API server cannot be reached at start.
        OSError: a port is taken.
    """
    app = await App.start(settings)
    registry, stopping = handlers(app, settings.watch), asyncio.Event()
    end_at_signals(registry, stopping)
    try:
        with supervised(app.supervisor, RESOURCE, app.selector, app.client):
            await listen(
                kopf.operator(
                    registry=registry,
                    settings=kopf_settings(settings.watch),
                    memories=NoMemories(),
                    stop_flag=stopping,
                    standalone=True,
                    clusterwide=not settings.watch.namespaces,
                    namespaces=set(settings.watch.namespaces),
                ),
                app.finished,
            )
    finally:
        await app.stop()
        ignore_signals()
    report = app.lifecycle.report
    return 0 if report is None else report.lost_audit_events


def end_at_signals(registry: kopf.OperatorRegistry, stopping: asyncio.Event) -> None:
    """Let the first SIGTERM or SIGINT stop kopf, and further ones do nothing.

    Kopf's own handlers raise an error at the second signal. Kopf installs them right after it has started its startup
    handlers, so they are replaced one step later.
    """

    @kopf.on.startup(registry=registry)
    async def take_over(**_: object) -> None:
        loop = asyncio.get_running_loop()
        for number in SIGNALS:
            loop.call_soon(loop.add_signal_handler, number, stopping.set)


def ignore_signals() -> None:
    """Let no late signal kill the process: it would report a failure although the shutdown has finished."""
    loop = asyncio.get_running_loop()
    for number in SIGNALS:
        loop.remove_signal_handler(number)
        signal.signal(number, signal.SIG_IGN)


async def listen(operator: Coroutine[None, None, None], finished: asyncio.Event) -> None:
    """Run kopf until it ends, at most for a moment after the app has finished."""
    listening = asyncio.create_task(operator, name="kopf")
    stopped = asyncio.create_task(finished.wait(), name="end of the app")
    try:
        await asyncio.wait({listening, stopped}, return_when=asyncio.FIRST_COMPLETED)
        await asyncio.wait({listening}, timeout=KOPF_ENDS_WITHIN if finished.is_set() else None)
        if not listening.done():
            logger.warning("tasks left after shutdown", tasks=sorted(map(_describe, asyncio.all_tasks())))
    finally:
        stopped.cancel()
        listening.cancel()
        await asyncio.wait({listening})
    if not listening.cancelled():
        listening.result()


def _describe(task: asyncio.Task[object]) -> str:
    return f"{task.get_name()}: {task.get_coro()!r}"


def handlers(app: App, watch: Watch) -> kopf.OperatorRegistry:
    """Return kopf's handlers, bound to the app."""
    registry = kopf.OperatorRegistry()

    @kopf.on.login(registry=registry)
    async def login(**_: object) -> kopf.AiohttpSession:
        # Kopf closes a session only after its first request, so the app closes the last one.
        app.watching_session = await watching_session(
            app.cluster, app.connectivity, media_type=lambda: app.selector.media_type
        )
        server = app.cluster.configuration.host
        return kopf.AiohttpSession(server=server, aiohttp_session=app.watching_session)

    @kopf.on.event(RESOURCE.group, RESOURCE.version, RESOURCE.plural, registry=registry)
    async def enqueue(type: str | None, event: kopf.RawEvent, **_: object) -> None:  # noqa: A002 - kopf's name
        app.operator.event_handler.handle(type, event["object"])

    @kopf.on.cleanup(registry=registry)
    async def stop(**_: object) -> None:
        # In kopf's cleanup, because kopf cancels every leftover task when it ends. And in a task of its own:
        # kopf has cancelled this one before, and timeouts fail in such a task before Python 3.11.3.
        await asyncio.create_task(app.stop(), name="stop")

    namespaces = app.operator.namespaces
    if watch.namespace_selector is not None and isinstance(namespaces, SelectedNamespaces):

        @kopf.on.event("v1", "namespaces", registry=registry)
        async def select(type: str | None, name: str, **_: object) -> None:  # noqa: A002 - kopf's name
            await namespaces.note(type, name, app.operator.event_handler)

    return registry
