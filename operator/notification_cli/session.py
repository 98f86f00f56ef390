"""Runs the work of a command over a connection, and gives it what commands share."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from notification_cli.clock import now
from notification_cli.kube.resources import Notifications, Receivers

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from datetime import datetime

    from notification_cli.kube.connection import Connection
    from notification_cli.options import Access
    from notification_cli.output.screen import Screen


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """What a command works with."""

    connection: Connection
    notifications: Notifications
    receivers: Receivers
    screen: Screen
    clock: Callable[[], datetime] = now

    @property
    def namespace(self) -> str:
        """The namespace that the user chose, else that of the kubeconfig."""
        return self.connection.namespace


def run(access: Access, screen: Screen, work: Callable[[Session], Awaitable[int]]) -> int:
    """Connect, work, and return the exit code."""
    from notification_cli.kube.connection import connect  # noqa: PLC0415 - verbs without a cluster need no client

    async def connected() -> int:
        async with connect(access) as connection:
            session = Session(
                connection=connection,
                notifications=Notifications(connection),
                receivers=Receivers(connection),
                screen=screen,
            )
            return await work(session)

    return asyncio.run(connected())
