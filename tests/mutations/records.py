"""Wrong records: what the status, the metrics and the audit store are told, and when."""

from __future__ import annotations

from typing import Final

from tests.mutations.mutation import Edit, Mutation

RECONCILE: Final = "notification_operator/controller/reconciler.py"
WORKQUEUE: Final = "notification_operator/controller/workqueue.py"
FOLD: Final = "notification_operator/domain/fold.py"
AUDIT: Final = "notification_operator/domain/audit_events.py"
TRAIL: Final = "notification_operator/observers/audit/trail.py"
FIGURES: Final = "notification_operator/observers/metrics.py"
ADD: Final = "            self._writer.add(orjson.dumps(event))\n"
COUNT: Final = "                self._count(attempt)\n"
PASS: Final = "            result = await reconcile(request)\n"
CORRELATION: Final = "content.remediation_ref or content.metadata.get(CORRELATION_KEY) or notification.uid"

STATUS: Final = (
    Mutation(
        name="Sending not shown",
        breaks="a slow delivery looks untouched until it is over",
        operator="served",
        checks=("phase-01", "phase-02", "phase-04", "observe-05"),
        edits=(
            Edit(
                file=RECONCILE,
                old="attempts.wait(self._visible_after)",
                new="attempts.wait(60)",
            ),
        ),
    ),
    Mutation(
        name="completion time missing",
        breaks="nothing tells when a notification ended",
        operator="served",
        checks=("phase-01", "phase-03", "phase-07"),
        edits=(Edit(file=FOLD, old='        times["completionTime"] = now\n', new="        pass\n"),),
    ),
    Mutation(
        name="completion before the try",
        breaks="the time of the end is that of the beginning",
        operator="served",
        checks=("status-02",),
        edits=(
            Edit(
                file=FOLD,
                old='        times["completionTime"] = now\n',
                new='        times["completionTime"] = queued_at\n',
            ),
        ),
    ),
    Mutation(
        name="generation one behind",
        breaks="the status says that it is about an earlier spec",
        operator="served",
        checks=("crd-03",),
        edits=(
            Edit(
                file=FOLD,
                old='        "observedGeneration": generation,\n',
                new='        "observedGeneration": generation - 1,\n',
            ),
        ),
    ),
    Mutation(
        name="passes begin late",
        breaks="a notification waits for many seconds although workers are free",
        operator="served",
        checks=("crd-07", "edge-01", "edge-04", "edge-05"),
        edits=(Edit(file=WORKQUEUE, old=PASS, new="            await asyncio.sleep(11)\n" + PASS),),
    ),
    Mutation(
        name="low priority waits",
        breaks="what is not urgent is never delivered",
        operator="served",
        checks=("prio-09",),
        edits=(
            Edit(
                file=RECONCILE,
                old="        if not planned.sends",
                new='        if notification.content.priority == "low" or not planned.sends',
            ),
        ),
    ),
    Mutation(
        name="what is gone is an error",
        breaks="a deletion at an unlucky moment is logged as a fault of the operator",
        operator="served",
        checks=("rapid-03", "status-04"),
        edits=(
            Edit(
                file=RECONCILE,
                old="        except Gone:\n            self._attempts.forget(uid)\n",
                new='        except Gone:\n            logger.error("gone", notification=request.key.name)\n'
                "            self._attempts.forget(uid)\n",
            ),
        ),
    ),
)
"""The status, and when it is written."""

TELLING: Final = (
    Mutation(
        name="audit events told twice",
        breaks="each event reaches the store a second time, under an id of its own",
        operator="served",
        checks=("audit-01", "audit-04", "rapid-02"),
        edits=(
            Edit(
                file=TRAIL,
                old=ADD,
                new=ADD + "            self._writer.add(orjson.dumps(dict(event, event_id=str(uuid4()))))\n",
            ),
            Edit(file=TRAIL, old="import orjson\n", new="from uuid import uuid4\n\nimport orjson\n"),
        ),
    ),
    Mutation(
        name="events tied together by nothing",
        breaks="the correlation id is the notification's own, whatever remediation it is about",
        operator="served",
        checks=("audit-02", "audit-03", "audit-05", "audit-06"),
        edits=(Edit(file=AUDIT, old=CORRELATION, new="content.subject and notification.uid"),),
    ),
    Mutation(
        name="the end not told",
        breaks="the audit store hears of the tries alone",
        operator="served",
        checks=("audit-01", "audit-06", "deliver-01"),
        edits=(
            Edit(
                file=AUDIT,
                old="    if after.phase is not before.phase and (kind",
                new="    if after.phase is before.phase and (kind",
            ),
        ),
    ),
    Mutation(
        name="tries counted twice",
        breaks="the metrics tell of more tries than were made",
        operator="guarded",
        checks=("observe-01", "observe-03"),
        edits=(Edit(file=FIGURES, old=COUNT, new=COUNT + COUNT),),
    ),
)
"""The audit store and the metrics."""
