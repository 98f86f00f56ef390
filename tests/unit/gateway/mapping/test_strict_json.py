"""JSON that two readers understand differently is refused; what a sender cut in the middle of a character is not."""

from __future__ import annotations

from typing import Any

import pytest

from notification_domain.mapping.strict_json import canonical, has_at_most, parse
from notification_domain.mapping.translation import Malformed


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b' {"a": [1, -2.5e3, true, null, "\\u00e9\\n"]} ', {"a": [1, -2500.0, True, None, "é\n"]}),
        (b'"\\ud83d"', "\ufffd"),
        (b'{"\\uDE00": "\\ud83d\\ude00 \\ud83d"}', {"\ufffd": "\U0001f600 \ufffd"}),
        (b'"\\\\ud83d"', "\\ud83d"),
        (b"9223372036854775807", 2**63 - 1),
        (b"9223372036854775808", float(2**63)),
        (b"-123456789012345678901234567890", -1.2345678901234568e29),
        (b"1" * 300, float("1" * 300)),
        (b"[" * 64 + b"]" * 64, None),
        (b"[" * 64 + b"1" + b"]" * 64, None),
        (b'{"a":' * 64 + b"1" + b"}" * 64, None),
    ],
)
def test_json_is_read(body: bytes, value: Any) -> None:
    read = parse(body)
    if value is not None:
        assert read == value


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"", "body is not JSON at line 1, column 1"),
        (b"{}{}", "body is not JSON"),
        (b"\xef\xbb\xbf{}", "body is not JSON"),
        (b"{'a': 1}", "body is not JSON"),
        (b'"\x01"', "body is not JSON"),
        (b'"\xff"', "body is not UTF-8 at byte 1"),
        (b'"\xed\xa0\x80"', "body is not UTF-8"),
        ('{"a": 1}'.encode("utf-16"), "body is not UTF-8"),
        (b"[NaN]", "body is NaN; it must be JSON, which has no such number"),
        (b"-Infinity", "body is -Infinity"),
        (b"1e999", "body is the number '1e999'"),
        (b"9" * 5000, "body is the number '99999"),
        (b'[{"a": 1, "b": {"c": 1, "c": 1}}]', "'c' is there twice in one object"),
        (b"[" * 65 + b"]" * 65, "body is nested too deeply; it must be JSON of at most 64 levels"),
        (b'{"a":' * 65 + b"1" + b"}" * 65, "body is nested too deeply"),
        (b"[" * 500_000, "body is"),
    ],
)
def test_other_text_is_malformed(body: bytes, problem: str) -> None:
    with pytest.raises(Malformed) as caught:
        parse(body)
    assert str(caught.value).startswith(problem)
    assert len(str(caught.value)) < 300


def test_canonical_json_has_one_order_and_no_spaces() -> None:
    assert canonical({"b": [1, "é"], "a": None}) == b'{"a":null,"b":[1,"\\u00e9"]}'


@pytest.mark.parametrize(
    ("value", "holds"),
    [
        (1, True),
        ([], True),
        ([1, 2, 3], True),
        ({"a": [1], "b": 2}, True),
        ([[[], []]], True),
        ([[[], [], 1]], False),
    ],
)
def test_values_are_counted_in_whatever_lists_and_objects(value: Any, *, holds: bool) -> None:
    assert has_at_most(3, value) is holds
