"""Waits for the end of a delivery, with the right to get alone."""

from __future__ import annotations

import asyncio
from itertools import chain, repeat
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

from notification_cli.errors import CliError, ExitCode
from notification_cli.views.text import parse_duration

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

PAUSES: Final = (0.2, 0.5, 1.0, 2.0)
"""Seconds between two looks; the last one repeats."""


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
    deadline = monotonic() + seconds
    for pause in chain(PAUSES, repeat(PAUSES[-1])):
        obj, left = await read(), deadline - monotonic()
        if is_over(obj):
            return obj
        if left <= 0:
            raise CliError(late(obj), code=ExitCode.TIMEOUT)
        await asyncio.sleep(min(pause, left))
    raise AssertionError("the pauses never end")


def time_limit(text: str) -> float:
    """Return the seconds of `--timeout`.

    Raises:
        CliError: it is no duration.
    """
    try:
        return parse_duration(text)
    except ValueError as error:
        raise CliError(f"--timeout: {error}", code=ExitCode.USAGE) from None
