"""The page of `notif web` in Chromium: live, without JavaScript, on a phone, dark and light, for everybody and for nobody else."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from aiohttp import web
from filelock import FileLock

from tests.cli import axe
from tests.cli.browser import FOREIGN, Tab, provide, tab
from tests.unit.cli.page import MemorySource, serving
from tests.unit.cli.samples import failed, partial, retrying, sick_receiver
from tests.unit.operator.domain.receivers.builders import stored_receiver
from tools.localcluster.toolchain.layout import cache_dir

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

ROWS = "document.querySelectorAll('tbody tr').length"
LIVE = "document.body.classList.contains('live')"
TEXT = "document.body.innerText"
PHONE = {"width": 400, "height": 800, "deviceScaleFactor": 2, "mobile": True}
LONG = "a-long-name-without-any-break-"
UNDELIVERED = "/?phase=Failed&phase=PartiallySent"
PATHS = (
    *("/", UNDELIVERED, "/?receiver=checkout", "/?namespace=none", "/n/shop/order-1", "/n/shop/order-2"),
    *("/n/shop/absent", "/receivers", "/r/shop/checkout", "/r/shop/fresh"),
)
"""A page of every kind, also the empty ones and the one that says what is wrong."""
SCHEMES = {"light": "rgb(255, 255, 255)", "dark": "rgb(13, 17, 23)"}


@pytest.fixture(scope="session")
def program() -> str:
    folder = cache_dir()
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / "browser.lock"):
        return provide()


@pytest.fixture(scope="session")
def script() -> str:
    with FileLock(cache_dir() / "npm.lock"):
        return axe.provide()


@pytest.fixture
async def browser(program: str) -> AsyncIterator[Tab]:
    async with tab(program) as opened:
        yield opened


def second() -> dict[str, Any]:
    obj = retrying(subject="word" * 60)
    return {**obj, "metadata": {**obj["metadata"], "name": LONG * 5}}


def everything() -> MemorySource:
    """Return a source with something of every kind."""
    objects = [retrying(), partial(), {**failed(), "metadata": {**failed()["metadata"], "name": "order-3"}}]
    return MemorySource([*objects, second()], nrecvs=[sick_receiver(), stored_receiver("fresh")])


async def prefer(browser: Tab, scheme: str) -> None:
    feature = {"name": "prefers-color-scheme", "value": scheme}
    await browser.call("Emulation.setEmulatedMedia", features=[feature])


@pytest.mark.check("page-01")
async def test_change_appears_by_itself_and_breaks_no_policy(browser: Tab) -> None:
    source = MemorySource([retrying()])
    async with serving(source) as page:
        await browser.open(page.url())
        await browser.until(LIVE)
        assert await browser.evaluate(ROWS) == 1
        source.objects = [failed(), second()]
        source.changed.set()
        await browser.until(f"{ROWS} === 2")
        source.changed.clear()
        await browser.until(LIVE)
        assert await browser.evaluate("document.querySelector('td.inline').textContent") == "Failed"
    assert [each for each in browser.complaints if "ERR_" not in str(each)] == []


@pytest.mark.check("page-02")
async def test_page_works_without_javascript(browser: Tab) -> None:
    await browser.call("Emulation.setScriptExecutionDisabled", value=True)
    async with serving(everything()) as page:
        await browser.open(page.url())
        assert await browser.evaluate(ROWS) == 4
        assert not await browser.evaluate(LIVE)
        await follow(browser, "tbody a")
        assert "Checkout is failing" in await browser.evaluate("document.querySelector('h1').textContent")
        await follow(browser, "nav a:nth-child(3)")
        assert await browser.evaluate(ROWS) == 2
        await follow(browser, "nav a:last-child")
        await follow(browser, "tbody a")
        assert "The circuit breaker is open" in await browser.evaluate(TEXT)
        await follow(browser, ".card a")
        assert "order-2" in await browser.evaluate(TEXT)
        # The form sends itself by its button, as no script does it.
        await browser.evaluate("document.querySelector('input[name=receiver]').value = 'absent'")
        await browser.evaluate("document.querySelector('form button').click()")
        await browser.until("document.body.innerText.includes('No notification meets these filters')")
    assert browser.complaints == []


async def follow(browser: Tab, selector: str) -> None:
    """Open the address of a link."""
    await browser.open(await browser.evaluate(f"document.querySelector({selector!r}).href"))


@pytest.mark.check("page-03")
async def test_page_fits_a_phone_whatever_its_texts_are(browser: Tab) -> None:
    await browser.call("Emulation.setDeviceMetricsOverride", **PHONE)
    source = everything()
    source.nrecvs = [*source.nrecvs, sick_receiver((LONG * 3)[:63])]
    async with serving(source) as page:
        for path in (*PATHS, f"/n/shop/{second()['metadata']['name']}", f"/r/shop/{(LONG * 3)[:63]}"):
            await browser.open(page.url(path))
            assert await browser.evaluate("document.documentElement.scrollWidth") == PHONE["width"], path


@pytest.mark.check("page-04")
async def test_page_follows_the_preferred_colors(browser: Tab) -> None:
    async with serving(everything()) as page:
        for scheme, background in SCHEMES.items():
            await prefer(browser, scheme)
            await browser.open(page.url("/n/shop/order-1"))
            assert await browser.evaluate("getComputedStyle(document.body).backgroundColor") == background
            assert "Checkout is failing" in await browser.evaluate(TEXT)


@pytest.mark.check("page-05")
async def test_no_page_has_a_serious_barrier_in_light_and_dark(browser: Tab, script: str) -> None:
    async with serving(everything()) as page:
        for scheme in SCHEMES:
            await prefer(browser, scheme)
            for path in PATHS:
                await browser.open(page.url(path))
                barriers = await axe.violations(browser, script)
                assert [each for each in barriers if each["impact"] in axe.SERIOUS] == [], (scheme, path)


@pytest.mark.check("page-06")
async def test_no_request_leaves_this_machine(browser: Tab) -> None:
    async with serving(everything()) as page:
        for path in PATHS:
            await browser.open(page.url(path))
        hosts = {urlsplit(url).netloc for url in browser.requests if not url.startswith("data:")}
        assert hosts == {f"127.0.0.1:{page.port}"}
    assert any("style.css" in url for url in browser.requests)
    assert any("live.js" in url for url in browser.requests)


@pytest.mark.check("page-07")
async def test_name_of_another_site_that_leads_here_is_refused(browser: Tab) -> None:
    async with serving(everything()) as page:
        url = page.url("/n/shop/order-1").replace("127.0.0.1", FOREIGN)
        await browser.open(url)
        assert browser.statuses[url] == 421
        assert "Checkout" not in await browser.evaluate(TEXT)


@pytest.mark.check("page-08")
async def test_page_of_another_site_can_neither_read_nor_frame_the_page(browser: Tab) -> None:
    async with serving(everything()) as page, attacker(page.url()) as port:
        for host in (FOREIGN, "127.0.0.1"):
            await browser.open(f"http://{host}:{port}/")
            await browser.until("document.title === 'done'")
            assert await browser.evaluate("window.results") == {
                "fetch": "refused",
                "opaque": 0,
                "script": "refused",
            }
            assert browser.statuses[page.url()] == 403
            assert "Checkout" not in await browser.evaluate(TEXT)


ATTACK = """<!doctype html><title>waits</title><iframe src="{url}"></iframe><script>
window.results = {{}};
const script = document.createElement("script");
const loaded = new Promise(done => {{ script.onload = () => done("read"); script.onerror = () => done("refused"); }});
script.src = "{url}static/live.js";
document.head.append(script);
const opaque = fetch("{url}", {{mode: "no-cors"}}).then(r => r.text()).then(t => t.length).catch(() => 0);
const read = fetch("{url}").then(r => r.text()).catch(() => "refused");
const framed = new Promise(done => {{ document.querySelector("iframe").onload = done; }});
Promise.all([read, opaque, loaded, framed]).then(([a, b, c]) => {{
  window.results = {{fetch: a, opaque: b, script: c}};
  document.title = "done";
}});
</script>"""


@contextlib.asynccontextmanager
async def attacker(url: str) -> AsyncIterator[int]:
    """Serve a page of another origin that tries every way to read the page; gives its port."""

    async def answer(_request: web.Request) -> web.Response:
        return web.Response(text=ATTACK.format(url=url), content_type="text/html")

    application = web.Application()
    application.router.add_get("/", answer)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


@pytest.mark.check("page-09")
async def test_notification_that_vanishes_while_it_is_shown_is_named(browser: Tab) -> None:
    source = MemorySource([retrying()])
    async with serving(source) as page:
        await browser.open(page.url("/n/shop/order-1"))
        await browser.until(LIVE)
        source.objects = []
        source.changed.set()
        await browser.until(f"{TEXT}.includes('there is no notification order-1 in namespace shop')")
        await browser.until(f"!{LIVE}")
        assert await browser.evaluate("document.querySelectorAll('nav a').length") == 6


async def test_page_goes_on_after_a_read_that_failed(browser: Tab) -> None:
    source = MemorySource([retrying()])
    async with serving(source) as page:
        await browser.open(page.url())
        await browser.until(LIVE)
        source.objects, source.failures = [failed(), second()], 1
        source.changed.set()
        await browser.until(f"{ROWS} === 2")
        source.changed.clear()
        await browser.until(LIVE)
    assert source.failures == 0


@pytest.mark.check("page-10")
async def test_change_takes_nothing_from_what_is_being_written(browser: Tab) -> None:
    source = MemorySource([retrying()])
    async with serving(source) as page:
        await browser.open(page.url())
        await browser.until(LIVE)
        await browser.evaluate("document.querySelector('input[name=labels]').value = 'half a sele'")
        source.objects = [failed(), second()]
        source.changed.set()
        await browser.until(f"{ROWS} === 2")
        assert await browser.evaluate("document.querySelector('input[name=labels]').value") == "half a sele"


@pytest.mark.check("page-11")
async def test_keyboard_reaches_the_links_in_order_with_a_visible_focus(browser: Tab) -> None:
    async with serving(everything()) as page:
        await browser.open(page.url(UNDELIVERED))
        seen = []
        for _ in range(14):
            for kind in ("keyDown", "keyUp"):
                await browser.call(
                    "Input.dispatchKeyEvent", type=kind, key="Tab", code="Tab", windowsVirtualKeyCode=9
                )
            seen.append(
                await browser.evaluate(
                    "[document.activeElement.tagName, getComputedStyle(document.activeElement).outlineStyle].join(' ')"
                )
            )
        assert [each.split()[0] for each in seen] == [*["A"] * 7, *["INPUT"] * 3, "BUTTON", "PRE", "A", "A"]
        assert {each.split()[1] for each in seen} <= {"solid", "auto"}
