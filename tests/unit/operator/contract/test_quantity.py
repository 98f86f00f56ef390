"""Quantities as Kubernetes writes them."""

import re
from decimal import Decimal

import pytest

from notification_contract.quantity import PATTERN, amount


@pytest.mark.parametrize(
    ("quantity", "expected"),
    [
        ("0", "0"),
        ("1500m", "1.5"),
        ("96Mi", "100663296"),
        ("1.5Gi", "1610612736"),
        ("2k", "2000"),
        ("1T", "1e12"),
    ],
)
def test_quantity_stands_for_a_number(quantity: str, expected: str) -> None:
    assert re.fullmatch(PATTERN, quantity)
    assert amount(quantity) == Decimal(expected)
