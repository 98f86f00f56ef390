"""What rides on pytest's own report of a test from a worker to the process that reports: plain values only."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

from tests.harness.report.records import Evidence

if TYPE_CHECKING:
    import pytest

ATTRIBUTE = "suite_told"


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What pytest does not know of a test."""

    check: str = ""
    promise: str = ""
    evidence: list[Evidence] = field(default_factory=list)


def attach(report: pytest.TestReport, told: Told) -> None:
    """Put it on a report."""
    setattr(report, ATTRIBUTE, asdict(told))


def told_by(report: pytest.TestReport) -> Told:
    """Take it from a report; a test whose process died has told nothing."""
    fields = getattr(report, ATTRIBUTE, None) or {"promise": report.nodeid.rpartition("::")[2]}
    evidence = [Evidence(**entry) for entry in fields.get("evidence", [])]
    return Told(check=fields.get("check", ""), promise=fields["promise"], evidence=evidence)
