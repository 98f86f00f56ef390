"""Whether receivers are healthy, looked up again at most every few seconds."""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import TYPE_CHECKING, Final

from notification_cli.errors import CliError, ExitCode
from notification_cli.views.receivers import in_words, receiver_view
from notification_contract.kinds.choices import ConditionStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from notification_cli.kube.resources import Receivers
    from notification_domain.receivers.catalog import ReceiverKey

FRESH_SECONDS: Final = 5.0


class HealthGate:
    """Lets work go on while all of some receivers are healthy.

    Args:
        receivers: reads them.
        keys: which ones.
        seconds: how long one may be unhealthy, at each wait.
        report: called with a text when a wait begins.
    """

    def __init__(
        self,
        receivers: Receivers,
        keys: Collection[ReceiverKey],
        *,
        seconds: float,
        report: Callable[[str], None],
    ) -> None:
        self._receivers = receivers
        self._keys = keys
        self._seconds = seconds
        self._report = report
        self._looked = float("-inf")

    async def passed(self) -> None:
        """Return as soon as every receiver is healthy, or has passed a test since its latest attempt.

        Raises:
            CliError: one is not in time, or does not exist.
            ApiError: one cannot be read.
        """
        if monotonic() - self._looked < FRESH_SECONDS:
            return
        deadline, reported = monotonic() + self._seconds, ""
        while problem := await self._problem():
            if monotonic() >= deadline:
                raise CliError(f"after {self._seconds:g} s, {problem}", code=ExitCode.TIMEOUT)
            if problem != reported:
                self._report(f"waiting: {problem}; goes on after a successful notif test")
                reported = problem
            await asyncio.sleep(min(FRESH_SECONDS, max(deadline - monotonic(), 0.0)))
        self._looked = monotonic()

    async def _problem(self) -> str:
        """Return why the work must not go on; empty if it may."""
        for key in self._keys:
            view = receiver_view(await self._receivers.get(key.namespace, key.name))
            if view.suspended:
                return f"receiver {key} is suspended"
            if view.healthy.status is not ConditionStatus.TRUE and not view.passed_test:
                return f"receiver {key} is not healthy: {in_words(view.healthy)}"
        return ""
