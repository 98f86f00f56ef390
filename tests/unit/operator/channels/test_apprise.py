"""Apprise, through its own plugin for JSON over HTTP; and with a library that hangs or fails."""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from dataclasses import replace
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest

from notification_contract.kinds.choices import LifecycleEvent
from notification_domain.receivers.references import SecretValues
from notification_runtime.channels import apprise
from notification_runtime.delivery.channel import InvalidOptionsError, Transient
from tests.unit.operator.channels.receivers import base, make, message, own_connections

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.unit.operator.delivery.receiving import HttpServer

# The library itself imports it.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")


def channel(url: str, timeout: float = 10) -> Any:
    return make("apprise", {"urlSecretRef": url}, own_connections(timeout=timeout))


def json_url(server: HttpServer) -> str:
    return base(server).replace("http://", "json://") + "/very-secret-path"


def library(monkeypatch: pytest.MonkeyPatch, notify: Callable[..., bool]) -> None:
    """Replace the library by one that notifies as given."""

    class Service:
        def add(self, url: str) -> bool:
            return bool(url)

        def notify(self, **options: Any) -> bool:
            return notify(**options)

    module = ModuleType("apprise")
    module.Apprise = Service  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "apprise", module)


async def test_limited_hosts_exclude_a_library_with_its_own_connections() -> None:
    access = own_connections(timeout=10)
    limited = replace(access, policy=replace(access.policy, allowed_hosts=("example.com",)))
    with pytest.raises(InvalidOptionsError, match=r"receivers\.allowed_hosts excludes it"):
        make("apprise", {"urlSecretRef": "json://example.com"}, limited)


async def test_message_is_delivered_by_a_plugin_of_the_library(server: HttpServer) -> None:
    receipt = await channel(json_url(server)).deliver(message(body="**full** <b>", format="Markdown"))
    assert receipt.note == ""
    (received,) = server.received
    assert received.path == "/very-secret-path"
    assert received.json["title"] == "Заказ 📦"
    assert received.json["message"] == "full <b>\n\nfrom shop/order-1, cluster staging"
    assert received.json["type"] == "warning"


async def test_message_about_an_incident_is_marked(server: HttpServer) -> None:
    service = channel(json_url(server))
    for event in (LifecycleEvent.RESOLVE, LifecycleEvent.ACKNOWLEDGE):
        await service.deliver(message(subject="Disk full", event=event))
    shown = [(received.json["title"], received.json["type"]) for received in server.received]
    assert shown == [("[RESOLVED] Disk full", "success"), ("[ACKNOWLEDGED] Disk full", "info")]


async def test_refusal_is_a_transient_failure(server: HttpServer) -> None:
    server.add_response(500, "no")
    with pytest.raises(Transient, match="could not deliver"):
        await channel(json_url(server)).deliver(message())


async def test_exception_is_a_transient_failure_without_its_text(monkeypatch: pytest.MonkeyPatch) -> None:
    def notify(**_options: Any) -> bool:
        raise RuntimeError("https://very-secret")

    library(monkeypatch, notify)
    with pytest.raises(Transient, match=r"^apprise failed unexpectedly; see the log of the operator$"):
        await channel("x://").deliver(message())


async def test_library_that_hangs_stops_neither_the_loop_nor_other_messages(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    release = threading.Event()
    threads: list[str] = []

    def notify(**_options: Any) -> bool:
        threads.append(threading.current_thread().name)
        return release.wait(30)

    library(monkeypatch, notify)
    hanging = channel("x://", timeout=0.2)
    start = time.monotonic()
    results = await asyncio.gather(
        *(hanging.deliver(message()) for _ in range(apprise.THREADS)), return_exceptions=True
    )
    assert time.monotonic() - start < 5
    assert {str(each) for each in results} == {"apprise did not finish within 0.2 s"}
    with pytest.raises(Transient, match="every thread"):
        await hanging.deliver(message())
    release.set()
    assert threads == ["apprise channel"] * apprise.THREADS


def test_url_that_no_plugin_knows_is_refused_without_the_url() -> None:
    with pytest.raises(InvalidOptionsError, match="knows no service") as caught:
        channel("nosuchservice://very-secret")
    assert "very-secret" not in str(caught.value)


def test_missing_library_is_reported_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "apprise", None)
    with pytest.raises(InvalidOptionsError, match=r"notification-platform\[apprise\]"):
        channel("json://example.com")


async def test_repr_shows_no_secret_and_the_destination_is_known(server: HttpServer) -> None:
    service = channel(json_url(server))
    assert "secret" not in repr(service) + repr(SecretValues({"urlSecretRef": "secret"}))
    assert service.destination_of(message()) == json_url(server)
