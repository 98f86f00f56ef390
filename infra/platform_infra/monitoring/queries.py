"""The operator's metrics in PromQL: of one operator, with rates over one span of time. Pure."""

from __future__ import annotations

from dataclasses import dataclass

PREFIX = "kubernaut_notification_"
WHOLE = ("audit_", "process_")
"""What the names of metrics begin with that do not have the prefix."""
MINUTE = 60


def duration(seconds: int) -> str:
    """Return a time as Prometheus writes it: in minutes where it comes out even."""
    return f"{seconds // MINUTE}m" if seconds and seconds % MINUTE == 0 else f"{seconds}s"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Whose metrics are asked for, and over which span rates are taken."""

    namespace: str
    """The operator's; or a variable of a dashboard, such as `$namespace`."""
    window: str
    """Such as `5m`; or a variable."""

    def series(self, name: str, **labels: str) -> str:
        """Return the series of a metric, all of them or those with these labels."""
        full = name if name.startswith(WHOLE) else PREFIX + name
        wanted = {"namespace": self.namespace} | labels
        selector = ", ".join(f'{label}="{value}"' for label, value in wanted.items())
        return f"{full}{{{selector}}}"

    def rate(self, name: str, *, by: str = "namespace", **labels: str) -> str:
        """Return by how much a counter rises in a second, for each value of the labels in `by`."""
        return total(f"rate({self.series(name, **labels)}[{self.window}])", by)

    def rise(self, name: str, span: str) -> str:
        """Return by how much a counter has risen in a span of time."""
        return total(f"increase({self.series(name)}[{span}])")

    def quantile(self, share: float, name: str, *, by: str = "namespace") -> str:
        """Return the time below which this share of a histogram's times lies."""
        buckets = self.rate(f"{name}_bucket", by=f"le, {by}")
        return f"histogram_quantile({share}, {buckets})"


def total(expression: str, by: str = "namespace") -> str:
    """Return the sum for each value of the labels in `by`."""
    return f"sum by ({by}) ({expression})"


def most(expression: str, by: str = "namespace") -> str:
    """Return the greatest value for each value of the labels in `by`."""
    return f"max by ({by}) ({expression})"
