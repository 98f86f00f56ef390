"""Kopf as the operator runs it, with its handlers and settings, around an app of the test."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import aiohttp
import kopf

from notification_contract.settings import Watch
from notification_operator import kopf_app
from notification_operator.watch.kopf_settings import kopf_settings
from notification_operator.watch.namespaces import AllNamespaces
from notification_operator.wiring import RESOURCE

if TYPE_CHECKING:
    import asyncio
    import threading
    from collections.abc import Awaitable, Callable, Coroutine

    import pytest


def kopf_here(
    monkeypatch: pytest.MonkeyPatch,
    *,
    url: str,
    stop_flag: asyncio.Event | threading.Event,
    selector: str = "",
    handler: Any = None,
    stop: Callable[[], Awaitable[None]],
) -> Coroutine[None, None, None]:
    """Return kopf, to be run, on the API server at a URL."""

    async def session(*_: object) -> aiohttp.ClientSession:
        return aiohttp.ClientSession()

    monkeypatch.setattr(kopf_app, "watching_session", session)
    cluster = SimpleNamespace(configuration=SimpleNamespace(host=url))
    operator = SimpleNamespace(event_handler=handler, namespaces=AllNamespaces())
    app: Any = SimpleNamespace(cluster=cluster, connectivity=None, operator=operator, stop=stop)
    return kopf.operator(
        registry=kopf_app.handlers(app, Watch()),
        settings=kopf_settings(Watch(), RESOURCE, selector),
        standalone=True,
        clusterwide=True,
        stop_flag=stop_flag,
    )
