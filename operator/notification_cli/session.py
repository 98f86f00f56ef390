"""Runs the work of a command over a connection, and gives it what commands share."""

from __future__ import annotations

import asyncio
import signal
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from notification_cli.clock import now
from notification_cli.kube.resources import Notifications, Receivers, Sources
from notification_cli.output.screen import Screen

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from datetime import datetime

    from notification_cli.kube.connection import Connection


TERMINATED: Final = 143
"""The exit code after SIGTERM, as a shell has it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    connection: Connection
    notifications: Notifications
    receivers: Receivers
    sources: Sources
    screen: Screen
    clock: Callable[[], datetime] = now

    @property
    def namespace(self) -> str:
        """The namespace that the user chose, else that of the kubeconfig."""
        return self.connection.namespace


def run(
    work: Callable[[Session], Awaitable[int]],
    *,
    kubeconfig: str,
    context: str,
    no_color: bool,
    namespace: str = "",
) -> int:
    # Verbs without a cluster need no client of it.
    from notification_cli.kube.connection import connect  # noqa: PLC0415
    from notification_cli.kube.kubeconfig import Access  # noqa: PLC0415

    async def connected() -> int:
        _end_orderly()
        async with connect(Access(kubeconfig=kubeconfig, context=context, namespace=namespace)) as connection:
            session = Session(
                connection=connection,
                notifications=Notifications(connection),
                receivers=Receivers(connection),
                sources=Sources(connection),
                screen=Screen.standard(no_color=no_color),
            )
            return await work(session)

    try:
        return asyncio.run(connected())
    except asyncio.CancelledError:
        return TERMINATED


def _end_orderly() -> None:
    """Let SIGTERM, which ends a pod, cancel the work as Ctrl-C does."""
    task = asyncio.current_task()
    assert task is not None, "the work runs in a task"
    # Windows has no such handlers, and a thread other than the first one may not set any.
    with suppress(NotImplementedError, RuntimeError, ValueError):
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
