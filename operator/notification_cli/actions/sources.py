"""Lists sources, and shows one of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from notification_cli.actions.listing import list_small
from notification_cli.errors import ExitCode
from notification_cli.output.documents import document
from notification_cli.output.sources import SourceTable, show
from notification_cli.views.format import Output
from notification_cli.views.sources import source_view

if TYPE_CHECKING:
    from notification_cli.session import Session


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceListing:
    all_namespaces: bool = False
    labels: str = ""
    output: Output = Output.TABLE

    async def run(self, session: Session) -> int:
        table = SourceTable(session.screen, self.output, namespaces=self.all_namespaces)
        await list_small(
            session,
            session.sources,
            lambda items, now: table.write([source_view(each) for each in items], now),
            namespace="" if self.all_namespaces else session.namespace,
            labels=self.labels,
            output=self.output,
            plural="sources",
        )
        return ExitCode.OK


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceShowing:
    """Which source, and how to write it; `home` is the namespace of the gateway."""

    name: str
    home: str
    output: Output = Output.TABLE

    async def run(self, session: Session) -> int:
        obj = await session.sources.get(session.namespace, self.name)
        if self.output.is_table:
            show(session.screen, source_view(obj), home=self.home, now=session.clock())
        else:
            document(session.screen, self.output, obj)
        return ExitCode.OK
