"""The process gone wrong: how it ends, who works beside it, what it takes and keeps."""

from __future__ import annotations

from typing import Final

from tests.mutations.mutation import Edit, Mutation

RECONCILE: Final = "notification_operator/controller/reconciler.py"
ENGINE: Final = "notification_operator/app.py"
BELL: Final = "notification_operator/watch/event_handler.py"
DISPATCH: Final = "notification_operator/delivery/dispatcher.py"
SETTLE: Final = "        attempts.acknowledge(finished)\n"
LOGGER: Final = "logger = structlog.get_logger(__name__)\n"
DELIVER: Final = "                await channel.deliver(message)\n"
HTTP: Final = "notification_operator/delivery/http_client.py"
MAIN: Final = "notification_operator/kopf_app.py"
STARTED: Final = "    app = await App.start(settings)\n"
HEEDED_LATE: Final = """
    loop = asyncio.get_running_loop()
    heed = loop.add_signal_handler

    async def late(callback, *arguments):
        app.leaving = True
        await app.operator.attempts.idle()
        callback(*arguments)

    loop.add_signal_handler = lambda number, *what: heed(number, lambda: asyncio.create_task(late(*what)))
"""
CONNECTOR: Final = "aiohttp.TCPConnector(limit=self._connections, keepalive_timeout=IDLE_SECONDS)"

STOPPING: Final = (
    Mutation(
        name="audit not flushed at stop",
        breaks="events that wait for company are lost with the process",
        operator="fragile",
        checks=("shutdown-03", "crd-11"),
        edits=(
            Edit(
                file="notification_operator/observers/audit/trail.py",
                old="        self._writer.hurry()\n",
                new="        return\n",
            ),
            Edit(
                file="notification_operator/observers/audit/trail.py",
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
        name="signal heeded late",
        breaks="the process goes on taking new work until nothing is under way",
        operator="fragile",
        checks=("shutdown-02",),
        edits=(
            Edit(file=MAIN, old=STARTED, new=STARTED + HEEDED_LATE),
            Edit(
                file=ENGINE,
                old="operator.ownership.accepting_work\n",
                new="operator.ownership.accepting_work and not hasattr(self, 'leaving')\n",
            ),
        ),
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
                file="notification_operator/leadership/ownership.py",
                old="        return self._elector is None or self._elector.works_on(uid)\n",
                new="        return True\n",
            ),
        ),
    ),
)
"""An end or a second process gone wrong."""

FORGET: Final = (
    '        """Drop what is planned and remembered for a key whose object is deleted or final."""\n'
)
CANCEL_TIMER: Final = "        self._cancel_timer(key)\n"

TAKING: Final = (
    Mutation(
        name="a connection for each request",
        breaks="nothing is kept open between two messages",
        operator="guarded",
        checks=("resource-03",),
        edits=(Edit(file=HTTP, old=CONNECTOR, new="aiohttp.TCPConnector(force_close=True)"),),
    ),
    Mutation(
        name="a deletion under way not noted",
        breaks="what was begun for an object that is gone stays in memory",
        operator="guarded",
        checks=("crd-09",),
        edits=(
            Edit(
                file=RECONCILE,
                old="        except Gone:\n            self._attempts.forget(uid)\n",
                new="        except Gone:\n",
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
                file="notification_operator/controller/workqueue.py",
                old="        if result.error is not None:\n",
                new="        self.add_after(key, 2.0)\n        if result.error is not None:\n",
            ),
            # Else it depends on whether the event of the end comes before the end of the pass.
            Edit(file="notification_operator/controller/workqueue.py", old=FORGET + CANCEL_TIMER, new=FORGET),
        ),
    ),
    Mutation(
        name="a connection for each message of a burst",
        breaks="a hundred messages at once open a hundred connections",
        operator="served",
        checks=("load-02",),
        edits=(Edit(file=HTTP, old=CONNECTOR, new="aiohttp.TCPConnector(force_close=True)"),),
        alone=True,
    ),
    Mutation(
        name="tries never forgotten",
        breaks="what a write has recorded stays in memory",
        operator="served",
        checks=("resource-05",),
        edits=(Edit(file=RECONCILE, old=SETTLE, new=""),),
        alone=True,
    ),
    Mutation(
        name="memory leaks",
        breaks="each try leaves eight hundred kilobytes behind",
        operator="served",
        checks=("resource-01", "resource-07"),
        edits=(
            Edit(file=DISPATCH, old=DELIVER, new=DELIVER + "                _LEFT.append(b'x' * 800_000)\n"),
            Edit(file=DISPATCH, old=LOGGER, new=LOGGER + "_LEFT: list[bytes] = []\n"),
        ),
        alone=True,
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
        alone=True,
    ),
    Mutation(
        name="never idle",
        breaks="a task spins while there is nothing to do",
        operator="served",
        checks=("resource-06",),
        edits=(
            Edit(
                file=ENGINE,
                old="        operator.audit.start()\n",
                new="        operator.audit.start()\n"
                "        async def spin() -> None:\n"
                "            while True:\n"
                "                await asyncio.sleep(0)\n\n"
                "        self.spawn(spin(), name='spin')\n",
            ),
        ),
        alone=True,
    ),
    Mutation(
        name="a deletion is never believed",
        breaks="passes for an object that is gone are repeated for ever",
        operator="served",
        checks=("status-04",),
        edits=(
            Edit(
                file=BELL,
                old="            self._queue.forget(key)\n            self._attempts.forget(key.uid)\n            self._metrics.leave(key.uid)\n",
                new="            self._queue.add(key)\n",
            ),
            Edit(
                file=RECONCILE,
                old="            self._attempts.forget(uid)\n            return Result(final=True)\n",
                new="            return Result(requeue_after=0.2)\n",
            ),
        ),
    ),
)
"""What the process takes, keeps and writes down."""
