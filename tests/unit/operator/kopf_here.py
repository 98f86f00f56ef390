"""Kopf as the operator runs it, with its handlers and settings, around an engine of the test's own."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import aiohttp
import kopf

from notification_contract.settings import Watch
from notification_operator import kopf_app as main
from notification_operator.app import RESOURCE
from notification_operator.watch.kopf_settings import kopf_settings

if TYPE_CHECKING:
    import asyncio
    import threading
    from collections.abc import Coroutine

    import pytest


def kopf_here(
    monkeypatch: pytest.MonkeyPatch,
    *,
    url: str,
    stop_flag: asyncio.Event | threading.Event,
    selector: str = "",
    **parts: Any,
) -> Coroutine[None, None, None]:
    """Return kopf, to be run, on the API server at a URL; `parts` are those of the engine."""

    async def session(*_: object) -> aiohttp.ClientSession:
        return aiohttp.ClientSession()

    monkeypatch.setattr(main, "watching_session", session)
    cluster = SimpleNamespace(configuration=SimpleNamespace(host=url))
    engine: Any = SimpleNamespace(cluster=cluster, connectivity=None, **parts)
    return kopf.operator(
        registry=main.handlers(engine, Watch()),
        settings=kopf_settings(Watch(), RESOURCE, selector),
        standalone=True,
        clusterwide=True,
        stop_flag=stop_flag,
    )
