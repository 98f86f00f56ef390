"""Lists sources, and shows one of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from notification_cli.actions.listing import list_small
from notification_cli.errors import ExitCode
from notification_cli.output.documents import document
from notification_cli.output.sources import SourceTable, show
from notification_cli.rules import Rules
from notification_cli.views.format import Output
from notification_cli.views.sources import source_view
from notification_contract.routing.reach import source_reach
from notification_contract.sources.source import NotificationSource, SourceSpecError

if TYPE_CHECKING:
    from collections.abc import Mapping

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
            reach = await reach_in(session, obj, home=self.home)
            show(session.screen, source_view(obj), home=self.home, reach=reach, now=session.clock())
        else:
            document(session.screen, self.output, obj)
        return ExitCode.OK


async def reach_in(session: Session, obj: Mapping[str, Any], *, home: str) -> str:
    """Return that messages of a source reach only the log, by the rules in force, or why that is not known; empty if they go further."""
    rules, unknown = await Rules(namespace=home).rules_in_force(session)
    if rules is None:
        return unknown
    try:
        return source_reach(NotificationSource.parse(obj).spec, rules.table).message
    except SourceSpecError:
        return ""
