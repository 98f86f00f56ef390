"""What a scenario returns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.bench.receivers.figures import Chart, Row


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """Rows of the table, and charts by the name of their file."""

    rows: Sequence[Row]
    charts: Mapping[str, Chart]
