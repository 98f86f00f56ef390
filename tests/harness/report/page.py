"""The report as one self-contained HTML page: promise, result and time of each check, and the evidence of failures."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from tests.harness.report.records import failed
from tests.harness.report.table import closing_line
from tests.stack.catalogue import BY_ID, GROUPS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.harness.report.records import Record

UNLISTED = "not in the catalogue"


def write_page(file: Path, records: Sequence[Record]) -> None:
    """Write the page."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(render(records, at=datetime.now(UTC)), "utf-8", errors="backslashreplace")


def render(records: Sequence[Record], *, at: datetime) -> str:
    """Return the page's text."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    checks = [record for record in records if record.check]
    ran = {record.check for record in checks}
    return environment.get_template("page.html.j2").render(
        at=at.strftime("%Y-%m-%d %H:%M:%S UTC"),
        closing=closing_line(records),
        seconds=sum(record.seconds for record in records),
        passed=bool(records) and not failed(records),
        failures=failed(records),
        groups=_groups(records),
        missing=[check for check in BY_ID.values() if check.id not in ran],
    )


def _groups(records: Sequence[Record]) -> list[tuple[str, list[Record]]]:
    """Return the records by group, in the catalogue's order; others last."""
    order = {group: position for position, group in enumerate((*GROUPS, UNLISTED))}
    by_group = sorted(records, key=lambda record: (order[_group(record)], record.check, record.test))
    return [(group, list(members)) for group, members in itertools.groupby(by_group, _group)]


def _group(record: Record) -> str:
    return record.check.rpartition("-")[0] or UNLISTED
