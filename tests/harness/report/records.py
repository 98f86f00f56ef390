"""The result of each test of a run, as lines of JSON, which several processes add to."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    import pytest

ATTRIBUTE = "suite_details"
"""The attribute of pytest's report that carries details from a worker to the reporting process."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What a failed test leaves: its objects as YAML, their Events, and the operator's log of that time."""

    objects: str = ""
    events: str = ""
    log: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Details:
    """What pytest does not know about a test."""

    check: str = ""
    promise: str = ""
    evidence: list[Evidence] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One test. `check` is its catalogue id, empty for a test outside of the catalogue; times in seconds."""

    test: str
    check: str = ""
    promise: str = ""
    passed: bool
    seconds: float
    message: str = ""
    evidence: list[Evidence] = field(default_factory=list)


def attach(report: pytest.TestReport, details: Details) -> None:
    """Put details on a report, as plain values."""
    setattr(report, ATTRIBUTE, asdict(details))


def details_of(report: pytest.TestReport) -> Details:
    """Return the details of a report; a test whose process died has none."""
    fields = getattr(report, ATTRIBUTE, None) or {"promise": report.nodeid.rpartition("::")[2]}
    return Details(**fields | {"evidence": [Evidence(**entry) for entry in fields.get("evidence", [])]})


def append(file: Path, record: Record) -> None:
    """Add a record to a file."""
    with file.open("a", encoding="utf-8") as lines:
        lines.write(json.dumps(asdict(record)) + "\n")


def read(file: Path) -> list[Record]:
    """Return the records of a file, none if it does not exist."""
    return [_record(line) for line in file.read_text("utf-8").splitlines()] if file.exists() else []


def _record(line: str) -> Record:
    fields = json.loads(line)
    return Record(**fields | {"evidence": [Evidence(**entry) for entry in fields["evidence"]]})


def failed(records: Iterable[Record]) -> list[Record]:
    """Return those that did not pass."""
    return [record for record in records if not record.passed]
