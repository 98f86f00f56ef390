"""The documentation site in Chromium: dark and light, on a laptop and a phone, without a barrier for people with disabilities."""

from __future__ import annotations

import functools
import subprocess
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from tests.cli import axe
from tests.cli.browser import Tab, provide, tab
from tests.kit.http_server import running
from tools.platform.pulumi.environment import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.long
SITE = ROOT / "build" / "docs" / "site"
PATHS = (
    "",
    "docs/",
    "docs/install/",
    "docs/troubleshoot-delivery/",
    "docs/cli/",
    "docs/receivers/",
    "docs/settings/",
)
SIZES = {"laptop": {"width": 1280, "mobile": False}, "phone": {"width": 400, "mobile": True}}
COMPLETED = "!document.querySelector('nav[aria-labelledby]')"
WIDER = "document.documentElement.scrollWidth > innerWidth"


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """The built site."""
    subprocess.run(["nox", "-s", "docs"], cwd=ROOT, check=True)
    server = ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(SimpleHTTPRequestHandler, directory=str(SITE))
    )
    with running(server):
        yield f"http://127.0.0.1:{server.server_port}"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
async def test_pages_have_no_barrier_and_fit_the_screen(url: str, size: str, scheme: str) -> None:
    async with tab(provide()) as browser:
        await show(browser, SIZES[size], scheme)
        for path in PATHS:
            await browser.open(f"{url}/{path}")
            await browser.until(COMPLETED)
            await browser.evaluate(axe.provide())
            assert await browser.evaluate_json(axe.RUN) == [], path
            assert not await browser.evaluate(WIDER), path


async def show(browser: Tab, size: dict[str, Any], scheme: str) -> None:
    await browser.call("Emulation.setDeviceMetricsOverride", height=800, deviceScaleFactor=1, **size)
    feature = {"name": "prefers-color-scheme", "value": scheme}
    await browser.call("Emulation.setEmulatedMedia", features=[feature])
