"""PromQL expressions over the metrics of one operator. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

PREFIX = "kubernaut_notification_"
UNPREFIXED = ("audit_", "process_")
"""Beginnings of metric names that do not have the prefix."""
MINUTE = 60


def duration(seconds: int) -> str:
    """Return a duration in Prometheus syntax, in minutes if it is a multiple of a minute."""
    return f"{seconds // MINUTE}m" if seconds and seconds % MINUTE == 0 else f"{seconds}s"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Which operator the expressions select, and the range of their rates."""

    namespace: str
    """The operator's namespace, or a dashboard variable such as `$namespace`."""
    window: str
    """A range such as `5m`, or a dashboard variable."""

    def series(
        self, name: str, *, present: str = "", like: Mapping[str, str] = MappingProxyType({}), **labels: str
    ) -> str:
        """Return a selector of the metric's series with these labels, and with any value of the label `present`.

        `like` are regular expressions of values by label.
        """
        full = name if name.startswith(UNPREFIXED) else PREFIX + name
        matchers = {"namespace": self.namespace} | labels
        selectors = [f'{label}="{value}"' for label, value in matchers.items()]
        selectors += [f'{present}!=""'] if present else []
        selectors += [f'{label}=~"{pattern}"' for label, pattern in like.items()]
        return f"{full}{{{', '.join(selectors)}}}"

    def rate(
        self,
        name: str,
        *,
        by: str = "namespace",
        present: str = "",
        like: Mapping[str, str] = MappingProxyType({}),
        **labels: str,
    ) -> str:
        """Return the per-second rate of a counter, by the labels in `by`."""
        return total(f"rate({self.series(name, present=present, like=like, **labels)}[{self.window}])", by)

    def increase(self, name: str, window: str, *, by: str = "namespace") -> str:
        """Return the increase of a counter over a range such as `15m`, by the labels in `by`."""
        return total(f"increase({self.series(name)}[{window}])", by)

    def growth(self, name: str, window: str, *, by: str) -> str:
        """Return the increase of a counter whose series begin with their first event, which `increase` does not see."""
        series = self.series(name)
        return f"{self.increase(name, window, by=by)} > 0 or {total(f'{series} unless {series} offset {window}', by)}"

    def quantile(self, quantile: float, name: str, *, by: str = "namespace", present: str = "") -> str:
        """Return a quantile of a histogram, such as 0.95, by the labels in `by`."""
        buckets = self.rate(f"{name}_bucket", by=f"le, {by}", present=present)
        return f"histogram_quantile({quantile}, {buckets})"


def total(expression: str, by: str = "namespace") -> str:
    return f"sum by ({by}) ({expression})"


def minimum(expression: str, by: str = "namespace") -> str:
    return f"min by ({by}) ({expression})"


def maximum(expression: str, by: str = "namespace") -> str:
    return f"max by ({by}) ({expression})"
