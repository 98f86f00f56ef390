"""Sends one finished notification again."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from notification_cli.actions.confirming import confirmed
from notification_cli.actions.resending.overtaking import overtaken
from notification_cli.actions.sending import delivered
from notification_cli.errors import ApiError, CliError, ExitCode
from notification_cli.output.documents import document, name_of
from notification_cli.views.format import Output
from notification_cli.views.resending.replay import Replay, ReplayRefusedError, replay
from notification_cli.views.rows import STYLES
from notification_cli.views.text import clean
from notification_client import status_of

if TYPE_CHECKING:
    from notification_cli.session import Session

ATTEMPTS: Final = 5
"""Names that may be taken in a row: they contain a random number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Replaying:
    """Which notification, to which targets, and how long to wait; None does not wait."""

    name: str
    all_targets: bool = False
    include_resolved: bool = False
    """Whether also to send what a younger event of its incident has overtaken."""
    seconds: float | None = None
    yes: bool = False
    """Whether the user has agreed already."""
    output: Output = Output.TABLE

    async def run(self, session: Session) -> int:
        original = await session.notifications.get(session.namespace, self.name)
        if not self.include_resolved:
            await self._refuse_overtaken(session, original)
        if not self.yes:
            self._confirm(session, original)
        result, obj = await self._create(session, original)
        for note in result.notes:
            session.screen.note(note)
        if self.output.is_table:
            session.screen.line(f"{name_of(obj)} created: sends {self.name} again to {_where(result)}")
            session.screen.flush()
        if self.seconds is not None:
            meta = obj["metadata"]
            obj = await delivered(session, meta["namespace"], meta["name"], self.seconds)
            if self.output.is_table:
                status = status_of(obj)
                session.screen.line(
                    (status.phase, STYLES.get(status.phase, "")), f"  {clean(status.message)}"
                )
        if not self.output.is_table:
            document(session.screen, self.output, obj)
        return ExitCode.OK if self.seconds is None or status_of(obj).delivered else ExitCode.NEGATIVE

    async def _refuse_overtaken(self, session: Session, original: dict[str, Any]) -> None:
        """Check that its incident is as it says; without the right to list, nothing is known of the incident.

        Raises:
            CliError: a younger event has overtaken it.
        """
        try:
            problem = await overtaken(session, original)
        except ApiError as error:
            if error.status != HTTPStatus.FORBIDDEN:
                raise
            session.screen.note(
                f"cannot tell whether the incident of {self.name} was resolved since: {error}"
            )
            return
        if problem:
            raise CliError(f"{self.name} is not sent again: {problem}; send it with --include-resolved")

    def _confirm(self, session: Session, original: dict[str, Any]) -> None:
        """Show what is sent to whom, and ask.

        Raises:
            CliError: it cannot be sent again, or the user does not agree.
        """
        planned = self._replay(session, original)
        meta, status = original["metadata"], status_of(original)
        session.screen.note(f"{meta['name']} is {status.phase}: {original['spec'].get('subject', '')}")
        session.screen.note(f"sends it again to {_where(planned)}")
        if not confirmed(f"Send {meta['namespace']}/{meta['name']} again?", yes=False):
            raise CliError("nothing was sent")

    def _replay(self, session: Session, original: dict[str, Any]) -> Replay:
        try:
            return replay(
                original, nonce=secrets.token_hex(8), now=session.clock(), all_targets=self.all_targets
            )
        except ReplayRefusedError as error:
            raise CliError(f"{self.name} cannot be sent again: {error}") from None

    async def _create(self, session: Session, original: dict[str, Any]) -> tuple[Replay, dict[str, Any]]:
        for attempt in range(1, ATTEMPTS + 1):
            result = self._replay(session, original)
            try:
                return result, await session.notifications.create(session.namespace, dict(result.obj))
            except ApiError as error:
                if error.status != HTTPStatus.CONFLICT or attempt == ATTEMPTS:
                    raise
        raise AssertionError("the last attempt returns or raises")


def _where(planned: Replay) -> str:
    return clean(", ".join(planned.targets) or "where the routing rules or its spec say")
