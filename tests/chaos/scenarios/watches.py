"""The watch is cut, expired, late, silent or refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.chaos.lane import pause
from tests.chaos.scenario import scenario

if TYPE_CHECKING:
    from tests.chaos.stage import Stage

KIND = {"resource": "notificationrequests"}


@scenario("The watch is cut every second, while notifications keep coming")
def cut_watches(stage: Stage) -> None:
    stage.operator(proxied=True)
    for _ in range(8):
        stage.create(3)
        stage.proxy.cut_watches()
        pause(1.0)


@scenario("The watch expires with 410 again and again, while notifications keep coming")
def expired_watches(stage: Stage) -> None:
    stage.operator(proxied=True)
    for _ in range(6):
        stage.create(3)
        stage.proxy.expire_watches()
        pause(1.5)


@scenario("Every event of the watch is five seconds late, and retries overtake them")
def late_watch(stage: Stage) -> None:
    stage.operator(proxied=True)
    stage.answer({"code": 503}, times=12)
    with stage.proxy.lag(5):
        stage.create(10)
        stage.settle(within=60)


@scenario("Listings are answered with 410, as when a page's token has expired")
def expired_listing(stage: Stage) -> None:
    operator = stage.operator(proxied=True, start=False)
    stage.create(10)
    stage.fail(verb="list", code=410, times=6, **KIND)
    operator.launch()
    pause(5)
    stage.proxy.cut_watches()


@scenario("The watch is refused with 403 for 20 s, while everything else works")
def forbidden_watch(stage: Stage) -> None:
    stage.operator(proxied=True)
    stage.create(3)
    rules = [stage.fail(verb=verb, code=403, times=None, **KIND) for verb in ("watch", "list")]
    stage.proxy.cut_watches()
    stage.create(5)
    pause(20)
    for rule in rules:
        rule.remove()


@scenario("The watch stays open and silent for 25 s, and then delivers everything at once")
def silent_watch(stage: Stage) -> None:
    stage.operator(proxied=True)
    with stage.proxy.lag(25):
        stage.create(10)
        pause(5)
    stage.settle(within=60)
