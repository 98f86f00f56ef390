"""The test messages of receivers: when each is sent, and how, past the circuit breaker and the rate limit."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import structlog

from notification_contract import names
from notification_contract.kinds.choices import ReceiverTestOutcome
from notification_domain.error_text import describe
from notification_domain.json_values import moment
from notification_domain.model import Content
from notification_domain.receivers.catalog import ReceiverKey
from notification_domain.receivers.status import LastTest, ReceiverTestResult
from notification_operator.endpoints.attempt import call
from notification_runtime.delivery.channel import Message
from notification_runtime.fair.fair_queue import FairSemaphore

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from notification_domain.key import Key
    from notification_domain.receivers.catalog import Catalog, Receiver
    from notification_operator.endpoints.endpoint import Endpoint
    from notification_operator.endpoints.registry import Endpoints
    from notification_runtime.delivery.channel import Channel

SUBJECT: Final = "Test message of the notification platform"
TEST_SECONDS: Final = 180.0
"""Time limit of a test; longer than any time limit of a receiver."""
CONCURRENT_TESTS: Final = 8
"""Tests that run at once in this process; namespaces take turns."""
TESTS_OF_NAMESPACE: Final = 2
"""Of these, the ones of a single namespace: its receivers may all hang for the whole time limit."""
TEST_INTERVAL: Final = 60.0
"""Seconds between two tests of a receiver; a request that comes earlier waits."""

logger = structlog.get_logger(__name__)


def failed(message: str) -> ReceiverTestResult:
    return ReceiverTestResult(outcome=ReceiverTestOutcome.FAILED, message=message)


class ReceiverTester:
    """Sends test messages, past the circuit breaker and the rate limit of a receiver."""

    def __init__(
        self,
        catalog: Callable[[], Catalog],
        endpoints: Endpoints,
        *,
        clock: Callable[[], datetime],
        redact: Callable[[str], str],
    ) -> None:
        self._catalog = catalog
        self._endpoints = endpoints
        self._clock = clock
        self._redact = redact

    async def test(self, key: ReceiverKey, requested_at: str) -> ReceiverTestResult:
        """Send one message to each recipient of a receiver; the same request has the same delivery id."""
        receiver = self._catalog().get(key)
        if receiver is None:
            return failed("the receiver has no valid spec")
        endpoint = self._endpoints.endpoint(receiver)
        channel = endpoint.channel
        if channel is None:
            return failed(self._endpoints.readiness(receiver).problem)
        if receiver.spec.addresses_people and not receiver.spec.own_addresses:
            return failed(f"the receiver lists no recipients; set {receiver.spec.type}.to to test it")
        addresses = receiver.spec.own_addresses or ("",)
        for number, address in enumerate(addresses, start=1):
            problem = await self._send(
                endpoint, channel, self._message(receiver, f"{requested_at}/{number}", address)
            )
            if problem:
                return failed(problem)
        return ReceiverTestResult(
            outcome=ReceiverTestOutcome.SUCCEEDED, message="The receiver accepted the message"
        )

    async def _send(self, endpoint: Endpoint, channel: Channel, message: Message) -> str:
        """Send a message; return why it failed, or an empty text."""
        result = await call(channel, message, seconds=endpoint.seconds, target=endpoint.name)
        return describe(result, redact=self._redact) if isinstance(result, BaseException) else ""

    def _message(self, receiver: Receiver, request: str, address: str) -> Message:
        key = receiver.key
        text = f"Receiver {key} works. This message was requested at {request.partition('/')[0]}."
        delivery_id = f"{receiver.uid}/test/{request}"
        return Message(
            id=delivery_id,
            delivery_id=delivery_id,
            namespace=key.namespace,
            name=key.name,
            uid=receiver.uid,
            created=self._clock(),
            channels=(f"{receiver.spec.type}/{key.name}",),
            content=Content(type="simple", priority="low", subject=SUBJECT, body=text),
            dedup_key=delivery_id,
            address=address,
        )


class ReceiverTests:
    """The test messages that are on their way, and the results that no write is known to hold.

    A test is asked for by an annotation, and runs outside the controller's workers: a receiver that hangs delays no
    status. A process that ends between the message and its record leaves the request open, and the next one repeats the
    message under the same delivery id, which is made of the receiver's uid and the time of the request: so a receiver
    that recognizes deliveries sees it once.

    Args:
        on_result: called with the receiver when its test has ended.
    """

    def __init__(self, tester: ReceiverTester, *, on_result: Callable[[Key], None]) -> None:
        self._tester = tester
        self._on_result = on_result
        self._running: dict[Key, asyncio.Task[None]] = {}
        self._results: dict[Key, LastTest] = {}
        self._requested: dict[Key, str] = {}
        """The requests of tests that wait for their turn."""
        self._slots = FairSemaphore(CONCURRENT_TESTS, of_namespace=TESTS_OF_NAMESPACE)
        self._next: dict[Key, float] = {}
        """The earliest time of the next test of each receiver that was tested."""

    def result(self, key: Key) -> LastTest | None:
        """Return the result of a test that has ended; None if there is none to record."""
        return self._results.get(key)

    def recorded(self, key: Key, result: LastTest | None) -> None:
        """Forget a result that a write holds, but none that has come since."""
        if result is not None and self._results.get(key) is result:
            del self._results[key]

    def start(self, key: Key, requested_at: str, tasks: asyncio.TaskGroup) -> None:
        """Send a test message, unless a test of this receiver is running or unrecorded; of several that wait, the latest."""
        if key in self._requested:
            self._requested[key] = requested_at
        elif key not in self._running and key not in self._results:
            self._requested[key] = requested_at
            self._running[key] = tasks.create_task(self._run(key), name=f"test of {key.name}")

    def forget(self, key: Key) -> None:
        """End the test of a receiver that was deleted."""
        for remembered in (self._results, self._requested, self._next):
            remembered.pop(key, None)
        running = self._running.pop(key, None)
        if running is not None:
            running.cancel()

    async def _run(self, key: Key) -> None:
        now = asyncio.get_running_loop().time
        await asyncio.sleep(max(self._next.get(key, 0.0) - now(), 0.0))
        async with self._slots.slot(key.namespace):
            requested_at = self._requested.pop(key)
            self._next[key] = now() + TEST_INTERVAL
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
            return failed(f"{names.TEST_ANNOTATION} is not a time such as 2026-03-01T12:00:00Z")
        try:
            async with asyncio.timeout(TEST_SECONDS):
                return await self._tester.test(key, requested_at)
        except TimeoutError:
            return failed(f"no result within {TEST_SECONDS:g} s")
        except Exception as error:
            logger.exception("test of receiver failed unexpectedly", receiver=str(key))
            return failed(describe(error))
