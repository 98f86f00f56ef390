"""Writes the tables of the metrics of operator and gateway into docs/telemetry.md: `python -m tests.runner.metrics --write`."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

from prometheus_client.metrics import MetricWrapperBase

from notification_contract.settings import Audit
from notification_domain.flow_control.breaker import Limits
from notification_gateway.metrics import LastReceived
from notification_gateway.metrics import Metrics as GatewayMetrics
from notification_operator.observers.audit.observer import AuditObserver
from notification_runtime.telemetry.gauges import ReceiverGauges, WaitingGauges, publish
from notification_runtime.telemetry.metrics import PREFIX, Metrics
from tests.unit.operator.endpoints.calls import endpoints_of
from tools.generate.artifacts import ROOT, replace_block
from tools.generate.reference import ESCAPED

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from prometheus_client import CollectorRegistry, Metric

DOCUMENT: Final = ROOT / "docs" / "telemetry.md"
BLOCK: Final = "metrics, by make generate"
GATEWAY_BLOCK: Final = "metrics of the gateway, by make generate"
AUDIT: Final = "audit_"
"""The prefix of the audit trail's metrics, in every service."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """One metric, as Prometheus names it."""

    name: str
    kind: str
    labels: tuple[str, ...]
    text: str


def published() -> Iterator[Published]:
    """Yield each of the operator's metrics; those of Python and of the process are not among them."""
    metrics = Metrics()
    endpoints_of({}, limits=Limits()).publish(metrics.add_channel_gauge)
    unread = cast("Any", None)
    publish(
        metrics,
        queue=unread,
        attempts=unread,
        ownership=unread,
        routing=unread,
        unavailable=unread,
        loop=unread,
    )
    AuditObserver(Audit(), registry=metrics.registry)
    yield from _declared(metrics.registry)
    gauges = ReceiverGauges(lambda: (), drills_scheduled=False), WaitingGauges(metrics.waiting, clock=unread)
    for family in (family for each in gauges for family in each.describe()):
        yield _published(family, family)


def of_gateway() -> Iterator[Published]:
    """Yield each of the gateway's metrics; those of Python and of the process are not among them."""
    yield from _declared(GatewayMetrics().registry)
    yield from (_published(family, family) for family in LastReceived(dict).describe())


def _declared(registry: CollectorRegistry) -> Iterator[Published]:
    """Yield each metric of ours that a registry has as an object."""
    for collector in registry._collector_to_names:  # noqa: SLF001 - the client names none before it is used
        if isinstance(collector, MetricWrapperBase):
            (family,) = collector.describe()
            if family.name.startswith((PREFIX, AUDIT)):
                yield _published(family, collector)


def _published(family: Metric, labelled: MetricWrapperBase | Metric) -> Published:
    # The client shows the names of labels with values alone.
    labels = tuple(cast("Any", labelled)._labelnames)  # noqa: SLF001
    name = family.name + ("_total" if family.type == "counter" else "")
    return Published(name=name, kind=family.type, labels=labels, text=family.documentation)


def document(text: str) -> str:
    """Return the document's text with up-to-date tables."""
    return replace_block(replace_block(text, BLOCK, table(published())), GATEWAY_BLOCK, table(of_gateway()))


def table(metrics: Iterable[Published]) -> str:
    """Return one row per metric, in Markdown."""
    rows = (
        f"| `{each.name}` | {each.kind} | {', '.join(f'`{label}`' for label in each.labels)} | {each.text.translate(ESCAPED)} |"
        for each in sorted(metrics, key=lambda each: (each.name.startswith(AUDIT), each.name))
    )
    return "\n".join(["| name | type | labels | meaning |", "|---|---|---|---|", *rows])


if __name__ == "__main__":
    if sys.argv[1:] != ["--write"]:
        sys.exit("usage: python -m tests.runner.metrics --write")
    DOCUMENT.write_text(document(DOCUMENT.read_text("utf-8")), "utf-8")
