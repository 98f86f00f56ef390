"""The page of `notif web` in Chromium: live, without JavaScript, on a phone, dark and light."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from filelock import FileLock

from tests.cli.browser import Tab, provide, tab
from tests.unit.cli.page import ROOT, MemorySource, serving
from tests.unit.cli.samples import failed, retrying
from tools.localcluster.toolchain.layout import cache_dir

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

ROWS = "document.querySelectorAll('tbody tr').length"
LIVE = "document.body.classList.contains('live')"
PHONE = {"width": 360, "height": 740, "deviceScaleFactor": 2, "mobile": True}


@pytest.fixture(scope="session")
def program() -> str:
    folder = cache_dir()
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / "browser.lock"):
        return provide()


@pytest.fixture
async def browser(program: str) -> AsyncIterator[Tab]:
    async with tab(program) as opened:
        yield opened


def second() -> dict[str, Any]:
    obj = retrying(subject="word" * 60)
    return {**obj, "metadata": {**obj["metadata"], "name": "a-long-name-without-any-break-" * 5}}


async def test_change_appears_by_itself_and_breaks_no_policy(browser: Tab) -> None:
    source = MemorySource([retrying()])
    async with serving(source) as page:
        await browser.open(f"http://127.0.0.1:{page.port}{ROOT}/")
        await browser.until(LIVE)
        assert await browser.evaluate(ROWS) == 1
        source.objects = [failed(), second()]
        source.changed.set()
        await browser.until(f"{ROWS} === 2")
        source.changed.clear()
        await browser.until(LIVE)
        assert await browser.evaluate("document.querySelector('td.inline').textContent") == "Failed"
    assert [each for each in browser.complaints if "ERR_" not in str(each)] == []


async def test_page_works_without_javascript(browser: Tab) -> None:
    await browser.call("Emulation.setScriptExecutionDisabled", value=True)
    async with serving(MemorySource([retrying(), second()])) as page:
        await browser.open(f"http://127.0.0.1:{page.port}{ROOT}/")
        assert await browser.evaluate(ROWS) == 2
        assert not await browser.evaluate(LIVE)
        link = await browser.evaluate("document.querySelector('tbody a').href")
        await browser.open(link)
        assert "Checkout is failing" in await browser.evaluate("document.querySelector('h1').textContent")
    assert browser.complaints == []


async def test_page_fits_a_phone_whatever_its_texts_are(browser: Tab) -> None:
    await browser.call("Emulation.setDeviceMetricsOverride", **PHONE)
    async with serving(MemorySource([second()])) as page:
        for path in ("/", f"/n/shop/{second()['metadata']['name']}"):
            await browser.open(f"http://127.0.0.1:{page.port}{ROOT}{path}")
            assert await browser.evaluate("document.documentElement.scrollWidth") == PHONE["width"]


@pytest.mark.parametrize(
    ("scheme", "background"), [("dark", "rgb(13, 17, 23)"), ("light", "rgb(255, 255, 255)")]
)
async def test_page_follows_the_preferred_colors(browser: Tab, scheme: str, background: str) -> None:
    feature = {"name": "prefers-color-scheme", "value": scheme}
    await browser.call("Emulation.setEmulatedMedia", features=[feature])
    async with serving(MemorySource([retrying()])) as page:
        await browser.open(f"http://127.0.0.1:{page.port}{ROOT}/n/shop/order-1")
        assert await browser.evaluate("getComputedStyle(document.body).backgroundColor") == background
        assert "Checkout is failing" in await browser.evaluate("document.body.innerText")
