"""Receivers for a person: the list, and one with its conditions and replicas."""

from __future__ import annotations

from typing import TYPE_CHECKING

from notification_cli.output import conditions
from notification_cli.output.table import Column, Table
from notification_cli.views.receivers import circuit_in_words
from notification_cli.views.text import ago, clean, moment
from notification_contract.kinds.choices import ReceiverTestOutcome

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from notification_cli.output.screen import Screen, Span
    from notification_cli.views.format import Output
    from notification_cli.views.receivers import ReceiverView
    from notification_domain.receivers.status import Observation, ReplicaStatus

COLUMNS = (
    Column(title="NAMESPACE"),
    Column(title="NAME"),
    Column(title="TYPE", rank=2),
    Column(title="DEFAULT", rank=4),
    Column(title="READY"),
    Column(title="HEALTHY"),
    Column(title="LAST SUCCESS", rank=1),
    Column(title="FAILURES", rank=3),
    Column(title="CIRCUIT", rank=3),
    Column(title="FALLBACK", is_wide=True),
    Column(title="LAST ERROR", is_wide=True),
)
REPLICAS = (
    Column(title="REPLICA"),
    Column(title="LAST SUCCESS", rank=1),
    Column(title="LAST ATTEMPT", rank=3),
    Column(title="FAILURES"),
    Column(title="CIRCUIT"),
    Column(title="PROBLEM", rank=2),
)


class ReceiverTable:
    """Writes receivers page by page; without the namespace where there is only one."""

    def __init__(self, screen: Screen, output: Output, *, namespaces: bool) -> None:
        self._first = 0 if namespaces else 1
        self._table = Table(screen, COLUMNS[self._first :], output)

    def write(self, views: Sequence[ReceiverView], now: datetime) -> None:
        if views:
            self._table.write([_row(view, now)[self._first :] for view in views])


def _row(view: ReceiverView, now: datetime) -> list[Span | str]:
    observed = view.status.observed
    return [
        clean(view.key.namespace),
        clean(view.key.name),
        clean(view.type),
        "yes" if view.is_default else "",
        conditions.cell(view.ready),
        ("suspended", "dim") if view.suspended else conditions.cell(view.healthy),
        ago(observed.last_success, now),
        (str(observed.consecutive_failures), "yellow" if observed.consecutive_failures else ""),
        circuit_in_words(observed.circuit, now) or "-",
        view.fallback or "-",
        clean(observed.last_error) or "-",
    ]


def show(screen: Screen, view: ReceiverView, now: datetime) -> None:
    kind = f"  {clean(view.type)}" + (", the default of its type" if view.is_default else "")
    screen.line((clean(view.key), "bold"), kind, ("  suspended" if view.suspended else "", "yellow"))
    if view.description:
        screen.paragraph(clean(view.description))
    screen.paragraph(("Used by  ", "bold"), view.users)
    if view.fallback:
        screen.paragraph(("Fallback  ", "bold"), view.fallback)
    for limit in view.limits:
        screen.paragraph(("Limit  ", "bold"), clean(limit))
    if view.status.secret_version:
        screen.paragraph(("Secrets  ", "bold"), clean(view.status.secret_version))
    _observation(screen, view.status.observed, now)
    _test(screen, view)
    screen.line()
    if view.status.conditions:
        conditions.write_table(screen, view.status.conditions, now)
    else:
        screen.paragraph("No operator has reported about it yet.")
    if view.status.replicas:
        screen.line()
        Table(screen, REPLICAS).write([_replica(each, now) for each in view.status.replicas])


def _observation(screen: Screen, observed: Observation, now: datetime) -> None:
    success = f"{moment(observed.last_success)} UTC, " if observed.last_success else ""
    screen.line(("Last success  ", "bold"), f"{success}{ago(observed.last_success, now)}")
    if observed.last_error:
        screen.paragraph(("Last error  ", "bold"), clean(observed.last_error))


def _test(screen: Screen, view: ReceiverView) -> None:
    test = view.status.last_test
    if test is not None:
        style = "green" if test.outcome is ReceiverTestOutcome.SUCCEEDED else "bold red"
        screen.paragraph(
            ("Last test  ", "bold"),
            (test.outcome.value, style),
            f", requested {clean(test.requested_at)}: {clean(test.message)}",
        )
    if view.requested_test and (test is None or test.requested_at != view.requested_test):
        screen.paragraph(("Test  ", "bold"), f"requested {clean(view.requested_test)}, not answered yet")


def _replica(replica: ReplicaStatus, now: datetime) -> list[Span | str]:
    observed = replica.observed
    return [
        clean(replica.name),
        ago(observed.last_success, now),
        ago(observed.last_attempt, now),
        str(observed.consecutive_failures),
        circuit_in_words(observed.circuit, now) or "-",
        clean(": ".join(filter(None, (replica.problem, observed.last_error)))) or "-",
    ]
