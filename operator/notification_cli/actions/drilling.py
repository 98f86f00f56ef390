"""Sends marked messages through the real path to receivers, and waits for what becomes of them."""

from __future__ import annotations

import asyncio
import secrets
from contextlib import suppress
from dataclasses import dataclass, replace
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

from notification_cli.actions.checks import receiver_filter, usage
from notification_cli.actions.confirming import confirmed
from notification_cli.actions.waiting import until
from notification_cli.errors import ApiError, CliError, ExitCode
from notification_cli.kube.resources import Selection
from notification_cli.output.documents import document
from notification_cli.output.table import Column, Table
from notification_cli.views.drill import (
    DrillOutcome,
    DrillResult,
    can_be_open,
    drill,
    drill_result,
    left_open,
    skipped,
)
from notification_cli.views.format import Output
from notification_cli.views.plain import plain
from notification_cli.views.receivers import receiver_view
from notification_cli.views.text import clean, duration
from notification_client import status_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from notification_cli.kube.resources import Notifications
    from notification_cli.output.screen import Screen
    from notification_cli.session import Session
    from notification_cli.views.receivers import ReceiverView
    from notification_cli.views.rows import ReceiverFilter

ALL: Final = "all"
CONCURRENT: Final = 20
"""Receivers that are tried at the same time."""


