"""The answers of a receiver, scripted by a token that the request contains, and how they are sent."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Annotated

from aiohttp import web
from pydantic import Base64Bytes, BaseModel, ConfigDict, Field, PrivateAttr

from tests.harness.sink.sequences import Series

if TYPE_CHECKING:
    from tests.harness.sink.hits import Hit

REMEMBERED = 10_000
"""Scripts per kind of receiver; the oldest are dropped."""

Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Answer(BaseModel):
    """One answer: after `delay` seconds a code, a body and headers, or `never` one, or a dropped connection.

    A `held` one is given as soon as its script is replaced or removed. Without a code it is the receiver's success. `store` is for the audit store: store the events although the
    answer is a failure.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    code: Annotated[int, Field(ge=200, le=599)] | None = None
    body: str | None = None
    body_base64: Base64Bytes | None = None
    headers: dict[str, str] = {}
    delay: Seconds = 0
    held: bool = False
    never: bool = False
    drop: bool = False
    store: bool = False
    _released: asyncio.Event = PrivateAttr(default_factory=asyncio.Event)

    async def wait(self) -> None:
        """Wait before the answer; without one, until the request is cancelled."""
        await asyncio.sleep(self.delay)
        if self.held:
            await self._released.wait()
        if self.never:
            await asyncio.get_running_loop().create_future()

    def release(self) -> None:
        """Let a held answer be given."""
        self._released.set()

    def payload(self, success: str) -> bytes:
        """Return the body, by default that of the code."""
        if self.body_base64 is not None:
            return self.body_base64
        if self.body is not None:
            return self.body.encode()
        return (success if self.code is None or self.code < 300 else "service_unavailable").encode()


SUCCESS = Answer()


class Script(BaseModel):
    """The answers to requests that contain a token; an empty list removes the script."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    token: Annotated[str, Field(min_length=1)]
    answers: list[Answer]


class Scripted:
    """Answers that are given one by one; the last one repeats."""

    def __init__(self, answers: list[Answer]) -> None:
        self._series = Series(answers, otherwise=SUCCESS)
        self._held: list[Answer] = []

    def take(self) -> Answer:
        """Return the next answer."""
        answer = self._series.take()
        if answer.held:
            self._held.append(answer)
        return answer

    def release(self) -> None:
        """Let those be given that were taken and are held."""
        for answer in self._held:
            answer.release()


class Answers:
    """The scripts of one kind of receiver."""

    def __init__(self) -> None:
        self._scripts: dict[str, Scripted] = {}

    def set(self, script: Script) -> None:
        if earlier := self._scripts.pop(script.token, None):
            earlier.release()
        if script.answers:
            self._scripts[script.token] = Scripted(script.answers)
        while len(self._scripts) > REMEMBERED:
            self._scripts.pop(next(iter(self._scripts))).release()

    def take(self, text: str) -> Answer:
        """Return the next answer of the first script whose token is in the text."""
        token = next((token for token in self._scripts if token in text), None)
        return SUCCESS if token is None else self._scripts[token].take()


async def give(request: web.Request, hit: Hit, answer: Answer, success: web.Response) -> web.StreamResponse:
    """Record and send the answer, or drop the connection; without a code it is the success."""
    if answer.drop:
        if request.transport is not None:
            request.transport.abort()
        return success
    response = success
    if answer.code is not None or answer.body is not None or answer.body_base64 is not None:
        response = web.Response(
            status=answer.code or success.status,
            body=answer.payload(success.text or ""),
            headers=success.headers,
        )
    response.headers.update(answer.headers)
    # Recorded before it is sent: a test that sees its effect finds it here.
    hit.code, hit.ended = response.status, time.time()
    try:
        await response.prepare(request)
        await response.write_eof()
    except BaseException:
        hit.code = hit.ended = None
        raise
    return response
