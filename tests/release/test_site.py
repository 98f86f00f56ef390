"""The documentation site in Chromium: dark and light, on a laptop and a phone, without a barrier for people with disabilities."""

from __future__ import annotations

import functools
import gzip
import subprocess
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from tests.cli import axe
from tests.cli.browser import Tab, provide, tab
from tests.kit.http_server import running
from tools.pictures.views import VIEWS
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
CUT_OFF = "(body => body.scrollHeight > body.clientHeight)(document.querySelector('body'))"
MAX_FIRST_PAGE = 100_000
"""Compressed bytes of the first page, without the search, which the theme loads when the page is shown."""
SEARCH = ("search.json", "/workers/search.")


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


async def test_first_page_is_light(url: str) -> None:
    async with tab(provide()) as browser:
        await browser.open(f"{url}/")
        await browser.until(COMPLETED)
    paths = {urlsplit(request).path for request in browser.requests if request.startswith(url)}
    sizes = {path: compressed(path) for path in paths if not any(part in path for part in SEARCH)}
    assert "/docs/images/channels/slack.svg" in sizes
    assert sum(sizes.values()) <= MAX_FIRST_PAGE, sizes


def compressed(path: str) -> int:
    file = SITE / path.lstrip("/")
    return len(gzip.compress((file / "index.html" if file.is_dir() else file).read_bytes()))


async def test_pictures_of_channels_show_the_whole_message() -> None:
    async with tab(provide()) as browser:
        for channel in VIEWS:
            await browser.open((ROOT / "docs" / "images" / "channels" / f"{channel}.svg").as_uri())
            assert not await browser.evaluate(CUT_OFF), channel


async def show(browser: Tab, size: dict[str, Any], scheme: str) -> None:
    await browser.call("Emulation.setDeviceMetricsOverride", height=800, deviceScaleFactor=1, **size)
    feature = {"name": "prefers-color-scheme", "value": scheme}
    await browser.call("Emulation.setEmulatedMedia", features=[feature])
