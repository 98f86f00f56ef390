"""Conditions of an object for a person: one in a few words, and all of them as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from notification_cli.output.table import Column, Table
from notification_cli.views.receivers import in_words
from notification_cli.views.text import ago, clean
from notification_contract.kinds.choices import ConditionStatus

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from notification_cli.output.screen import Screen, Span
    from notification_domain.conditions import Condition

COLUMNS = (
    Column(title="CONDITION"),
    Column(title="STATUS"),
    Column(title="REASON", rank=1),
    Column(title="SINCE", rank=3),
    Column(title="MESSAGE", rank=2),
)


def cell(condition: Condition) -> Span:
    style = {ConditionStatus.TRUE: "green", ConditionStatus.FALSE: "bold red"}.get(condition.status, "dim")
    return in_words(condition), style if condition.type else ""


def write_table(screen: Screen, conditions: Iterable[Condition], now: datetime) -> None:
    Table(screen, COLUMNS).write([_row(each, now) for each in conditions])


def _row(condition: Condition, now: datetime) -> list[Span | str]:
    return [
        clean(condition.type),
        (condition.status.value, cell(condition)[1]),
        clean(condition.reason) or "-",
        ago(condition.last_transition_time, now),
        clean(condition.message) or "-",
    ]
