"""Creates a notification, and waits for its delivery."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from notification_cli.actions.checks import usage
from notification_cli.actions.waiting import until
from notification_cli.errors import ApiError, CliError, ExitCode
from notification_cli.output.documents import document, name_of, resource_name
from notification_cli.views.format import Output
from notification_cli.views.lint.files import check
from notification_cli.views.rows import styled
from notification_cli.views.text import clean
from notification_client import status_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from notification_cli.output.screen import Screen
    from notification_cli.session import Session
    from notification_cli.views.destinations import Destination
    from notification_client import Status


@dataclass(frozen=True, slots=True, kw_only=True)
class Sending:
    """What to create, where, and whether to wait for the end of its delivery.

    Args:
        obj: the notification.
        destinations: where the user wants it to go.
        once: its key; empty for none.
        is_dry: whether nothing is stored.
        wait: whether to wait.
        seconds: how long.
        output: the format.
    """

    obj: dict[str, Any]
    destinations: Sequence[Destination] = ()
    once: str = ""
    is_dry: bool = False
    wait: bool = False
    seconds: float = 60.0
    output: Output = Output.TABLE

    def __post_init__(self) -> None:
        """Check what the user wrote.

        Raises:
            CliError: the options contradict each other.
        """
        if self.wait and self.is_dry:
            raise usage(
                "--wait and --dry-run exclude each other: nothing is delivered; leave out one of them"
            )

    def run_offline(self, screen: Screen, namespace: str) -> int:
        """Show the notification, which is checked without a cluster."""
        meta = {**self.obj["metadata"], **({"namespace": namespace} if namespace else {})}
        obj = {**self.obj, "metadata": meta}
        problems = [problem for each in check([obj]) for problem in each.problems]
        if problems:
            raise CliError("; ".join(problems))
        if self.output.is_table:
            screen.line(f"{name_of(obj)} created (dry run)")
        else:
            document(screen, self.output, obj)
        return ExitCode.OK

    async def run(self, session: Session) -> int:
        await self._check(session, self.destinations)
        obj, created = await self._create(session, self.obj)
        if self.output.is_table:
            self._report(session, obj["metadata"]["name"], created=created)
        if self.wait:
            obj = await self._result(session, obj, self.seconds)
        if not self.output.is_table:
            document(session.screen, self.output, obj)
        return ExitCode.OK if not self.wait or status_of(obj).delivered else ExitCode.NEGATIVE

    async def _check(self, session: Session, destinations: Sequence[Destination]) -> None:
        """Refuse a receiver of another type than the one that the user wrote, as far as the user may read it."""
        for each in destinations:
            if not each.receiver or not each.channel:
                continue
            namespace = each.namespace or session.namespace
            try:
                obj = await session.receivers.get(namespace, each.receiver)
            except CliError as error:
                if error.code is ExitCode.NEGATIVE:
                    session.screen.note(f"{error}; the message waits for it as long as its attempts last")
                continue
            kind = str((obj.get("spec") or {}).get("type", ""))
            if kind != each.channel:
                raise CliError(
                    f"receiver {each.receiver} in namespace {namespace} has the type {kind}, not {each.channel}; "
                    f"write --to {kind}/{each.reference}"
                )

    async def _create(self, session: Session, obj: dict[str, Any]) -> tuple[dict[str, Any], bool]:
        """Return the stored object, and whether it is new: a key may have created it before."""
        try:
            return await session.notifications.create(session.namespace, obj, dry_run=self.is_dry), True
        except ApiError as error:
            if error.status != HTTPStatus.CONFLICT or not self.once:
                raise
        if self.output.is_data:
            return await session.notifications.get(session.namespace, obj["metadata"]["name"]), False
        return obj, False

    def _report(self, session: Session, name: str, *, created: bool) -> None:
        dry = " (server dry run)" if self.is_dry else ""
        exists = f"exists already for the key {clean(self.once)!r}; nothing was created"
        what = f"created{dry}" if created else exists
        session.screen.line(f"{resource_name(name)} {what}")
        session.screen.flush()
        spec = self.obj["spec"]
        if created and not (self.wait or self.is_dry or spec.get("channels") or spec.get("receiverRefs")):
            session.screen.note(
                f"the routing rules choose its targets; without a matching rule, only the operator's log has it: "
                f"notif why {name} -n {session.namespace}"
            )

    async def _result(self, session: Session, obj: dict[str, Any], seconds: float) -> dict[str, Any]:
        result = await delivered(session, session.namespace, obj["metadata"]["name"], seconds)
        if self.output.is_table:
            status = status_of(result)
            session.screen.line(styled(status.phase, status.reason), f"  {clean(status.message)}")
        return result


async def delivered(session: Session, namespace: str, name: str, seconds: float) -> dict[str, Any]:
    """Wait until the delivery of a notification is over, and return it.

    Raises:
        CliError: it is not over in time, or the notification was deleted.
    """
    try:
        return await until(
            lambda: session.notifications.get(namespace, name),
            lambda obj: status_of(obj).final,
            seconds=seconds,
            late=lambda obj: _late(namespace, name, status_of(obj), seconds),
        )
    except ApiError as error:
        raise CliError(f"{name} was created, but cannot be followed: {error}", code=error.code) from None
    except CliError as error:
        if error.code is ExitCode.NEGATIVE:
            raise CliError(f"{name} was deleted before its delivery ended") from None
        raise


def _late(namespace: str, name: str, status: Status, seconds: float) -> str:
    return (
        f"{namespace}/{name} is {clean(status.phase)} after {seconds:g} s; follow it with notif show {name}"
    )
