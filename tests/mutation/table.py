"""The mutations: each breaks one promise of the operator, and names the checks that have to notice."""

from __future__ import annotations

from typing import Final

from tests.mutation.mutation import Edit, Mutation

RECONCILE: Final = "notification_operator/reconcile.py"
ENGINE: Final = "notification_operator/engine.py"
BELL: Final = "notification_operator/bell.py"
DISPATCH: Final = "notification_operator/delivery/dispatch.py"
FOLD: Final = "notification_operator/domain/fold.py"
APPLY: Final = "        result = await apply(self._store, ref, next_status, base=fresh)\n"
SETTLE: Final = "        self._ledger.settle(key.uid, made)\n"
LOGGER: Final = "logger = structlog.get_logger(__name__)\n"
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
        checks=("concur-01", "concur-02", "load-01", "load-02", "load-03", "resource-03", "resource-04"),
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

STOPPING: Final = (
    Mutation(
        name="audit not flushed at stop",
        breaks="events that wait for company are lost with the process",
        operator="fragile",
        checks=("shutdown-03",),
        edits=(
            Edit(
                file="notification_operator/audit/trail.py",
                old="        self._writer.hurry()\n",
                new="        return\n",
            ),
            Edit(
                file="notification_operator/audit/trail.py",
                old="await self._writer.close(within)",
                new="0",
            ),
        ),
    ),
    Mutation(
        name="tries broken off at stop",
        breaks="the process does not wait for what is under way",
        operator="fragile",
        checks=("shutdown-01",),
        edits=(
            Edit(
                file=ENGINE,
                old="asyncio.timeout_at(end - kept)",
                new="asyncio.timeout(0)",
            ),
        ),
    ),
    Mutation(
        name="new work taken at stop",
        breaks="a notification that comes after the signal is delivered by the process that leaves",
        operator="fragile",
        checks=("shutdown-02",),
        edits=(Edit(file=ENGINE, old="        self.reconciler.draining = True\n", new="        pass\n"),),
    ),
    Mutation(
        name="stop waits without a limit",
        breaks="a receiver that never answers holds the process until it is killed",
        operator="fragile",
        checks=("shutdown-04",),
        edits=(
            Edit(
                file=ENGINE,
                old="asyncio.timeout_at(end - kept)",
                new="asyncio.timeout(None)",
            ),
        ),
    ),
    Mutation(
        name="work without the Lease",
        breaks="every replica delivers everything",
        operator="fragile",
        checks=("concur-03",),
        edits=(
            Edit(
                file=ENGINE,
                old="        return self.elector is None or self.elector.leading\n",
                new="        return True\n",
            ),
        ),
    ),
)
"""An end or a second process gone wrong."""

TAKING: Final = (
    Mutation(
        name="a connection for each request",
        breaks="nothing is kept open between two messages",
        operator="served",
        checks=("load-02", "resource-03"),
        edits=(
            Edit(
                file="notification_operator/delivery/http.py",
                old="aiohttp.TCPConnector(limit=self._connections, keepalive_timeout=IDLE_SECONDS)",
                new="aiohttp.TCPConnector(force_close=True)",
            ),
        ),
    ),
    Mutation(
        name="tries never forgotten",
        breaks="what a write has recorded stays in memory",
        operator="served",
        checks=("resource-05",),
        edits=(Edit(file=RECONCILE, old=SETTLE, new=""),),
    ),
    Mutation(
        name="memory leaks",
        breaks="each try leaves some hundred kilobytes behind",
        operator="served",
        checks=("resource-01", "resource-07"),
        edits=(
            Edit(file=DISPATCH, old=DELIVER, new=DELIVER + "                _LEFT.append(b'x' * 650_000)\n"),
            Edit(file=DISPATCH, old=LOGGER, new=LOGGER + "_LEFT: list[bytes] = []\n"),
        ),
    ),
    Mutation(
        name="tasks leak",
        breaks="each try leaves a task behind",
        operator="served",
        checks=("resource-02", "resource-05", "resource-07", "load-01"),
        edits=(
            Edit(
                file=DISPATCH,
                old=DELIVER,
                new=DELIVER + "                _LEFT.append(asyncio.create_task(asyncio.sleep(3600)))\n",
            ),
            Edit(file=DISPATCH, old=LOGGER, new=LOGGER + "_LEFT: list[object] = []\n"),
        ),
    ),
    Mutation(
        name="never idle",
        breaks="a task spins while there is nothing to do",
        operator="served",
        checks=("resource-06",),
        edits=(
            Edit(
                file=ENGINE,
                old="        self.audit.start()\n",
                new="        self.audit.start()\n"
                "        async def spin() -> None:\n"
                "            while True:\n"
                "                await asyncio.sleep(0)\n\n"
                "        self._tasks.append(asyncio.create_task(spin(), name='spin'))\n",
            ),
        ),
    ),
    Mutation(
        name="a deletion is never believed",
        breaks="passes for an object that is gone are repeated for ever",
        operator="served",
        checks=("status-04",),
        edits=(
            Edit(
                file=BELL,
                old="            self._queue.forget(key)\n            self._gone(key.uid)\n",
                new="            self._queue.add(key)\n",
            ),
            Edit(
                file=RECONCILE,
                old="            self._ledger.forget(key.uid)\n            return Done(final=True)\n",
                new="            return Done(failed=True)\n",
            ),
        ),
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
)
"""What the process takes, keeps and writes down."""

MUTATIONS: Final = (*DECIDING, *LEAVING, *STOPPING, *TAKING)
