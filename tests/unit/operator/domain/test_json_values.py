"""Values of a document that anybody may have written."""

from datetime import UTC, datetime

import pytest

from notification_domain import json_values as values
from notification_domain.json_values import LATEST_TIME
from tests.unit.operator.domain.builders import START


def test_values_of_another_type_have_a_default() -> None:
    for wrong in (None, 5, "x", [1], {"a": 1}, True):
        assert values.mapping(wrong) == (wrong if isinstance(wrong, dict) else {})
        assert list(values.entries(wrong)) == (wrong if isinstance(wrong, list) else [])
        assert values.text(wrong) == (wrong if isinstance(wrong, str) else "")


@pytest.mark.parametrize(
    ("value", "expected"), [(7, 7), (7.0, 7), (7.5, None), (True, None), ("7", None), (float("nan"), None)]
)
def test_whole_number_is_read_in_both_notations(value: object, expected: int | None) -> None:
    assert values.integer(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (3, 3),
        (0.5, 0.5),
        (1e300, 10),
        (float("inf"), 10),
        (-1, 0),
        (float("nan"), None),
        (True, None),
        ("3", None),
    ],
)
def test_number_is_clamped(value: object, expected: float | None) -> None:
    assert values.number(value, most=10) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2026-03-01T13:00:00+01:00", START),
        # The API server admits both letters in lower case.
        ("2026-03-01t12:00:00z", START),
        ("2026-03-01t12:00:00.000z", START),
        ("0001-01-01T00:00:00Z", values.EARLIEST_TIME),
        ("0001-01-01T00:00:00+14:00", None),
        ("9999-12-31T23:59:59Z", LATEST_TIME),
        ("yesterday", None),
        ("", None),
        (5, None),
    ],
)
def test_time_is_clamped(value: object, expected: datetime | None) -> None:
    assert values.moment(value) == expected
    assert datetime(2500, 1, 1, tzinfo=UTC) < LATEST_TIME
