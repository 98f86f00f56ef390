"""The table of groups at the end of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table

from tests.stack.catalogue import CATALOGUE, GROUPS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from tests.harness.report.records import Record


def print_table(console: Console, records: Sequence[Record]) -> None:
    """Print one row per group with passed/total, then the number of all checks that passed."""
    by_check = {record.check: record for record in records if record.check}
    table = Table("group", "passed", "seconds", "failed", box=None, pad_edge=False)
    for group in GROUPS:
        ids = [check for check in CATALOGUE if check.group == group]
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
    """Return `117/117`, or less; checks that were not run count as not passed."""
    checks = [record for record in records if record.check]
    passed = sum(record.passed for record in checks)
    chosen = "" if len(checks) == len(CATALOGUE) else f" ({len(checks)} run)"
    return f"{passed}/{len(CATALOGUE)}{chosen}"


def _score(passed: int, total: int) -> str:
    return f"{passed}/{total}" if passed == total else f"[red]{passed}/{total}[/red]"
