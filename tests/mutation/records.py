"""Wrong records: what the status, the metrics, the audit store and the receivers are told."""

from __future__ import annotations

from typing import Final

from tests.mutation.mutation import Edit, Mutation

DISPATCH: Final = "notification_operator/delivery/dispatch.py"
PROGRESS: Final = "notification_operator/domain/progress.py"
FOLD: Final = "notification_operator/domain/fold.py"
BELL: Final = "notification_operator/bell.py"
PERMANENT: Final = (
    "permanent = error is not None and (retryable is None or _first(error, Permanent) is error)"
)
SERVED: Final = "    if any(attempt.succeeded for attempt in tries):\n"
SERVED_TWICE: Final = "    if len(tries) > 1 and any(attempt.succeeded for attempt in tries):\n"

TELLING: Final = (
    Mutation(
        name="4xx is retried",
        breaks="a refusal for good is tried again",
        operator="served",
        checks=("deliver-01", "deliver-02", "phase-02"),
        edits=(
            Edit(file=DISPATCH, old=PERMANENT, new="permanent = error is None and retryable is not None"),
        ),
    ),
    Mutation(
        name="5xx is final",
        breaks="a receiver that is down for a second loses the message",
        operator="served",
        checks=("deliver-05", "multi-03", "observe-02"),
        edits=(Edit(file=DISPATCH, old=PERMANENT, new="permanent = error is not None"),),
    ),
    Mutation(
        name="success does not end a channel",
        breaks="a channel that has delivered is tried again",
        operator="served",
        checks=("multi-01", "multi-02", "phase-01"),
        edits=(Edit(file=PROGRESS, old=SERVED, new=SERVED_TWICE),),
    ),
    Mutation(
        name="Sending not shown",
        breaks="a slow delivery looks untouched until it is over",
        operator="served",
        checks=("phase-04",),
        edits=(
            Edit(
                file="notification_operator/reconcile.py",
                old="await self._ledger.wait(key.uid, self._visible_after)",
                new="await self._ledger.wait(key.uid, 60)",
            ),
        ),
    ),
    Mutation(
        name="completion time missing",
        breaks="nothing tells when a notification ended",
        operator="served",
        checks=("phase-01", "phase-07", "observe-03"),
        edits=(Edit(file=FOLD, old='        times["completionTime"] = now\n', new="        pass\n"),),
    ),
    Mutation(
        name="final is not final",
        breaks="what was sent is sent again when the operator starts anew",
        operator="fragile",
        checks=("phase-05",),
        edits=(
            Edit(
                file=BELL,
                old=' or (obj.get("status") or {}).get("phase") in FINAL\n',
                new="\n",
            ),
            Edit(
                file="notification_operator/phase_selectors.py",
                old="OPEN: Final = _without(FINAL)\n",
                new='OPEN: Final = "status.phase!=None"\n',
            ),
            Edit(
                file="notification_operator/domain/plan.py",
                old="    if notification.phase in FINAL:\n",
                new="    if notification.phase is None:\n",
            ),
            Edit(file=PROGRESS, old=SERVED, new=SERVED_TWICE),
        ),
    ),
    Mutation(
        name="audit events told twice",
        breaks="each event reaches the store a second time, under an id of its own",
        operator="served",
        checks=("audit-01", "audit-04"),
        edits=(
            Edit(
                file="notification_operator/audit/trail.py",
                old="            self._writer.add(orjson.dumps(event))\n",
                new="            self._writer.add(orjson.dumps(event))\n"
                "            self._writer.add(orjson.dumps(dict(event, event_id=str(uuid4()))))\n",
            ),
            Edit(
                file="notification_operator/audit/trail.py",
                old="import orjson\n",
                new="from uuid import uuid4\n\nimport orjson\n",
            ),
        ),
    ),
    Mutation(
        name="priority not told",
        breaks="the console shows one priority for all",
        operator="served",
        checks=("prio-01", "prio-07", "prio-08"),
        edits=(
            Edit(
                file="notification_operator/delivery/channels/console.py",
                old="[{content.priority}]",
                new="[medium]",
            ),
        ),
    ),
    Mutation(
        name="long bodies cut",
        breaks="the end of a long message never arrives",
        operator="served",
        checks=("edge-02",),
        edits=(
            Edit(
                file="notification_operator/delivery/channels/slack.py",
                old="pieces(content.body, LONGEST_SECTION)",
                new="pieces(content.body[:100_000], LONGEST_SECTION)",
            ),
        ),
    ),
    Mutation(
        name="tries counted twice",
        breaks="the metrics tell of more tries than were made",
        operator="guarded",
        checks=("observe-01",),
        edits=(
            Edit(
                file="notification_operator/announce/figures.py",
                old="                self._count(attempt)\n",
                new="                self._count(attempt)\n                self._count(attempt)\n",
            ),
        ),
    ),
    Mutation(
        name="a pass follows a pass",
        breaks="the operator keeps working on what is done",
        operator="guarded",
        checks=("edge-06",),
        edits=(
            Edit(
                file="notification_operator/workqueue.py",
                old="        if done.failed:\n",
                new="        self.add_after(key, 2.0)\n        if done.failed:\n",
            ),
        ),
    ),
)
"""What the world is told."""