COLUMNS = (
    Column(title="RECEIVER"),
    Column(title="TYPE", rank=3),
    Column(title="RESULT"),
    Column(title="TOTAL", rank=1),
    Column(title="CALL", rank=2),
    Column(title="ATTEMPTS", rank=3),
    Column(title="DETAIL", rank=2),
)
STYLES = {
    DrillOutcome.DELIVERED: "green",
    DrillOutcome.FAILED: "bold red",
    DrillOutcome.LATE: "bold red",
    DrillOutcome.SKIPPED: "dim",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Drilling:
    """Which receivers, all of some namespaces or one by name, and how long to wait for each."""

    receiver: ReceiverFilter | None = None
    seconds: float
    all_namespaces: bool = False
    labels: str = ""
    yes: bool = False
    """Whether the user has agreed already."""
    output: Output = Output.TABLE

    @classmethod
    def of(cls, *, receiver: str, namespace: str, **more: Any) -> Drilling:  # noqa: ANN401 - the other fields
        """Read which receivers the user means.

        Raises:
            CliError: it is not clear which.
        """
        chosen = None if receiver == ALL else receiver_filter(receiver)
        if chosen is not None and not chosen.namespace and "," in namespace:
            raise usage(
                f"--receiver {receiver}: {namespace} are several namespaces; write NAMESPACE/{receiver}"
            )
        return cls(receiver=chosen, **more)

    async def run(self, session: Session) -> int:
        views, identity = await self._receivers(session), secrets.token_hex(4)
        if not views:
            raise CliError("there is no receiver to send a drill to")
        if not self.yes:
            _confirm(session.screen, views)
        slots = asyncio.Semaphore(CONCURRENT)
        results = await asyncio.gather(*(self._one(session, view, identity, slots) for view in views))
        if self.output.is_table:
            _write(session.screen, results)
        else:
            names = "\n".join(each.receiver for each in results if each.result is DrillOutcome.DELIVERED)
            value = {"drill": identity, "receivers": plain(results)}
            document(session.screen, self.output, value, name=names or "none")
        return _exit_code(results)

    async def _receivers(self, session: Session) -> Sequence[ReceiverView]:
        if self.receiver is not None:
            namespace = self.receiver.namespace or session.namespace
            return [receiver_view(await session.receivers.get(namespace, self.receiver.name))]
        namespaces = [""] if self.all_namespaces else session.namespace.split(",")
        views: list[ReceiverView] = []
        for namespace in dict.fromkeys(namespaces):
            async for page in session.receivers.pages(Selection(namespace=namespace, labels=self.labels)):
                views += map(receiver_view, page.items)
        return views

    async def _one(
        self, session: Session, view: ReceiverView, identity: str, slots: asyncio.Semaphore
    ) -> DrillResult:
        """Send to one receiver; a failure there does not end the drill of the others."""
        if reason := skipped(view):
            return _without_message(view, DrillOutcome.SKIPPED, reason)
        async with slots:
            trigger = self._planned(session, view, identity, "Trigger")
            try:
                result = await self._result(view, trigger)
            except asyncio.CancelledError:
                # A message that is under way goes on without the command.
                if can_be_open(view, trigger.obj):
                    with suppress(CliError):
                        await self._planned(session, view, identity, "Resolve").create()
                raise
            if not (trigger.stored and can_be_open(view, trigger.obj)):
                return result
            resolve = self._planned(session, view, identity, "Resolve")
            return _resolved(result, await self._result(view, resolve), view, resolve)

    def _planned(self, session: Session, view: ReceiverView, identity: str, event: str) -> _Message:
        obj = drill(view, identity=identity, event=event, seconds=self.seconds, now=session.clock())
        return _Message(notifications=session.notifications, obj=obj)

    async def _result(self, view: ReceiverView, message: _Message) -> DrillResult:
        """Send a message; return what became of it at the receiver."""
        start = monotonic()
        try:
            await message.create()
            await until(message.read, _is_final, seconds=self.seconds, late=lambda _: "not over in time")
        except CliError as error:
            if error.code is not ExitCode.TIMEOUT:
                return _without_message(view, DrillOutcome.FAILED, str(error))
        result = drill_result(view, message.obj, seconds=monotonic() - start, final=_is_final(message.obj))
        return replace(result, detail=clean(message.problem)) if message.problem else result


@dataclass(slots=True, kw_only=True)
class _Message:
    """A message of a drill as it was read last, or as it is to be created."""

    notifications: Notifications
    obj: dict[str, Any]
    stored: bool = False
    problem: str = ""
    """Why it could not be read last."""

    async def create(self) -> None:
        self.obj = await self.notifications.create(self.obj["metadata"]["namespace"], self.obj)
        self.stored = True

    async def read(self) -> dict[str, Any]:
        """Return the message; as it was before if the request can succeed later."""
        meta = self.obj["metadata"]
        try:
            self.obj, self.problem = await self.notifications.get(meta["namespace"], meta["name"]), ""
        except ApiError as error:
            if not error.passes:
                raise
            self.problem = str(error)
        return self.obj


def _is_final(obj: dict[str, Any]) -> bool:
    return status_of(obj).final


def _resolved(
    result: DrillResult, resolved: DrillResult, view: ReceiverView, resolve: _Message
) -> DrillResult:
    """Return the result of a Trigger with what its Resolve has left open."""
    final = _is_final(resolve.obj)
    left = left_open(view, resolve.obj) if final else resolved.detail or "not over in time"
    if not left:
        return result
    if result.result is not DrillOutcome.DELIVERED:
        return replace(result, detail=f"{result.detail}; the incident of the drill can be open: {left}")
    outcome = DrillOutcome.FAILED if final else resolved.result
    return replace(result, result=outcome, detail=f"the incident of the drill is still open: {left}")


def _confirm(screen: Screen, views: Sequence[ReceiverView]) -> None:
    """Show whom the drill reaches, and ask.

    Raises:
        CliError: the user does not agree.
    """
    reached = [view for view in views if not skipped(view)]
    for view in views:
        reason = skipped(view)
        screen.note(f"skips {view.key}: {reason}" if reason else f"sends to {view.key} ({view.type})")
    count = f"{len(reached)} receiver{'s' if len(reached) > 1 else ''}"
    if reached and not confirmed(f"Send a message marked [DRILL] to {count}?", yes=False):
        raise CliError("nothing was sent")


def _without_message(view: ReceiverView, outcome: DrillOutcome, detail: str) -> DrillResult:
    return DrillResult(receiver=clean(view.key), type=clean(view.type), result=outcome, detail=clean(detail))


def _exit_code(results: Sequence[DrillResult]) -> int:
    outcomes = {each.result for each in results}
    if DrillOutcome.FAILED in outcomes:
        return ExitCode.NEGATIVE
    return ExitCode.TIMEOUT if DrillOutcome.LATE in outcomes else ExitCode.OK


def _write(screen: Screen, results: Sequence[DrillResult]) -> None:
    if results:
        Table(screen, COLUMNS).write(
            [
                [
                    each.receiver,
                    each.type,
                    (each.result.value, STYLES[each.result]),
                    _time(each.seconds),
                    _time(each.call_seconds),
                    str(each.attempts),
                    each.detail or "-",
                ]
                for each in results
            ]
        )
    sent = [each for each in results if each.result is not DrillOutcome.SKIPPED]
    good = sum(each.result is DrillOutcome.DELIVERED for each in sent)
    screen.note(f"{good} of {len(sent)} receivers got their message")


def _time(seconds: float | None) -> str:
    return "-" if seconds is None else duration(seconds)
