"""The API server refuses, fails, loses answers and answers nonsense."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from tests.chaos.lane import pause
from tests.chaos.scenario import scenario

if TYPE_CHECKING:
    from tests.chaos.stage import Stage

STATUS: dict[str, Any] = {"verb": "update", "subresource": "status"}
PAGE = "<!doctype html><title>Sign in</title>"


@scenario("Every status write meets a conflict three times")
def conflict_storm(stage: Stage) -> None:
    stage.operator(proxied=True)
    stage.fail(namespace=stage.namespace, code=409, times=30, **STATUS)
    stage.create(10)


@scenario("Another controller writes labels and status fields all the time")
def conflicting_writer(stage: Stage) -> None:
    stage.operator()
    stage.answer({"code": 503, "delay": 0.3}, {"delay": 0.3}, times=8)
    objects, stop = stage.create(8), threading.Event()

    def write() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            for obj in objects:
                patch = {"metadata": {"labels": {"touched": str(number)}}}
                stage.cluster.patch(stage.namespace, obj["metadata"]["name"], patch)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        stage.settle(within=45)
    finally:
        stop.set()
        writer.join()


@scenario("Every request of the operator is throttled with 429 for 10 s")
def throttled(stage: Stage) -> None:
    stage.operator(proxied=True)
    stage.create(5)
    rule = stage.fail(code=429, headers={"Retry-After": "1"}, times=None)
    stage.create(10)
    pause(10)
    rule.remove()


@scenario("Status writes are refused with 500 before they are applied")
def error_before_the_write(stage: Stage) -> None:
    stage.operator(proxied=True)
    stage.fail(namespace=stage.namespace, code=500, times=25, **STATUS)
    stage.create(10)


@scenario("Status writes are applied and answered with 500")
def error_after_the_write(stage: Stage) -> None:
    stage.operator(proxied=True)
    stage.answer({"code": 503}, times=8)
    stage.fail(namespace=stage.namespace, code=500, after=True, times=20, **STATUS)
    stage.create(10)


@scenario("Status writes are applied and their connections are cut before the answer")
def cut_after_the_write(stage: Stage) -> None:
    stage.operator(proxied=True)
    stage.answer({"code": 503}, times=8)
    stage.fail(namespace=stage.namespace, cut=True, after=True, times=20, **STATUS)
    stage.create(10)


@scenario("Status writes are never answered: each one times out, half of them after it was applied")
def write_timeouts(stage: Stage) -> None:
    stage.operator(proxied=True)
    stage.fail(namespace=stage.namespace, delay=60, times=4, **STATUS)
    stage.fail(namespace=stage.namespace, delay_after=60, times=4, **STATUS)
    stage.create(8)


@scenario("Every request takes one second, every status write two")
def slow_api_server(stage: Stage) -> None:
    stage.operator(proxied=True)
    stage.fail(namespace=stage.namespace, delay=2, times=None, **STATUS)
    rule = stage.fail(verb="get", delay=1, times=None)
    stage.answer({"code": 503}, times=8)
    stage.create(10)
    stage.settle(within=40)
    rule.remove()


@scenario("A login page answers every request with 200 for 10 s")
def login_page(stage: Stage) -> None:
    stage.operator(proxied=True)
    stage.create(3)
    rule = stage.fail(code=200, body=PAGE, headers={"Content-Type": "text/html"}, times=None)
    stage.proxy.cut_watches()
    pause(10)
    rule.remove()
    stage.create(5)


@scenario("Reads fail with 500, 403, 504 and 503 in turn")
def failing_reads(stage: Stage) -> None:
    stage.operator(proxied=True)
    for code in (500, 403, 504, 503):
        stage.fail(verb="get", resource="notificationrequests", namespace=stage.namespace, code=code, times=6)
    stage.create(12)


@scenario("A load balancer answers reads and writes with its own page and 404, as if no object existed")
def misrouted_requests(stage: Stage) -> None:
    stage.operator(proxied=True)
    page = {"body": "default backend - 404", "headers": {"Content-Type": "text/plain"}}
    stage.fail(verb="get", namespace=stage.namespace, code=404, times=8, **page)
    stage.fail(namespace=stage.namespace, code=404, times=8, **STATUS, **page)
    stage.create(12)
