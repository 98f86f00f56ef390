"""One alert rule in Prometheus's format. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from platform_infra import names


class Severity(StrEnum):
    """How soon an engineer must act: immediately, or during working hours."""

    CRITICAL = "critical"
    WARNING = "warning"


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One rule; its page in docs/runbooks has its name."""

    name: str
    expression: str
    severity: Severity
    summary: str
    description: str
    hold: str = "0s"

    def document(self, runbooks: str) -> dict[str, Any]:
        """Return the rule in Prometheus's format; `runbooks` is the base URL of the runbooks, or empty.

        Without it, the description names the page, because `runbook_url` has to be a URL.
        """
        page = f"{self.name}.md"
        runbook = (
            {"description": self.description, "runbook_url": f"{runbooks.rstrip('/')}/{page}"}
            if runbooks
            else {"description": f"{self.description} Runbook: docs/runbooks/{page}"}
        )
        return {
            "alert": self.name,
            "expr": self.expression,
            "for": self.hold,
            "labels": {"severity": str(self.severity), "part_of": names.PROJECT},
            "annotations": {"summary": self.summary, **runbook},
        }
