"""`nox -s pictures`: takes the pictures of `notif web` with the Chromium of this machine."""

from __future__ import annotations

import asyncio
import shutil
import sys
from pathlib import Path
from typing import Final

from aiohttp.test_utils import TestServer, unused_port
from playwright.async_api import async_playwright

from tools.pictures import web

FOLDER: Final = Path(__file__).resolve().parents[2] / "docs" / "images"
PROGRAMS: Final = ("chromium", "chromium-browser", "google-chrome")


async def take(program: str) -> None:
    port = unused_port()
    async with async_playwright() as playwright, TestServer(web.application(port), port=port) as server:
        browser = await playwright.chromium.launch(executable_path=program, chromium_sandbox=False)
        for name, (path, width, height) in web.PAGES.items():
            for scheme in ("light", "dark"):
                page = await browser.new_page(
                    viewport={"width": width, "height": height}, color_scheme=scheme
                )
                await page.goto(f"{server.make_url(web.ROOT)}{path}")
                await page.screenshot(path=FOLDER / f"web-{name}-{scheme}.png")
                await page.close()


if __name__ == "__main__":
    found = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if found is None:
        sys.exit("error: no Chromium found; install it (Debian: apt-get install chromium)")
    asyncio.run(take(found))
