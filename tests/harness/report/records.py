"""How each test of a run ended: kept as lines of JSON, so that several processes can tell one story."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What a failed test left: its objects as YAML, their Events, and the operator's log of that time."""

    objects: str = ""
    events: str = ""
    log: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One test. `check` is its catalogue id, empty for a test beside the catalogue; times in seconds."""

    test: str
    check: str = ""
    promise: str = ""
    passed: bool
    seconds: float
    message: str = ""
    evidence: list[Evidence] = field(default_factory=list)


def append(file: Path, record: Record) -> None:
    """Add a record to a file."""
    with file.open("a", encoding="utf-8") as lines:
        lines.write(json.dumps(asdict(record)) + "\n")


def read(file: Path) -> list[Record]:
    """Return the records of a file, none when it does not exist."""
    if not file.exists():
        return []
    return [_record(line) for line in file.read_text("utf-8").splitlines()]


def _record(line: str) -> Record:
    fields = json.loads(line)
    evidence = [Evidence(**entry) for entry in fields.pop("evidence")]
    return Record(**fields, evidence=evidence)


def failed(records: Iterable[Record]) -> list[Record]:
    """Return those that did not pass."""
    return [record for record in records if not record.passed]
