"""Pictures of `notif web`, on a laptop and a phone, light and dark."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web

from notification_cli.errors import CliError
from notification_cli.views.declaring import declared
from notification_cli.views.explaining.explanation import explain, read_rules
from notification_cli.web.application import Application
from notification_cli.web.serve import ADDRESS, listen
from notification_cli.web.source import Filter, Listed
from notification_operator.domain.receivers.catalog import ReceiverKey
from tools.pictures import chromium
from tools.pictures.samples import HOME, NOTIFICATIONS, NOW, RECEIVERS, RULES

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from datetime import datetime
    from pathlib import Path

    from notification_cli.views.explaining.explanation import Explanation
    from notification_operator.domain.model import Notification

ROOT: Final = "/pictures"
PATHS: Final = {
    "laptop": "/",
    "phone": "/n/shop/checkout-failing",
    "receivers": "/receivers",
    "receiver": "/r/platform/on-call",
    "failed": "/?phase=Failed&phase=PartiallySent",
}
SIZES: Final = {
    "laptop": (1000, 560),
    "phone": (500, 1020),
    "receivers": (1000, 420),
    "receiver": (500, 1020),
    "failed": (1000, 420),
}
SCHEMES: Final = {"light": 1, "dark": 0}


class Samples:
    """Serves the made-up notifications and receivers, which never change."""

    async def page(self, chosen: Filter, start: str) -> Listed:  # noqa: ARG002 - the protocol's
        phases = set(chosen.phases)
        shown = [obj for obj in NOTIFICATIONS if not phases or obj["status"]["phase"] in phases]
        return Listed(objects=shown, next="", version="1")

    async def get(self, namespace: str, name: str) -> dict[str, Any]:
        for obj in NOTIFICATIONS:
            if (obj["metadata"]["namespace"], obj["metadata"]["name"]) == (namespace, name):
                return obj
        raise CliError(f"there is no notification {name}")

    async def changes(self, chosen: Filter, version: str) -> AsyncIterator[dict[str, Any]]:  # noqa: ARG002 - the protocol's
        await asyncio.get_running_loop().create_future()
        yield {}

    async def explained(self, notification: Notification, now: datetime) -> Explanation:
        objects = {
            ReceiverKey(obj["metadata"]["namespace"], obj["metadata"]["name"]): obj for obj in RECEIVERS
        }
        return explain(notification, read_rules(RULES), declared(objects, home=HOME), now=now)

    async def receivers(self, namespace: str, start: str) -> Listed:  # noqa: ARG002 - the protocol's
        return Listed(objects=RECEIVERS, next="", version="1")

    async def receiver(self, namespace: str, name: str) -> dict[str, Any]:
        for obj in RECEIVERS:
            if (obj["metadata"]["namespace"], obj["metadata"]["name"]) == (namespace, name):
                return obj
        raise CliError(f"there is no receiver {name}")

    def receiver_changes(self, chosen: Filter, version: str) -> AsyncIterator[dict[str, Any]]:
        return self.changes(chosen, version)


async def take(browser: str, folder: Path) -> None:
    listener = listen(0)
    port = listener.getsockname()[1]
    application = Application(
        Samples(),
        root=ROOT,
        namespace="",
        scope="dev, all namespaces",
        clock=lambda: NOW,
        options=("--context", "dev"),
    )
    runner = web.AppRunner(application.build(port), shutdown_timeout=0.1)
    await runner.setup()
    await web.SockSite(runner, listener).start()
    try:
        for device, (width, height) in SIZES.items():
            for scheme, number in SCHEMES.items():
                path = PATHS[device]
                shape = chromium.Shape(width=width, height=height, scheme=number)
                await asyncio.to_thread(
                    chromium.shoot,
                    browser,
                    f"http://{ADDRESS}:{port}{ROOT}{path}",
                    folder / f"web-{device}-{scheme}.png",
                    shape,
                )
    finally:
        await runner.cleanup()
