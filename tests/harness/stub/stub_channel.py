"""A channel plugin for tests: asks the sink what to do with each message, and does it."""

from __future__ import annotations

import asyncio
from functools import cached_property
from typing import TYPE_CHECKING, Any

import aiohttp

from notification_runtime.delivery.channel import Channel
from tests.harness.stub.actions import Action
from tests.harness.stub.failures import build

if TYPE_CHECKING:
    from notification_runtime.delivery.channel import Message


class StubChannel(Channel):
    """Reports each call to the sink, and follows its answer."""

    def __init__(self, *, channel: str, sink: str) -> None:
        self._url = f"{sink}/calls/{channel}"

    async def deliver(self, message: Message) -> Any:
        action = await self._ask(message)
        await asyncio.sleep(action.delay)
        match action.do:
            case "succeed":
                return action.value
            case "transient":
                raise build(action, "Transient")
            case "permanent":
                raise build(action, "Permanent")
            case "raise":
                raise build(action)
            case "never":
                return await asyncio.get_running_loop().create_future()

    async def close(self) -> None:
        if "_session" in self.__dict__:
            await self._session.close()

    @cached_property
    def _session(self) -> aiohttp.ClientSession:
        return aiohttp.ClientSession()

    async def _ask(self, message: Message) -> Action:
        call = {
            "namespace": message.namespace,
            "name": message.name,
            "uid": message.uid,
            "id": message.id,
            "subject": message.content.subject,
            "body": message.content.body,
        }
        async with self._session.post(self._url, json=call) as answer:
            answer.raise_for_status()
            return Action.model_validate(await answer.json())
