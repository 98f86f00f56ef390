"""Test messages to receivers: asked for by an annotation, sent once, and remembered until the result is recorded.

A process that ends between the message and its record leaves the request open, and the next one repeats the message
under the same delivery id, which is made of the receiver's uid and the time of the request: so a receiver that
recognizes deliveries sees it once.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import structlog

from notification_contract import names
from notification_contract.kinds.choices import ReceiverTestOutcome
from notification_operator.domain.error_text import describe
from notification_operator.domain.json_values import moment
from notification_operator.domain.receivers.catalog import ReceiverKey
from notification_operator.domain.receivers.status import LastTest, ReceiverTestResult

if TYPE_CHECKING:
    from collections.abc import Callable

    from notification_operator.domain.key import Key
    from notification_operator.endpoints.tester import ReceiverTester

SECONDS: Final = 180.0
"""Time limit of a test; longer than any time limit of a receiver."""

logger = structlog.get_logger(__name__)


class ReceiverTests:
    """The tests that are running, and the results that no write is known to hold.

    Tests run outside the controller's workers: a receiver that hangs delays no status.

    Args:
        on_result: called with the receiver when its test has ended.
    """

    def __init__(self, tester: ReceiverTester, *, on_result: Callable[[Key], None]) -> None:
        self._tester = tester
        self._on_result = on_result
        self._running: dict[Key, asyncio.Task[None]] = {}
        self._results: dict[Key, LastTest] = {}

    def result(self, key: Key) -> LastTest | None:
        """Return the result of a test that has ended; None if there is none to record."""
        return self._results.get(key)

    def recorded(self, key: Key, result: LastTest | None) -> None:
        """Forget a result that a write holds, but none that has come since."""
        if result is not None and self._results.get(key) is result:
            del self._results[key]

    def start(self, key: Key, requested_at: str, tasks: asyncio.TaskGroup) -> None:
        """Send a test message, unless a test of this receiver is running or unrecorded."""
        if key not in self._running and key not in self._results:
            self._running[key] = tasks.create_task(self._run(key, requested_at), name=f"test of {key.name}")

    def forget(self, key: Key) -> None:
        """End the test of a receiver that was deleted."""
        self._results.pop(key, None)
        running = self._running.pop(key, None)
        if running is not None:
            running.cancel()

    async def _run(self, key: Key, requested_at: str) -> None:
        result = await self._result(ReceiverKey(key.namespace, key.name), requested_at)
        logger.info(
            "receiver tested",
            receiver=f"{key.namespace}/{key.name}",
            outcome=result.outcome.value,
            message=result.message,
        )
        del self._running[key]
        self._results[key] = LastTest(
            requested_at=requested_at, outcome=result.outcome, message=result.message
        )
        self._on_result(key)

    async def _result(self, key: ReceiverKey, requested_at: str) -> ReceiverTestResult:
        if moment(requested_at) is None:
            return _failed(f"{names.TEST_ANNOTATION} is not a time such as 2026-03-01T12:00:00Z")
        try:
            async with asyncio.timeout(SECONDS):
                return await self._tester.test(key, requested_at)
        except TimeoutError:
            return _failed(f"no result within {SECONDS:g} s")
        except Exception as error:
            logger.exception("test of receiver failed unexpectedly", receiver=str(key))
            return _failed(describe(error))


def _failed(message: str) -> ReceiverTestResult:
    return ReceiverTestResult(outcome=ReceiverTestOutcome.FAILED, message=message)
