"""Deliveries gone wrong: what is tried, when, how often, and what is made of the answer."""

from __future__ import annotations

from typing import Final

from tests.mutations.mutation import Edit, Mutation

RECONCILE: Final = "notification_operator/controller/reconciler.py"
BELL: Final = "notification_operator/watch/event_handler.py"
DISPATCH: Final = "notification_operator/delivery/dispatcher.py"
FOLD: Final = "notification_operator/domain/fold.py"
OUTCOME: Final = "notification_operator/domain/outcome.py"
PLAN: Final = "notification_operator/domain/plan.py"
PROGRESS: Final = "notification_operator/domain/progress.py"
APPLY: Final = "        outcome = await apply(self._store, ref, next_status, base=fresh)\n"
SETTLE: Final = "        attempts.acknowledge(finished)\n"
DELIVER: Final = "                await channel.deliver(message)\n"
LIMITED: Final = "            async with asyncio.timeout(self._timeout):\n"
TIMED_OUT: Final = 'return Transient(f"timed out'
PERMANENT: Final = (
    "permanent = error is not None and (retryable is None or _first(error, Permanent) is error)"
)
SERVED: Final = "    if any(attempt.succeeded for attempt in tries):\n"
SERVED_TWICE: Final = "    if len(tries) > 1 and any(attempt.succeeded for attempt in tries):\n"
NEXT_AT: Final = "next_at=_due(notification, made) or last.ended"
NEXT_NUMBER: Final = "    number = last.number + 1 if last else 1\n"
DO_NOTHING_WHEN_FINAL: Final = "    if notification.phase in FINAL:\n"

