"""Lists notifications page by page, and follows their changes."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from notification_cli.actions.checks import receiver_filter, seconds_of
from notification_cli.errors import ApiError, CliError, ExitCode
from notification_cli.kube.resources import Selection
from notification_cli.output.documents import Objects
from notification_cli.output.table import Column, Table
from notification_cli.views.format import Output
from notification_cli.views.rows import created_at, receivers_of, row_of, styled
from notification_contract.kinds.choices import Phase

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence
    from datetime import datetime

    from notification_cli.kube.resources import Page, Resource
    from notification_cli.output.screen import Screen, Span
    from notification_cli.session import Session
    from notification_cli.views.rows import ReceiverFilter

COLUMNS = (
    Column(title="NAMESPACE"),
    Column(title="NAME"),
    Column(title="TYPE", rank=3),
    Column(title="PRIORITY", rank=1),
    Column(title="PHASE"),
    Column(title="ATTEMPTS", rank=2),
    Column(title="AGE", rank=0),
    Column(title="WAITS FOR", rank=0),
    Column(title="REASON", is_wide=True),
    Column(title="NEXT", is_wide=True),
    Column(title="INCIDENT", is_wide=True),
    Column(title="SUBJECT", rank=4),
)
WAITS_FOR = 7
"""The index of a column that --waiting adds."""
PHASE = 4
"""The index of the phase's column."""
DELETED, LEFT = "(deleted)", "(left)"
"""Phases of an object that was deleted, and of one that was deleted or no longer meets the selectors."""


@dataclass(slots=True, kw_only=True)
class Listing:
    phases: Sequence[str] = ()
    since: str = ""
    receiver: str = ""
    """`NAME` or `NAMESPACE/NAME`; empty for any."""
    labels: str = ""
    waiting: bool = False
    """Whether only notifications that are due and not delivered to each target are listed, with what they wait for."""
    all_namespaces: bool = False
    limit: int = 0
    output: Output = Output.TABLE
    _selectable: bool = field(default=True, init=False)
    """Whether the API server selects by phase."""
    _filter: ReceiverFilter | None = field(default=None, init=False)
    _seconds: float | None = field(default=None, init=False)
    """How old a notification may be; None for any age."""

    def __post_init__(self) -> None:
        """Read the receiver and the age, and choose the phases in which a target can wait.

        Raises:
            CliError: one has another form.
        """
        self._filter = receiver_filter(self.receiver) if self.receiver else None
        self._seconds = seconds_of("--since", self.since) if self.since else None
        if self.waiting and not self.phases:
            self.phases = [Phase.PENDING.value, Phase.SENDING.value, Phase.RETRYING.value]

    async def list(self, session: Session) -> int:
        """Write every page; the first one is small, so that its lines appear at once."""
        writer = Writer(self, session.screen)
        await self._write_all(session, writer)
        writer.close(session)
        return ExitCode.OK

    async def follow(self, session: Session) -> int:
        writer = Writer(self, session.screen, follows=True)
        version = await self._write_all(session, writer)
        while True:
            try:
                async for event in session.notifications.changes(self._selection(session), version):
                    version = event["object"]["metadata"]["resourceVersion"]
                    if event["type"] != "BOOKMARK" and self._matches(event["object"], session.clock()):
                        writer.change(event, session.clock())
            except ApiError as error:
                if error.status != HTTPStatus.GONE:
                    raise
                version = await self._write_all(session, writer)

    async def _write_all(self, session: Session, writer: Writer) -> str:
        """Write all pages and return the version that they show."""
        now, left, version = session.clock(), self.limit, ""
        held: list[dict[str, Any]] = []
        async for page in self._pages(session):
            version = version or page.version
            items = [obj for obj in page.items if self._matches(obj, now)]
            if self.output.sort_by:
                held += items
                continue
            items = items[:left] if self.limit else items
            writer.write(items, session.clock())
            left -= len(items)
            if self.limit and left <= 0:
                break
        if held:
            writer.write(self.output.sort(held)[: self.limit or None], session.clock())
        return version

    async def _pages(self, session: Session) -> AsyncIterator[Page]:
        # With a filter of our own, how many objects to read is not known.
        filtered = self.since or self.receiver or self.waiting or (self.phases and not self._selectable)
        limit = 0 if filtered or self.output.sort_by else self.limit
        try:
            async for page in session.notifications.pages(self._selection(session), limit=limit):
                yield page
        except ApiError as error:
            if error.status == HTTPStatus.BAD_REQUEST and not error.unselectable:
                # Only the user's selector can be wrong in this request.
                raise CliError(str(error), code=ExitCode.USAGE) from None
            if not error.unselectable or not self._selectable:
                raise
            self._selectable = False
            session.screen.note(
                "the CRD in this cluster is older: phases are selected here, which takes longer"
            )
            async for page in self._pages(session):
                yield page

    def _selection(self, session: Session) -> Selection:
        namespace = "" if self.all_namespaces else session.namespace
        fields = phase_selector(self.phases) if self._selectable else ""
        return Selection(namespace=namespace, labels=self.labels, fields=fields)

    def _matches(self, obj: dict[str, Any], now: datetime) -> bool:
        phase = (obj.get("status") or {}).get("phase") or Phase.PENDING
        selected = self._selectable or not self.phases or phase in self.phases
        recent = self._seconds is None or created_at(obj) >= now - timedelta(seconds=self._seconds)
        wanted = self._filter is None or self._filter.matches(receivers_of(obj))
        waits = not self.waiting or bool(row_of(obj).waits(now))
        return selected and recent and wanted and waits


