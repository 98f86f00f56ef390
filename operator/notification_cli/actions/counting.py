"""Counts the stored notifications by namespace."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from notification_cli.errors import ExitCode
from notification_cli.kube.resources import Selection
from notification_cli.output.documents import document
from notification_cli.output.table import Column, Table
from notification_cli.views.figures import NamespaceFigures
from notification_cli.views.format import Output
from notification_cli.views.text import clean, duration
from notification_contract.kinds.choices import Phase

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from notification_cli.output.screen import Span
    from notification_cli.session import Session

COLUMNS = (
    Column(title="NAMESPACE"),
    Column(title="OPEN"),
    Column(title="OLDEST", rank=1),
    Column(title="SENT"),
    Column(title="PARTIAL", rank=2),
    Column(title="FAILED"),
    Column(title="P50", rank=3),
    Column(title="P95", rank=3),
    Column(title="SUPPRESSED", is_wide=True),
    Column(title="P99", is_wide=True),
    Column(title="REASONS", rank=4),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Counting:
    all_namespaces: bool = False
    labels: str = ""
    output: Output = Output.TABLE

    async def run(self, session: Session) -> int:
        figures: dict[str, NamespaceFigures] = defaultdict(NamespaceFigures)
        namespace = "" if self.all_namespaces else session.namespace
        selection = Selection(namespace=namespace, labels=self.labels)
        async for page in session.notifications.pages(selection):
            for obj in page.items:
                figures[obj["metadata"].get("namespace", "")].add(obj)
        namespaces = self.output.sort(_plain(name, each) for name, each in sorted(figures.items()))
        names = [each["namespace"] for each in namespaces]
        if not self.output.is_table:
            document(session.screen, self.output, {"namespaces": namespaces}, name="\n".join(names))
        elif names:
            now = session.clock()
            Table(session.screen, COLUMNS, self.output).write(
                [_row(name, figures[name], now) for name in names]
            )
        else:
            where = f"namespace {namespace}" if namespace else "any namespace"
            session.screen.note(f"no notifications found in {where}")
        return ExitCode.OK


def _row(name: str, figures: NamespaceFigures, now: datetime) -> list[Span | str]:
    failed = figures.phases[Phase.FAILED]
    oldest = duration((now - figures.oldest_open).total_seconds()) if figures.oldest_open else "-"
    return [
        clean(name),
        str(figures.open),
        oldest,
        (str(figures.phases[Phase.SENT]), "green"),
        str(figures.phases[Phase.PARTIALLY_SENT]),
        (str(failed), "bold red" if failed else ""),
        _seconds(figures, 0.5),
        _seconds(figures, 0.95),
        str(figures.phases[Phase.SUPPRESSED]),
        _seconds(figures, 0.99),
        figures.top_reasons or "-",
    ]


def _seconds(figures: NamespaceFigures, share: float) -> str:
    seconds = figures.durations.percentile(share)
    return "-" if seconds is None else duration(seconds)


def _plain(name: str, figures: NamespaceFigures) -> Mapping[str, Any]:
    oldest = figures.oldest_open
    return {
        "namespace": name,
        "open": figures.open,
        "oldestOpen": oldest.isoformat() if oldest else None,
        "phases": dict(figures.phases),
        "reasons": dict(figures.reasons),
        "p50Seconds": figures.durations.percentile(0.5),
        "p95Seconds": figures.durations.percentile(0.95),
        "p99Seconds": figures.durations.percentile(0.99),
    }
