"""Senders, each with its own way to repeat what was not answered with success."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import pairwise
from math import inf
from typing import TYPE_CHECKING, Any, Final

from tests.simulation.gateway.api_server import now

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping, Sequence
    from datetime import datetime

    from tests.simulation.choices import Choices

    Post = Callable[["Message"], Coroutine[None, None, int]]
    """Sends a message to any replica, and returns the status; 0 without an answer."""

TOKEN: Final = "s3cret-of-a-sender"
BEARER: Final = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
FLUSH_SECONDS: Final = (1.0, 2.5, 0.5)
REPEAT_SECONDS: Final = 4.0
"""`repeat_interval`, scaled."""
PERIOD: Final = 30
"""Seconds of `repeatAfter`."""
TIMED: Final = {"alerts": inf, "alerts-again": 0.9 * PERIOD, "chat": 60.0}
"""The sources whose messages become new after some seconds; those of alerts also after a Resolve."""
RETRY_SECONDS: Final = (0.1, 1.0, 4.0)
PAUSES: Final = (0.0, 1.0, 7.0, 29.0, 41.0)
"""Seconds between two messages of one sender."""
SUCCESS: Final = range(200, 300)


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A post, and what each notification that it becomes is told apart by."""

    source: str
    keys: Sequence[str]
    body: bytes
    headers: Mapping[str, str] = field(default_factory=lambda: BEARER)
    resolves: bool = False
    """Whether it ends the incident of its group."""
    after: str = ""
    """The key of the message after which it is told although it was told before; empty if there is none."""

    @property
    def path(self) -> str:
        return f"/hook/{self.source}"


class Senders:
    """All senders of a schedule."""

    def __init__(self, post: Post, choices: Choices, log: Callable[[str], None]) -> None:
        self._post = post
        self._choices = choices
        self._log = log
        self.accepted: set[str] = set()
        """The keys of the messages that were answered with success."""

    async def run(self) -> None:
        """Send everything, and return when the last message was answered with success."""
        async with asyncio.TaskGroup() as group:
            for source in ("alerts", "alerts-again"):
                states = _states(source, 1 + self._choices.number(4), self._choices.number(2))
                changes = [self._choices.pick(PAUSES) for _ in states]
                for _ in range(2):
                    group.create_task(self._alertmanager(states, changes))
            for number in range(2):
                group.create_task(self._patient(_events(number, self._choices)))
                group.create_task(self._patient(_jobs(number, self._choices)))
            group.create_task(self._patient(_chat(self._choices)))

    async def _patient(self, messages: Sequence[Message]) -> None:
        """Send one message after the other, each until it is answered with success."""
        for message in messages:
            await asyncio.sleep(self._choices.pick(PAUSES))
            while await self._send(message) not in SUCCESS:  # noqa: ASYNC110 - the answer is what it waits for
                await asyncio.sleep(self._choices.pick(RETRY_SECONDS))

    async def _alertmanager(self, states: Sequence[Message], changes: Sequence[float]) -> None:
        """Send the present state of a group until it is answered with success, and again after a while."""
        clock = asyncio.get_running_loop().time
        for message, change in zip(states, changes, strict=True):
            ends, repeat_at = clock() + change, 0.0
            is_last = message is states[-1]
            while clock() < ends or (is_last and not repeat_at):
                if clock() >= repeat_at and await self._send(message) in SUCCESS:
                    repeat_at = clock() + REPEAT_SECONDS
                await asyncio.sleep(self._choices.pick(FLUSH_SECONDS))

    async def _send(self, message: Message) -> int:
        status = await self._post(message)
        self._log(f"{message.source}: {','.join(message.keys)} is answered {status or 'not at all'}")
        if status in SUCCESS:
            self.accepted.update(message.keys)
        return status


def _states(source: str, number: int, returns: int) -> list[Message]:
    """Return the states of a group: one alert after the other fires, then all of them end; so often they fire again as before, and end."""
    began = now()
    firing = [_group(source, f"{source}.{state}", began, state + 1) for state in range(number)]
    ends = [
        _group(source, f"{source}.end{time}", began, number, ended=began + timedelta(seconds=time))
        for time in range(returns + 1)
    ]
    messages = [*firing, ends[0]]
    for before, end in pairwise(ends):
        messages += [replace(firing[-1], after=before.keys[0]), end]
    return messages


def _group(source: str, key: str, began: datetime, number: int, *, ended: datetime | None = None) -> Message:
    """Return the message of a group of some alerts, which fire or have ended."""
    status = "resolved" if ended else "firing"
    alerts = [
        {
            "status": status,
            "labels": {"alertname": "Burning", "instance": str(instance)},
            "annotations": {"summary": f"key={key};"},
            "startsAt": began.isoformat(),
            "endsAt": ended.isoformat() if ended else "0001-01-01T00:00:00Z",
            "fingerprint": str(instance),
        }
        for instance in range(number)
    ]
    group = {"version": "4", "groupKey": "g", "status": status, "alerts": alerts}
    return Message(source=source, keys=(key,), body=_json(group), resolves=ended is not None)


def _events(number: int, choices: Choices) -> list[Message]:
    """Return events and batches of events."""
    messages = []
    for index in range(1 + choices.number(3)):
        keys = [f"events.{number}.{index}.{each}" for each in range(1 + choices.number(3))]
        batch = [
            {"specversion": "1.0", "id": key, "source": "/ci", "type": "t", "data": f"key={key};"}
            for key in keys
        ]
        headers = {**BEARER, "Content-Type": "application/cloudevents-batch+json"}
        messages.append(Message(source="events", keys=keys, body=_json(batch), headers=headers))
    return messages


def _jobs(number: int, choices: Choices) -> list[Message]:
    """Return messages with a key of their own."""
    keys = [f"ci.{number}.{index}" for index in range(1 + choices.number(3))]
    return [
        Message(
            source="ci",
            keys=(key,),
            body=_json({"text": f"key={key};"}),
            headers={**BEARER, "Idempotency-Key": key},
        )
        for key in keys
    ]


def _chat(choices: Choices) -> list[Message]:
    keys = [f"chat.{index}" for index in range(1 + choices.number(2))]
    return [Message(source="chat", keys=(key,), body=_json({"text": f"key={key};"})) for key in keys]


def _json(content: Any) -> bytes:
    return json.dumps(content).encode()
