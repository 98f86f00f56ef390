"""Lists receivers, shows one of them, and has it tested."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from notification_cli.actions.checks import receiver_filter, usage
from notification_cli.actions.listing import list_small
from notification_cli.actions.waiting import until
from notification_cli.errors import ExitCode
from notification_cli.output.documents import document, name_of
from notification_cli.output.receivers import ReceiverTable, show
from notification_cli.views.format import Output
from notification_cli.views.receivers import receiver_view
from notification_cli.views.text import clean
from notification_contract.kinds.choices import ReceiverTestOutcome
from notification_domain.json_values import format_time, moment

if TYPE_CHECKING:
    from datetime import datetime

    from notification_cli.session import Session
    from notification_cli.views.rows import ReceiverFilter
    from notification_domain.receivers.status import LastTest


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiverListing:
    """Which receivers, and how to write them; a name means this one, with all its details."""

    name: str = ""
    all_namespaces: bool = False
    labels: str = ""
    output: Output = Output.TABLE

    def __post_init__(self) -> None:
        """Check what the user wrote.

        Raises:
            CliError: a name has another form, or stands next to what selects several.
        """
        if self.name:
            receiver_place(self.name, "")
        for option, given in (("--all-namespaces", self.all_namespaces), ("--selector", self.labels)):
            if self.name and given:
                raise usage(f"{option} and NAME {self.name!r} exclude each other; leave out one of them")

    async def run(self, session: Session) -> int:
        await (self._single(session) if self.name else self._all(session))
        return ExitCode.OK

    async def _single(self, session: Session) -> None:
        namespace, name = receiver_place(self.name, session.namespace)
        obj = await session.receivers.asked(namespace, name)
        if self.output.is_table:
            show(session.screen, receiver_view(obj), session.clock())
        else:
            document(session.screen, self.output, obj)

    async def _all(self, session: Session) -> None:
        table = ReceiverTable(session.screen, self.output, namespaces=self.all_namespaces)
        await list_small(
            session,
            session.receivers,
            lambda items, now: table.write([receiver_view(each) for each in items], now),
            namespace="" if self.all_namespaces else session.namespace,
            labels=self.labels,
            output=self.output,
            plural="receivers",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiverTesting:
    """Which receiver to test, and how long to wait for the answer; None does not wait."""

    receiver: ReceiverFilter
    seconds: float | None = None
    output: Output = Output.TABLE

    async def run(self, session: Session) -> int:
        namespace, name = self.receiver.namespace or session.namespace, self.receiver.name
        before = receiver_view(await session.receivers.asked(namespace, name)).status.last_test
        requested_at = _request_time(before, session.clock())
        obj = await session.receivers.request_test(namespace, name, requested_at)
        if self.output.is_table:
            session.screen.line(f"{name_of(obj)} test requested")
            session.screen.flush()
        if self.seconds is not None:
            obj = await self._answered(session, namespace, name, requested_at)
        test = receiver_view(obj).status.last_test if self.seconds is not None else None
        if not self.output.is_table:
            document(session.screen, self.output, obj)
        elif test is not None:
            good = test.outcome is ReceiverTestOutcome.SUCCEEDED
            style = "green" if good else "bold red"
            session.screen.paragraph((test.outcome.value, style), f"  {clean(test.message)}")
        failed = test is not None and test.outcome is ReceiverTestOutcome.FAILED
        return ExitCode.NEGATIVE if failed else ExitCode.OK

    async def _answered(
        self, session: Session, namespace: str, name: str, requested_at: str
    ) -> dict[str, Any]:
        return await until(
            lambda: session.receivers.get(namespace, name),
            lambda obj: _answers(receiver_view(obj).status.last_test, requested_at),
            seconds=self.seconds or 0.0,
            late=lambda _: (
                f"the operator has not answered the test of {namespace}/{name} within {self.seconds:g} s; "
                f"check that it runs and serves receivers, and look again with notif receivers {name} -n {namespace}"
            ),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspending:
    """Which receiver to suspend or to resume."""

    receiver: ReceiverFilter
    suspends: bool
    output: Output = Output.TABLE

    async def run(self, session: Session) -> int:
        namespace, name = self.receiver.namespace or session.namespace, self.receiver.name
        obj = await session.receivers.asked(namespace, name)
        state = "suspended" if self.suspends else "resumed"
        if receiver_view(obj).suspended == self.suspends:
            state += " already"
        else:
            obj = await session.receivers.suspend(namespace, name, suspend=self.suspends)
        if self.output.is_table:
            until = f": its messages wait until notif resume {name} -n {namespace}" if self.suspends else ""
            session.screen.line(f"{name_of(obj)} {state}{until}")
        else:
            document(session.screen, self.output, obj)
        return ExitCode.OK


def receiver_place(text: str, namespace: str) -> tuple[str, str]:
    """Return namespace and name of a receiver that is written as `NAME` or `NAMESPACE/NAME`.

    Raises:
        CliError: it has another form.
    """
    chosen = receiver_filter(text, option="RECEIVER")
    return chosen.namespace or namespace, chosen.name


def _request_time(last: LastTest | None, now: datetime) -> str:
    """Return the time of a request, which is later than the last one: the operator answers no earlier request."""
    requested = None if last is None else moment(last.requested_at)
    later = now if requested is None else max(now, requested + timedelta(milliseconds=1))
    return format_time(later)


def _answers(last: LastTest | None, requested_at: str) -> bool:
    """Return whether a result is that of a request, or of a later one."""
    if last is None:
        return False
    answered, requested = moment(last.requested_at), moment(requested_at)
    return answered is not None and requested is not None and answered >= requested
