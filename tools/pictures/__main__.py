"""`python -m tools.pictures`: takes pictures of `notif web` with Chromium, on a laptop and a phone, light and dark."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web

from notification_cli.errors import CliError
from notification_cli.views.explanation import read_rules
from notification_cli.web.application import Application
from notification_cli.web.serve import ADDRESS, listen
from notification_cli.web.source import Filter, Listed
from tools.pictures.samples import NOTIFICATIONS, NOW, RULES

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from notification_operator.domain.routing.state import RoutingState

FOLDER: Final = Path(__file__).resolve().parents[2] / "docs" / "images"
ROOT: Final = "/pictures"
SINGLE: Final = "/n/shop/checkout-failing"
SIZES: Final = {"laptop": (1000, 640), "phone": (500, 900)}
SCHEMES: Final = {"light": 1, "dark": 0}
"""Blink's numbers of the preferred color schemes."""
PROGRAMS: Final = ("chromium", "chromium-browser", "google-chrome")


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

    async def rules(self) -> tuple[RoutingState | None, str]:
        """See `Source.rules`."""
        return read_rules(RULES), ""


async def take(browser: str) -> None:
    """Take every picture."""
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
                url = f"http://{ADDRESS}:{port}{ROOT}{path}"
                file = FOLDER / f"web-{device}-{scheme}.png"
                await asyncio.to_thread(_shoot, browser, url, file, (width, height, number))
    finally:
        await runner.cleanup()


def _shoot(browser: str, url: str, file: Path, shape: tuple[int, int, int]) -> None:
    width, height, scheme = shape
    with tempfile.TemporaryDirectory(prefix="pictures-") as profile:
        subprocess.run(
            [
                browser,
                "--headless=new",
                "--no-sandbox",
                "--disable-gpu",
                "--hide-scrollbars",
                f"--user-data-dir={profile}",
                f"--window-size={width},{height}",
                f"--blink-settings=preferredColorScheme={scheme}",
                "--timeout=3000",
                f"--screenshot={file}",
                url,
            ],
            check=True,
            timeout=60,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )


def main() -> int:
    """Take the pictures; the exit code is 1 without a browser."""
    browser = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if browser is None:
        print("error: no Chromium found; install it (Debian: apt-get install chromium)", file=sys.stderr)
        return 1
    asyncio.run(take(browser))
    for file in sorted(FOLDER.glob("web-*.png")):
        print(f"{file.name}: {file.stat().st_size // 1000} KB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
