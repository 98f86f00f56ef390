"""Sends or withholds the scripted answer to a request."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from aiohttp import web

if TYPE_CHECKING:
    from tests.harness.sink.answers import Answer
    from tests.harness.sink.hits import Hit


async def hold(answer: Answer) -> None:
    """Wait before the answer; without one, until the request is cancelled."""
    await asyncio.sleep(answer.delay)
    if answer.never:
        await asyncio.get_running_loop().create_future()


async def give(request: web.Request, hit: Hit, answer: Answer, success: web.Response) -> web.StreamResponse:
    """Send the answer, or drop the connection, and record which; without a code it is the success."""
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
    await response.prepare(request)
    await response.write_eof()
    hit.code = response.status
    return response
