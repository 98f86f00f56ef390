"""Sends many finished notifications again: a dry run first, then at a bounded rate, each once per batch."""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from http import HTTPStatus
from time import monotonic
from typing import TYPE_CHECKING, Final

from notification_cli.actions.checks import receiver_filter, seconds_of, usage
from notification_cli.actions.listing import phase_selector
from notification_cli.actions.resending.overtaking import overtaken
from notification_cli.clock import now
from notification_cli.errors import ApiError, CliError, ExitCode
from notification_cli.kube.health import HealthGate
from notification_cli.kube.resources import Selection as Query
from notification_cli.output.redrive import Progress, write_plan
from notification_cli.views.format import Output
from notification_cli.views.incidents import ANY_INCIDENT
from notification_cli.views.lint.metadata import is_label
from notification_cli.views.resending.candidates import (
    Candidate,
    Outcome,
    Replayed,
    Selection,
    Wanted,
    batch_of,
)
from notification_cli.views.resending.replay import (
    DIGITS,
    MORE_DIGITS,
    ReplayRefusedError,
    SentBeforeError,
    original_of,
    replay,
    replay_label,
)
from notification_contract import names
from notification_contract.kinds.choices import Phase

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from collections.abc import Set as AbstractSet
    from datetime import datetime
    from typing import Any

    from notification_cli.session import Session
    from notification_domain.receivers.catalog import ReceiverKey

