"""`nox -s pictures`: takes the pictures of the documentation with the Chromium of this machine."""

from __future__ import annotations

import asyncio
import shutil
import sys
from pathlib import Path
from typing import Any, Final

from aiohttp.test_utils import TestServer, unused_port
from playwright.async_api import async_playwright

from tools.pictures import views, web
from tools.pictures.capture import capture

FOLDER: Final = Path(__file__).resolve().parents[2] / "docs" / "images"
PROGRAMS: Final = ("chromium", "chromium-browser", "google-chrome")
CHANNEL_WIDTH: Final = 640


async def take(program: str) -> None:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program, chromium_sandbox=False)
        await _take_web(browser)
        page = await browser.new_page(
            viewport={"width": CHANNEL_WIDTH, "height": 100}, device_scale_factor=1.5
        )
        for name, content in views.pages(await capture()).items():
            await page.set_content(content)
            await page.screenshot(path=FOLDER / "channels" / f"{name}.png", full_page=True)


async def _take_web(browser: Any) -> None:  # noqa: ANN401 - playwright is in the session's environment only
    port = unused_port()
    async with TestServer(web.application(port), port=port) as server:
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