class Writer:
    def __init__(self, listing: Listing, screen: Screen, *, follows: bool = False) -> None:
        self._first = 0 if listing.all_namespaces else 1
        self._output = listing.output
        self._waiting = listing.waiting
        columns = [each for index, each in enumerate(COLUMNS) if self._waiting or index != WAITS_FOR]
        self._table = Table(screen, columns[self._first :], listing.output)
        self._objects = Objects(screen, listing.output, follows=follows)
        self._selects = bool(listing.phases or listing.labels)
        self._written = 0

    def write(self, objects: Sequence[dict[str, Any]], now: datetime) -> None:
        self._written += len(objects)
        if self._output.is_table:
            if objects:
                self._table.write([self._cells(obj, now) for obj in objects])
        else:
            self._objects.add(objects)

    def change(self, event: dict[str, Any], now: datetime) -> None:
        obj = event["object"]
        if not self._output.is_table:
            self._objects.add([obj])
            return
        cells = self._cells(obj, now)
        if event["type"] == "DELETED":
            cells[PHASE - self._first] = (LEFT if self._selects else DELETED, "dim")
        self._table.write([cells])

    def close(self, session: Session) -> None:
        if not self._output.is_table:
            self._objects.close()
        elif not self._written:
            where = "any namespace" if not self._first else f"namespace {session.namespace}"
            session.screen.note(f"no notifications found in {where}")

    def _cells(self, obj: dict[str, Any], now: datetime) -> list[Span | str]:
        row = row_of(obj)
        cells: list[Span | str] = [row.namespace, row.name, row.type, row.priority]
        cells += [styled(row.phase, row.reason), str(row.attempts), row.age(now)]
        cells += [", ".join(row.waits(now))] if self._waiting else []
        cells += [row.reason or "-", row.next_attempt(now), row.incident or "-", row.subject]
        return cells[self._first :]


def phase_selector(phases: Sequence[str]) -> str:
    """Return the field selector for any of these phases; a field selector has no "or", so it excludes the others."""
    if not phases:
        return ""
    if len(phases) == 1:
        return f"status.phase={phases[0]}"
    return ",".join(f"status.phase!={phase.value}" for phase in Phase if phase not in phases)


async def _ordered(pages: AsyncIterator[Page], output: Output) -> AsyncIterator[Sequence[dict[str, Any]]]:
    """Yield the objects of pages; all together where they are sorted."""
    if not output.sort_by:
        async for page in pages:
            yield page.items
    else:
        yield output.sort([each async for page in pages for each in page.items])


async def list_small(  # noqa: PLR0913 - what is listed, and how
    session: Session,
    resource: Resource,
    write: Callable[[Sequence[dict[str, Any]], datetime], None],
    *,
    namespace: str,
    labels: str,
    output: Output,
    plural: str,
) -> None:
    """List objects of a kind that needs no other selection; empty `namespace` for all.

    Args:
        session: where to write.
        resource: the kind.
        write: adds a page to a table.
        namespace: where they are.
        labels: a label selector.
        output: the format.
        plural: how they are called.
    """
    objects, count = Objects(session.screen, output), 0
    async for items in _ordered(resource.pages(Selection(namespace=namespace, labels=labels)), output):
        count += len(items)
        if output.is_table:
            write(items, session.clock())
        else:
            objects.add(items)
    if not output.is_table:
        objects.close()
    elif not count:
        where = f"namespace {namespace}" if namespace else "any namespace"
        session.screen.note(f"no {plural} found in {where}")
