"""The pages of `notif web` that the pictures show, with the made-up notifications and receivers."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from notification_cli.errors import CliError
from notification_cli.views.explaining.explanation import explain, read_rules
from notification_cli.views.explaining.known import declared
from notification_cli.web.application import Application
from notification_cli.web.source import Filter, Listed, Source
from notification_domain.receivers.catalog import ReceiverKey
from tools.pictures.samples import HOME, NOTIFICATIONS, NOW, RECEIVERS, RULES

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from datetime import datetime

    from aiohttp import web

    from notification_cli.views.explaining.explanation import Explanation
    from notification_domain.model import Notification

ROOT: Final = "/pictures"
PAGES: Final = {
    "laptop": ("/", 1000, 560),
    "phone": ("/n/shop/checkout-failing", 500, 1020),
    "receivers": ("/receivers", 1000, 420),
    "receiver": ("/r/platform/on-call", 500, 1020),
    "failed": ("/?phase=Failed&phase=PartiallySent", 1000, 420),
}
"""The path, width and height of each picture."""


class Samples(Source):
    """Serves the samples, which never change."""

    def __init__(self) -> None:
        """Need no session."""

    async def page(self, chosen: Filter, start: str) -> Listed:  # noqa: ARG002 - the signature of the base
        phases = set(chosen.phases)
        shown = [obj for obj in NOTIFICATIONS if not phases or obj["status"]["phase"] in phases]
        return Listed(objects=shown, next="", version="1")

    async def get(self, namespace: str, name: str) -> dict[str, Any]:
        return _found(NOTIFICATIONS, namespace, name)

    async def changes(self, chosen: Filter, version: str) -> AsyncIterator[dict[str, Any]]:  # noqa: ARG002 - the signature of the base
        await asyncio.get_running_loop().create_future()
        yield {}

    async def explained(self, notification: Notification, now: datetime) -> Explanation:
        objects = {
            ReceiverKey(obj["metadata"]["namespace"], obj["metadata"]["name"]): obj for obj in RECEIVERS
        }
        return explain(notification, read_rules(RULES), declared(objects, home=HOME), now=now)

    async def receivers(self, namespace: str, start: str) -> Listed:  # noqa: ARG002 - the signature of the base
        return Listed(objects=RECEIVERS, next="", version="1")

    async def receiver(self, namespace: str, name: str) -> dict[str, Any]:
        return _found(RECEIVERS, namespace, name)

    def receiver_changes(self, chosen: Filter, version: str) -> AsyncIterator[dict[str, Any]]:
        return self.changes(chosen, version)


def application(port: int) -> web.Application:
    options = ("--context", "dev")
    return Application(
        Samples(), root=ROOT, namespace="", scope="dev, all namespaces", clock=lambda: NOW, options=options
    ).build(port)


def _found(objects: Sequence[dict[str, Any]], namespace: str, name: str) -> dict[str, Any]:
    for obj in objects:
        if (obj["metadata"]["namespace"], obj["metadata"]["name"]) == (namespace, name):
            return obj
    raise CliError(f"there is no {name}")
