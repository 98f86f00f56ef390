"""Cancels a notification: the spec never changes, so the object is deleted."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from notification_cli.actions.confirming import confirmed
from notification_cli.errors import ApiError, CliError, ExitCode
from notification_cli.output.documents import document, name_of
from notification_cli.views.cancel import delivered_targets, open_targets
from notification_cli.views.format import Output
from notification_cli.views.text import clean
from notification_client import status_of

if TYPE_CHECKING:
    from notification_cli.output.screen import Screen
    from notification_cli.session import Session


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancelling:
    """Which notification, and whether the user has agreed already."""

    name: str
    yes: bool = False
    output: Output = Output.TABLE

    async def run(self, session: Session) -> int:
        namespace = session.namespace
        obj = await session.notifications.get(namespace, self.name)
        status = status_of(obj)
        if status.final:
            raise CliError(
                f"{self.name} is {clean(status.phase)}: nothing is left to cancel; "
                f"kubectl delete notif {self.name} -n {namespace} deletes its record"
            )
        _explain(session.screen, obj)
        if not confirmed(f"Delete {namespace}/{self.name}?", yes=self.yes):
            raise CliError(f"{self.name} was not cancelled")
        await self._delete(session, obj)
        if self.output.is_table:
            session.screen.line(f"{name_of(obj)} cancelled")
        else:
            document(session.screen, self.output, obj)
        return ExitCode.OK

    async def _delete(self, session: Session, obj: dict[str, Any]) -> None:
        meta = obj["metadata"]
        try:
            await session.notifications.delete(meta["namespace"], meta["name"], meta["uid"])
        except ApiError as error:
            if error.status not in {HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT}:
                raise
            raise CliError(f"{self.name} was deleted meanwhile") from None


def _explain(screen: Screen, obj: dict[str, Any]) -> None:
    """Say what the deletion does, on standard error."""
    waiting, done = open_targets(obj), delivered_targets(obj)
    screen.note(f"{obj['metadata']['name']} is {status_of(obj).phase}: {obj['spec'].get('subject', '')}")
    screen.note(f"not delivered to: {', '.join(waiting) or 'the targets that routing would choose'}")
    if done:
        screen.note(f"delivered already, and not taken back: {', '.join(done)}")
    screen.note("the notification and its record are deleted; an attempt that runs now can still arrive")
