"""The table of groups at the end of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table

from tests.stack.catalogue import BY_ID, CATALOGUES, GROUPS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from tests.harness.report.records import Record
    from tests.stack.catalogue import Check


def print_table(console: Console, records: Sequence[Record]) -> None:
    """Print one row per group with passed/total, then the number of all checks that passed."""
    by_check = {record.check: record for record in records if record.check}
    table = Table("group", "passed", "seconds", "failed", box=None, pad_edge=False)
    for group in GROUPS:
        ids = [check for check in BY_ID.values() if check.group == group]
        ran = [by_check[check.id] for check in ids if check.id in by_check]
        if ran:
            passed = sum(record.passed for record in ran)
            bad = " ".join(record.check for record in ran if not record.passed)
            took = sum(record.seconds for record in ran)
            table.add_row(group, _score(passed, len(ids)), f"{took:.0f}", f"[red]{bad}[/red]")
    console.print(table)
    unlisted = [record for record in records if not record.check]
    if unlisted:
        console.print(f"not in the catalogue {_score(sum(r.passed for r in unlisted), len(unlisted))}")
    console.print(closing_line(records))


def closing_line(records: Sequence[Record]) -> str:
    """Return `117/117 · receivers 150/150 · sources 11/11`, or less; checks that were not run count as not passed.

    A part from which no check was run is left out, except the first one.
    """
    ran = {
        name: [record for record in records if record.check in {check.id for check in checks}]
        for name, checks in CATALOGUES.items()
    }
    return " · ".join(
        f"{name} {_passed(ran[name], checks)}".strip()
        for name, checks in CATALOGUES.items()
        if ran[name] or not name
    )


def _passed(ran: Sequence[Record], checks: Sequence[Check]) -> str:
    passed = sum(record.passed for record in ran)
    chosen = "" if len(ran) == len(checks) else f" ({len(ran)} run)"
    return f"{passed}/{len(checks)}{chosen}"


def _score(passed: int, total: int) -> str:
    return f"{passed}/{total}" if passed == total else f"[red]{passed}/{total}[/red]"