DECIDING: Final = (
    Mutation(
        name="fresh read replaced by the watched object",
        breaks="a pass decides on what a late watch last showed, and tries again what is recorded",
        operator="troubled",
        checks=("status-01",),
        edits=(
            Edit(
                file=BELL,
                old='DELETED = "DELETED"\n',
                new='DELETED = "DELETED"\nWATCHED: dict[str, Any] = {}\n',
            ),
            Edit(
                file=BELL,
                old='        meta = obj["metadata"]\n',
                new='        meta = obj["metadata"]\n        WATCHED[meta["uid"]] = dict(obj)\n',
            ),
            Edit(
                file=RECONCILE,
                old="        fresh = await self._store.read(ref)\n",
                new="        from notification_operator.watch.event_handler import WATCHED\n\n        fresh = WATCHED[key.uid]\n",
            ),
        ),
    ),
    Mutation(
        name="fold not idempotent",
        breaks="a try whose write was stored and whose answer was lost is recorded twice",
        operator="troubled",
        checks=("status-03",),
        edits=(
            Edit(
                file=FOLD,
                old="        if attempt.key not in known and not repeats:\n",
                new="        if not repeats:\n",
            ),
        ),
    ),
    Mutation(
        name="conflict re-delivers",
        breaks="a write that meets another one forgets the tries that it should have recorded",
        operator="troubled",
        checks=("status-01", "crd-08"),
        edits=(
            Edit(file=RECONCILE, old=APPLY + SETTLE, new=SETTLE + APPLY.replace("fresh)", "fresh, tries=1)")),
        ),
    ),
    Mutation(
        name="pause not enforced while Sending",
        breaks="as long as nothing has succeeded, the next try follows at once",
        operator="served",
        checks=("deliver-05", "multi-03", "status-05"),
        edits=(
            Edit(
                file=PROGRESS, old="next_at=_due(notification, made) or last.ended", new="next_at=last.ended"
            ),
        ),
    ),
    Mutation(
        name="pauses do not grow",
        breaks="each pause is as long as the first one",
        operator="scripted",
        checks=("retry-01",),
        edits=(
            Edit(
                file="notification_operator/domain/retry.py",
                old="float(policy.multiplier) ** (number - 1)",
                new="float(policy.multiplier) ** 0",
            ),
        ),
    ),
    Mutation(
        name="one try too many",
        breaks="a channel is tried once more than its policy allows",
        operator="served",
        checks=("multi-02", "multi-03"),
        edits=(
            Edit(
                file=PROGRESS,
                old="    if len(made) >= notification.retry.max_attempts:\n",
                new="    if len(made) > notification.retry.max_attempts:\n",
            ),
        ),
    ),
    Mutation(
        name="success does not end a channel",
        breaks="a channel that has delivered is tried again",
        operator="served",
        checks=("multi-01", "multi-02", "phase-01"),
        edits=(Edit(file=PROGRESS, old=SERVED, new=SERVED_TWICE),),
    ),
    Mutation(
        name="late success does not end a channel",
        breaks="a channel that has delivered after failures is tried again",
        operator="scripted",
        checks=("retry-02",),
        edits=(Edit(file=PROGRESS, old=SERVED, new="    if tries[0].succeeded:\n"),),
    ),
    Mutation(
        name="one failure spoils all",
        breaks="what some channels have delivered counts as not delivered",
        operator="scripted",
        checks=("partial-01", "partial-02"),
        edits=(
            Edit(
                file=OUTCOME,
                old='    if done:\n        message = f"Delivered to',
                new='    if len(done) > len(steps):\n        message = f"Delivered to',
            ),
        ),
    ),
    Mutation(
        name="refusals taken for used-up tries",
        breaks="the reason speaks of tries where every channel has refused for good",
        operator="scripted",
        checks=("partial-03",),
        edits=(Edit(file=OUTCOME, old="    refused = all(step", new="    refused = not all(step"),),
    ),
    Mutation(
        name="final is not final",
        breaks="what was sent is sent again when the operator looks at it again",
        operator="fragile",
        checks=("phase-05",),
        edits=(
            Edit(
                file=BELL,
                old=' or (obj.get("status") or {}).get("phase") in FINAL\n',
                new="\n",
            ),
            Edit(
                file="notification_operator/watch/field_selector.py",
                old="for phase in sorted(FINAL))",
                new='for phase in ("None",))',
            ),
            Edit(file=PLAN, old=DO_NOTHING_WHEN_FINAL, new="    if notification.phase is None:\n"),
            Edit(
                file=PROGRESS,
                old=NEXT_NUMBER,
                new=NEXT_NUMBER + '    last = None if notification.phase == "Sent" else last\n',
            ),
        ),
    ),
    Mutation(
        name="what failed is taken up again",
        breaks="a notification that has failed is tried anew at each of its changes",
        operator="served",
        checks=("phase-06",),
        edits=(
            Edit(
                file="notification_operator/watch/field_selector.py",
                old="for phase in sorted(FINAL))",
                new='for phase in ("Sent",))',
            ),
            Edit(file=BELL, old='.get("phase") in FINAL\n', new='.get("phase") == "Sent"\n'),
            Edit(file=PLAN, old=DO_NOTHING_WHEN_FINAL, new='    if notification.phase == "Sent":\n'),
            Edit(
                file=PROGRESS,
                old=NEXT_NUMBER,
                new=NEXT_NUMBER + '    last = None if notification.phase == "Failed" else last\n',
            ),
        ),
    ),
    Mutation(
        name="4xx is retried",
        breaks="a refusal for good is tried again",
        operator="served",
        checks=("deliver-01", "deliver-02", "deliver-03", "deliver-04", "phase-02", "observe-04"),
        edits=(
            Edit(file=DISPATCH, old=PERMANENT, new="permanent = error is None and retryable is not None"),
        ),
    ),
    Mutation(
        name="5xx is final",
        breaks="a receiver that is down for a second loses the message",
        operator="served",
        checks=("deliver-05", "multi-03", "observe-02", "status-06", "audit-06", "prio-06"),
        edits=(Edit(file=DISPATCH, old=PERMANENT, new="permanent = error is not None"),),
    ),
    Mutation(
        name="only the outermost error counts",
        breaks="an error that passes ends the trying when another one is wrapped around it",
        operator="scripted",
        checks=("error-08",),
        edits=(
            Edit(
                file=DISPATCH,
                old="        retryable = _first(error, Transient)\n",
                new="        retryable = error if isinstance(error, Transient) else None\n",
            ),
        ),
    ),
    Mutation(
        name="slowness is final",
        breaks="a receiver that takes too long once is not asked again",
        operator="troubled",
        checks=("error-04",),
        edits=(Edit(file=DISPATCH, old=TIMED_OUT, new=TIMED_OUT.replace("Transient", "Permanent")),),
    ),
    Mutation(
        name="a bug of a channel ends the try without a result",
        breaks="its notification stays in Sending for ever",
        operator="scripted",
        checks=("error-05", "error-06"),
        edits=(
            Edit(
                file=DISPATCH,
                old="            if _cancelled_from_outside(error):\n",
                new="            if error is not None:\n",
            ),
        ),
    ),
    Mutation(
        name="a try counts before it is over",
        breaks="a delivery that is broken off stands as a success",
        operator="fragile",
        checks=("error-03",),
        edits=(
            Edit(
                file=DISPATCH,
                old=LIMITED + DELIVER,
                new="            asyncio.create_task(channel.deliver(message))\n",
            ),
        ),
    ),
    Mutation(
        name="breaker not consulted",
        breaks="a receiver that is down gets every try",
        operator="guarded",
        checks=("concur-04", "concur-05"),
        edits=(
            Edit(
                file=DISPATCH,
                old="            if destination is None:\n",
                new="            if destination or not destination:\n",
            ),
        ),
    ),
    Mutation(
        name="every message sent twice",
        breaks="a try calls its receiver a second time",
        operator="served",
        checks=(
            "concur-01",
            "concur-02",
            "rapid-01",
            "rapid-04",
            "load-01",
            "load-02",
            "load-03",
            "resource-04",
        ),
        edits=(Edit(file=DISPATCH, old=DELIVER, new=DELIVER + DELIVER),),
        alone=True,
    ),
)
"""What is tried, and when."""
