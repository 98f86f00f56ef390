"""A server that has written a response, and does nothing more for a while, as on a busy machine."""

import asyncio
from typing import Any

import pytest


def stall(monkeypatch: pytest.MonkeyPatch, response: type, method: str) -> asyncio.Event:
    """Let a method of responses write, and not return until the event is set."""
    write, released = getattr(response, method), asyncio.Event()

    async def stalled(self: object, *arguments: Any) -> None:
        await write(self, *arguments)
        await released.wait()

    monkeypatch.setattr(response, method, stalled)
    return released
