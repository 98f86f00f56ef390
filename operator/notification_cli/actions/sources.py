"""Lists sources, and shows one of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from notification_cli.errors import ExitCode
from notification_cli.kube.resources import Selection
from notification_cli.options import Output
from notification_cli.output.documents import Objects, document
from notification_cli.output.sources import SourceTable, show
from notification_cli.views.sources import source_view

if TYPE_CHECKING:
    from notification_cli.session import Session


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceListing:
    all_namespaces: bool = False
    labels: str = ""
    output: Output = Output.TABLE

    async def run(self, session: Session) -> int:
        namespace, count = "" if self.all_namespaces else session.namespace, 0
        table = SourceTable(session.screen, namespaces=self.all_namespaces)
        objects = Objects(session.screen, self.output)
        async for page in session.sources.pages(Selection(namespace=namespace, labels=self.labels)):
            count += len(page.items)
            if self.output is Output.TABLE:
                table.write([source_view(obj) for obj in page.items], session.clock())
            else:
                objects.add(page.items)
        if self.output is not Output.TABLE:
            objects.close()
        elif not count:
            where = f"namespace {namespace}" if namespace else "any namespace"
            session.screen.note(f"no sources found in {where}")
        return ExitCode.OK


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceShowing:
    """Which source, and how to write it; `home` is the namespace of the gateway."""

    name: str
    home: str
    output: Output = Output.TABLE

    async def run(self, session: Session) -> int:
        obj = await session.sources.get(session.namespace, self.name)
        if self.output is Output.TABLE:
            show(session.screen, source_view(obj), home=self.home, now=session.clock())
        else:
            document(session.screen, self.output, obj)
        return ExitCode.OK
