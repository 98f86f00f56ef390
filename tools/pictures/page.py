"""Pictures of `notif web`, on a laptop and a phone, light and dark."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web

from notification_cli.errors import CliError
from notification_cli.views.explanation import explain, read_rules
from notification_cli.web.application import Application
from notification_cli.web.serve import ADDRESS, listen
from notification_cli.web.source import Filter, Listed
from tools.pictures import chromium
from tools.pictures.samples import NOTIFICATIONS, NOW, RULES

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from datetime import datetime
    from pathlib import Path

    from notification_cli.views.explanation import Explanation
    from notification_operator.domain.model import Notification

ROOT: Final = "/pictures"
SINGLE: Final = "/n/shop/checkout-failing"
SIZES: Final = {"laptop": (1000, 640), "phone": (500, 900)}
SCHEMES: Final = {"light": 1, "dark": 0}


class Samples:
    """Serves the made-up notifications, which never change."""

    async def page(self, chosen: Filter, start: str) -> Listed:  # noqa: ARG002 - the protocol's
        """See `Source.page`."""
        return Listed(objects=NOTIFICATIONS, next="", version="1")

    async def get(self, namespace: str, name: str) -> dict[str, Any]:
        """See `Source.get`."""
        for obj in NOTIFICATIONS:
            if (obj["metadata"]["namespace"], obj["metadata"]["name"]) == (namespace, name):
                return obj
        raise CliError(f"there is no notification {name}")

    async def changes(self, chosen: Filter, version: str) -> AsyncIterator[dict[str, Any]]:  # noqa: ARG002 - the protocol's
        """See `Source.changes`."""
        await asyncio.get_running_loop().create_future()
        yield {}

    async def explained(self, notification: Notification, now: datetime) -> Explanation:
        """See `Source.explained`."""
        return explain(notification, read_rules(RULES), now=now)


async def take(browser: str, folder: Path) -> None:
    """Take the pictures of the page."""
    listener = listen(0)
    port = listener.getsockname()[1]
    application = Application(
        Samples(), root=ROOT, namespace="", scope="dev, all namespaces", clock=lambda: NOW
    )
    runner = web.AppRunner(application.build(port), shutdown_timeout=0.1)
    await runner.setup()
    await web.SockSite(runner, listener).start()
    try:
        for device, (width, height) in SIZES.items():
            for scheme, number in SCHEMES.items():
                path = SINGLE if device == "phone" else "/"
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
