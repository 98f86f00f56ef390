"""Waits for the end of a delivery, with the right to get alone."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from notification_cli.actions.checks import seconds_of
from notification_cli.errors import CliError, ExitCode
from notification_client._message import looks

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


async def until(
    read: Callable[[], Awaitable[dict[str, Any]]],
    is_over: Callable[[dict[str, Any]], bool],
    *,
    seconds: float,
    late: Callable[[dict[str, Any]], str],
) -> dict[str, Any]:
    """Return an object as soon as something holds for it.

    Args:
        read: returns the object as it is now.
        is_over: whether the wait is over.
        seconds: the time limit.
        late: returns what to say of the object at the time limit.

    Raises:
        CliError: it does not hold in time.
    """
    for pause in looks(seconds):
        await asyncio.sleep(pause)
        obj = await read()
        if is_over(obj):
            return obj
    raise CliError(late(obj), code=ExitCode.TIMEOUT)


def time_limit(text: str) -> float:
    """Return the seconds of `--timeout`.

    Raises:
        CliError: it is no duration.
    """
    return seconds_of("--timeout", text)
