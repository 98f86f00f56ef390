"""The naive reconciliation: decide on the watch cache, then write one change after another.

It uses the operator's own parts, including retry policy and backoff; only the order of reads and writes differs.
A write that meets a conflict is repeated on a new read, as usual.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any

import orjson
import structlog

from atomic_status import Conflict, Gone, StatusError
from notification_contract.kinds.choices import AttemptStatus, Phase
from notification_domain.folding.fold import fold
from notification_domain.key import Key
from notification_domain.model import Attempt, Reason, parse
from notification_domain.planning.fallback import follow
from notification_domain.planning.plan import plan
from notification_domain.planning.progress import progress
from notification_domain.redaction.redact import redact_content
from notification_domain.routing import resolve
from notification_domain.situation import Situation
from notification_domain.status import FINAL
from notification_operator.controller.request import Request, Result
from notification_runtime.delivery.channel import DeliveryError, Permanent
from notification_runtime.rendering.slack_text import Source, payloads

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from atomic_status import KubeStatusStore
    from notification_domain.key import Key
    from notification_domain.model import Content, Notification
    from notification_domain.planning.plan import Send
    from notification_runtime.delivery.http_client import HttpClient

DELIVERY_SECONDS = 10
RECORD = ("deliveryAttempts", "totalAttempts", "successfulDeliveries", "failedDeliveries")
"""The fields that the write after an attempt contains; phase, reason and times follow in the last write."""
NOBODY: frozenset[str] = frozenset()

logger = structlog.get_logger("console")


class Controller:
    """Reconciles for a work queue, which never runs two reconciliations of an object at once."""

    def __init__(
        self,
        *,
        cached: Callable[[Key], dict[str, Any] | None],
        store: KubeStatusStore,
        receiver: HttpClient,
        clock: Callable[[], datetime],
    ) -> None:
        self._cached = cached
        self._store = store
        self._receiver = receiver
        self._clock = clock

    async def __call__(self, request: Request) -> Result:
        """Reconcile; a reconciliation that the API server rejects or does not answer is repeated."""
        obj = self._cached(request.key)
        try:
            return Result(final=True) if obj is None else await self._reconcile(obj, request.queued_at)
        except Gone:
            return Result(final=True)
        except StatusError as error:
            logger.warning("reconciliation failed; retrying", notification=str(error.ref), error=str(error))
            return Result(error=error)

    async def _reconcile(self, obj: dict[str, Any], queued_at: datetime) -> Result:
        seen = parse(obj)
        planned = plan(*follow(Situation(now=self._clock(), notification=seen, route=resolve(seen))))
        if planned.sends and seen.phase is Phase.PENDING:
            begun = {"phase": Phase.SENDING.value, "reason": Reason.PROCESSING_DELIVERIES.value}
            obj = await self._store.replace_status({**obj, "status": {**obj["status"], **begun}})
        for send in planned.sends:
            attempt = await self._attempt(send, seen)
            obj = await self._write(obj, partial(self._recorded, [attempt], queued_at))
        obj = await self._write(obj, partial(self._with_phase, queued_at))
        return self._requeue(parse(obj))

    async def _write(self, obj: dict[str, Any], change: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
        """Write one change of the status, if there is one; return the object after it."""
        while (status := change(obj)) != obj["status"]:
            try:
                return await self._store.replace_status({**obj, "status": status})
            except Conflict as conflict:
                obj = await self._store.read(conflict.ref)
        return obj

    def _recorded(self, attempts: list[Attempt], queued_at: datetime, obj: dict[str, Any]) -> dict[str, Any]:
        folded = self._folded(attempts, queued_at, obj)
        return {**obj["status"], **{field: folded[field] for field in RECORD if field in folded}}

    def _with_phase(self, queued_at: datetime, obj: dict[str, Any]) -> dict[str, Any]:
        folded = self._folded([], queued_at, obj)
        return folded if folded["phase"] != obj["status"]["phase"] else dict(obj["status"])

    def _folded(self, attempts: list[Attempt], queued_at: datetime, obj: dict[str, Any]) -> dict[str, Any]:
        now = parse(obj)
        return fold(
            Situation(now=self._clock(), notification=now, route=resolve(now)), attempts, queued_at=queued_at
        ).dump()

    def _requeue(self, seen: Notification) -> Result:
        if seen.phase in FINAL:
            return Result(final=True)
        steps = progress(Situation(now=self._clock(), notification=seen, route=resolve(seen)))
        due = min((step.next_at for step in steps if step.next_at is not None), default=None)
        return Result(requeue_after=(due - self._clock()).total_seconds() if due else None)

    async def _attempt(self, send: Send, seen: Notification) -> Attempt:
        began, start, error = self._clock(), asyncio.get_running_loop().time(), None
        try:
            async with asyncio.timeout(DELIVERY_SECONDS):
                await self._deliver(send.channel, redact_content(seen.content), seen)
        except (DeliveryError, TimeoutError) as failure:
            error = failure
        return Attempt(
            channel=send.channel,
            number=send.number,
            timestamp=began,
            duration=asyncio.get_running_loop().time() - start,
            status=AttemptStatus.FAILED if error else AttemptStatus.SUCCESS,
            error=None if error is None else str(error) or type(error).__name__,
            permanent=isinstance(error, Permanent),
            retry_after=getattr(error, "retry_after", None),
        )

    async def _deliver(self, channel: str, content: Content, seen: Notification) -> None:
        match channel:
            case "console":
                text = f"[{content.priority}] [{content.type}] {content.subject}\n{content.body}\n"
                logger.info(text, notification=f"{seen.namespace}/{seen.name}", uid=seen.uid)
            case "slack":
                for payload in payloads(content, Source(namespace=seen.namespace, name=seen.name)):
                    headers = {"Content-Type": "application/json"}
                    await self._receiver.post(orjson.dumps(payload), headers=headers)
            case _:
                raise Permanent(f"channel {channel} is not configured")