PAUSES: Final = (0.5, 1.0, 2.0, 5.0, 10.0)
"""Seconds before the repetitions of a request without a usable response."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Redriving:
    """What to send again, and how.

    Args:
        batch: names the batch; empty for a new one.
        phases: of the originals.
        reasons: of the originals, their attempts or their targets.
        receiver: only to this receiver, as `NAME` or `NAMESPACE/NAME`.
        since: only what was created within this time.
        rate: notifications per second.
        limit: how many at most.
        sends: whether to send; otherwise the plan is shown.
        healthy_seconds: how long to wait for the receivers' health; None does not wait.
        include_resolved: whether also to send what a younger event of its incident has overtaken.
        include_rescued: whether also to send what a fallback has delivered, to the targets that it stands for.
    """

    batch: str = ""
    phases: Sequence[str] = ("Failed",)
    labels: str = ""
    reasons: Sequence[str] = ()
    receiver: str = ""
    since: str = ""
    all_namespaces: bool = False
    rate: float = 5.0
    limit: int = 500
    sends: bool = False
    healthy_seconds: float | None = None
    include_resolved: bool = False
    include_rescued: bool = False
    output: Output = Output.TABLE

    def __post_init__(self) -> None:
        """Check what the user wrote.

        Raises:
            CliError: an option is wrong.
        """
        self._wanted(now())

    async def run(self, session: Session) -> int:
        wanted = self._wanted(session.clock())
        selection = Selection(wanted=wanted, limit=self.limit)
        await self._select(session, selection)
        if not self.sends:
            write_plan(session.screen, self.output, selection, now=session.clock())
            return ExitCode.OK
        progress = Progress(session.screen, self.output, selection)
        progress.begin()
        try:
            await self._send(session, selection, progress)
        except (CliError, asyncio.CancelledError):
            progress.interrupted()
            raise
        progress.end()
        return ExitCode.NEGATIVE if progress.refused else ExitCode.OK

    def _wanted(self, time: datetime) -> Wanted:
        since = time - timedelta(seconds=seconds_of("--since", self.since)) if self.since else None
        batch = self.batch or secrets.token_hex(4)
        if not is_label(batch):
            raise usage(
                f"--batch: {batch!r} cannot be a label; use letters, digits, -, _ and ., at most 63 characters"
            )
        return Wanted(
            batch=batch,
            reasons=frozenset(self.reasons),
            receiver=receiver_filter(self.receiver) if self.receiver else None,
            since=since,
            include_resolved=self.include_resolved,
            include_rescued=self.include_rescued,
        )

    async def _select(self, session: Session, selection: Selection) -> None:
        namespace = "" if self.all_namespaces else session.namespace
        async for page in session.notifications.pages(Query(namespace=namespace, labels=names.REPLAY_LABEL)):
            for obj in page.items:
                selection.replayed.add(obj)
        if not self.include_resolved:
            async for page in session.notifications.of_incidents(namespace, ANY_INCIDENT):
                for obj in page.items:
                    selection.events.add(obj)
        fields = phase_selector([*self.phases, *([Phase.SENT] if self.include_rescued else [])])
        query = Query(namespace=namespace, labels=self.labels, fields=fields)
        async for page in session.notifications.pages(query):
            for obj in page.items:
                selection.add(obj)

    async def _send(self, session: Session, selection: Selection, progress: Progress) -> None:
        gate = None
        if self.healthy_seconds is not None:
            keys = dict.fromkeys(key for each in selection.waiting for key in each.receivers)
            gate = HealthGate(
                session.receivers, list(keys), seconds=self.healthy_seconds, report=session.screen.note
            )
        due = monotonic()
        for candidate in selection.waiting:
            if gate is not None:
                await gate.passed()
            await asyncio.sleep(max(due - monotonic(), 0.0))
            due = max(due, monotonic()) + 1 / self.rate
            progress.add(candidate, *await _patiently(partial(_create, session, selection.wanted, candidate)))


async def _patiently(attempt: Callable[[], Awaitable[tuple[Outcome, str]]]) -> tuple[Outcome, str]:
    """Repeat what is safe to repeat while the API server does not respond, or is overloaded."""
    for pause in PAUSES:
        try:
            return await attempt()
        except ApiError as error:
            if not error.passes:
                raise
        await asyncio.sleep(pause)
    return await attempt()


async def _create(session: Session, wanted: Wanted, candidate: Candidate) -> tuple[Outcome, str]:
    """Send one notification again; return what became of it, and why it was refused."""
    original = await _original(session, candidate)
    if original is None:
        return Outcome.VANISHED, ""
    if not wanted.include_resolved and await overtaken(session, original):
        return Outcome.OVERTAKEN, ""
    return await _send_again(session, wanted, candidate, original)


async def _send_again(
    session: Session, wanted: Wanted, candidate: Candidate, original: Mapping[str, Any]
) -> tuple[Outcome, str]:
    planned = partial(
        replay,
        original,
        nonce=wanted.batch,
        now=session.clock(),
        only=wanted.only,
        include_rescued=wanted.include_rescued,
        sent=await _sent(session, wanted, candidate),
        batch=wanted.batch,
    )
    try:
        for digits in (DIGITS, MORE_DIGITS):
            outcome = await _stored(session, candidate, planned(digits=digits).obj)
            if outcome is not None:
                return outcome, ""
    except SentBeforeError:
        return Outcome.SKIPPED, "another redrive or replay has sent it meanwhile"
    except ReplayRefusedError as error:
        return Outcome.REFUSED, str(error)
    except CliError as error:
        if isinstance(error, ApiError):
            raise
        return Outcome.REFUSED, str(error)
    return Outcome.REFUSED, "other notifications have the names of its replay"


async def _original(session: Session, candidate: Candidate) -> Mapping[str, Any] | None:
    try:
        original = await session.notifications.get(candidate.namespace, candidate.name)
    except CliError as error:
        if isinstance(error, ApiError):
            raise
        return None
    return original if original["metadata"]["uid"] == candidate.uid else None


async def _sent(session: Session, wanted: Wanted, candidate: Candidate) -> AbstractSet[ReceiverKey | str]:
    """Return where the replays of other batches go by now."""
    replayed = Replayed()
    query = Query(
        namespace=candidate.namespace, labels=f"{names.REPLAY_LABEL}={replay_label(candidate.name)}"
    )
    async for page in session.notifications.pages(query):
        for obj in page.items:
            if batch_of(obj) != wanted.batch:
                replayed.add(obj)
    return replayed.of((candidate.namespace, candidate.uid))


async def _stored(session: Session, candidate: Candidate, obj: Mapping[str, Any]) -> Outcome | None:
    """Create a replay; return None if its name is that of another notification.

    Raises:
        CliError: it is invalid or forbidden.
        ApiError: it cannot be created.
    """
    try:
        await session.notifications.create(candidate.namespace, dict(obj))
    except ApiError as error:
        if error.status == HTTPStatus.FORBIDDEN:
            # A quota, a terminating namespace or a missing right: it can be another one in the next namespace.
            raise CliError(str(error)) from None
        if error.status != HTTPStatus.CONFLICT:
            raise
        existing = await session.notifications.get(candidate.namespace, obj["metadata"]["name"])
        return Outcome.EXISTS if original_of(existing) == candidate.uid else None
    return Outcome.CREATED
