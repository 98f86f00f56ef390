"""Deliveries gone wrong: what is decided, what is sent, what is made of the answer."""

from __future__ import annotations

from typing import Final

from tests.mutation.mutation import Edit, Mutation

RECONCILE: Final = "notification_operator/reconcile.py"
BELL: Final = "notification_operator/bell.py"
DISPATCH: Final = "notification_operator/delivery/dispatch.py"
FOLD: Final = "notification_operator/domain/fold.py"
APPLY: Final = "        result = await apply(self._store, ref, next_status, base=fresh)\n"
SETTLE: Final = "        self._ledger.settle(key.uid, made)\n"
DELIVER: Final = "                await channel.deliver(message)\n"

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
                new="        from notification_operator.bell import WATCHED\n\n        fresh = WATCHED[key.uid]\n",
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
        checks=("status-01",),
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
                file="notification_operator/domain/progress.py",
                old="next_at=_due(notification, made) or last.ended",
                new="next_at=last.ended",
            ),
        ),
    ),
    Mutation(
        name="routing result dropped",
        breaks="what the rules choose is thrown away, and everything goes to the fallback",
        operator="served",
        checks=("data-05", "skip-03"),
        edits=(
            Edit(
                file="notification_operator/domain/routing.py",
                old="    if chosen:\n",
                new="    if chosen is None:\n",
            ),
        ),
    ),
)
"""Decisions gone wrong."""

LEAVING: Final = (
    Mutation(
        name="sanitiser off",
        breaks="secrets leave the operator",
        operator="served",
        checks=("data-11", "data-12", "data-14"),
        edits=(
            Edit(
                file="notification_operator/domain/sanitize.py",
                old="    for rule in rules.selected():\n",
                new="    for rule in ():\n",
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
                old="            if receiver is None:\n",
                new="            if receiver or not receiver:\n",
            ),
        ),
    ),
    Mutation(
        name="every message sent twice",
        breaks="a try calls its receiver a second time",
        operator="served",
        checks=("concur-01", "concur-02", "load-01", "load-02", "load-03", "resource-04"),
        edits=(Edit(file=DISPATCH, old=DELIVER, new=DELIVER + DELIVER),),
    ),
    Mutation(
        name="errors flattened",
        breaks="line breaks and tabs of a receiver's answer do not reach the status",
        operator="served",
        checks=("status-05",),
        edits=(
            Edit(
                file="notification_operator/domain/errortext.py",
                old=r"[\x00-\x08\x0b-\x1f",
                new=r"[\x00-\x1f",
            ),
        ),
    ),
)
"""What leaves the operator, and what it makes of the answer."""
