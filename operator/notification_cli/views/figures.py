"""NamespaceFigures of many notifications by namespace, counted one by one in memory that does not grow with their number."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from notification_cli.views.rows import created_at
from notification_cli.views.text import clean
from notification_contract.kinds.choices import Phase
from notification_domain.json_values import parse_time
from notification_domain.status import FINAL

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

PRECISION: Final = 1.02
"""Durations are counted in classes of two per cent, from a millisecond on."""
SHORTEST: Final = 0.001
REASONS: Final = 3
"""Reasons of failure that are shown."""


@dataclass(slots=True)
class Durations:
    """The distribution of durations, to within two per cent."""

    classes: Counter[int] = field(default_factory=Counter)

    def add(self, seconds: float) -> None:
        self.classes[round(math.log(max(seconds, SHORTEST) / SHORTEST, PRECISION))] += 1

    def percentile(self, share: float) -> float | None:
        """Return the duration that so many are not longer than; None without any."""
        rank, seen = math.ceil(share * self.classes.total()), 0
        for index in sorted(self.classes):
            seen += self.classes[index]
            if seen >= rank:
                return float(SHORTEST * PRECISION**index)
        return None


@dataclass(slots=True)
class NamespaceFigures:
    """The figures of one namespace, or of all."""

    phases: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    """Reasons of final notifications that were not delivered everywhere."""
    durations: Durations = field(default_factory=Durations)
    """Times from creation to the end, of delivered notifications."""
    oldest_open: datetime | None = None

    def add(self, obj: Mapping[str, Any]) -> None:
        status = obj.get("status") or {}
        phase = status.get("phase") or Phase.PENDING
        self.phases[clean(phase)] += 1
        created = created_at(obj)
        if phase not in FINAL:
            self.oldest_open = min(self.oldest_open or created, created)
        elif phase != Phase.SENT:
            self.reasons[clean(status.get("reason") or "unknown")] += 1
        elif status.get("completionTime"):
            self.durations.add((parse_time(status["completionTime"]) - created).total_seconds())

    @property
    def open(self) -> int:
        """How many are not final."""
        return sum(count for phase, count in self.phases.items() if phase not in FINAL)

    @property
    def top_reasons(self) -> str:
        return ", ".join(f"{reason} {count}" for reason, count in self.reasons.most_common(REASONS))
