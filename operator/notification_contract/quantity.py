"""Quantities as Kubernetes writes them, such as `96Mi`. Pure."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

PATTERN: Final = r"[0-9]+(\.[0-9]+)?(m|k|M|G|T|Ki|Mi|Gi|Ti)?"

UNITS: Final = {
    "m": Decimal("0.001"),
    "": Decimal(1),
    "k": Decimal(1000),
    "M": Decimal(10**6),
    "G": Decimal(10**9),
    "T": Decimal(10**12),
    **{f"{unit}i": Decimal(1024**power) for power, unit in enumerate("KMGT", start=1)},
}
"""Factors of the suffixes of a quantity."""


def amount(quantity: str) -> Decimal:
    """Return the number that a quantity stands for."""
    number = quantity.rstrip("".join(UNITS))
    return Decimal(number) * UNITS[quantity.removeprefix(number)]
