"""A channel plugin for the tests: asks the sink what to do with each message, and does it."""

from __future__ import annotations

import asyncio
import builtins
from typing import TYPE_CHECKING, Any

import aiohttp

from notification_operator.delivery.contract import Permanent, Transient

if TYPE_CHECKING:
    from notification_operator.delivery.contract import Message


class StubChannel:
    """Reports each call to the sink and follows the answer."""

    def __init__(self, *, channel: str, sink: str) -> None:
        self._url = f"{sink}/calls/{channel}"

    async def deliver(self, message: Message) -> None:
        """Deliver, fail or break, as scripted."""
        action = await self._ask(message)
        await asyncio.sleep(action.get("delay", 0.0))
        text = action.get("text", "")
        match action["do"]:
            case "succeed":
                return
            case "transient":
                raise Transient(text, retry_after=action.get("retry_after"))
            case "permanent":
                raise Permanent(text)
            case "raise":
                raise getattr(builtins, action["exception"])(text)

    async def _ask(self, message: Message) -> dict[str, Any]:
        call = {
            "namespace": message.namespace,
            "name": message.name,
            "uid": message.uid,
            "id": message.id,
            "subject": message.content.subject,
            "body": message.content.body,
        }
        async with aiohttp.ClientSession() as session, session.post(self._url, json=call) as answer:
            answer.raise_for_status()
            action: dict[str, Any] = await answer.json()
            return action
