"""Conditions on labels: their syntax, and when they hold."""

import time

import pytest

from notification_contract.routing.matchers import Operator, matcher, parse_matchers


@pytest.mark.parametrize(
    ("operator", "value", "label", "holds"),
    [
        ("=", "critical", "critical", True),
        ("=", "critical", "Critical", False),
        ("=", "critical", None, False),
        ("=", "", None, True),
        ("!=", "critical", "high", True),
        ("!=", "critical", "critical", False),
        ("!=", "critical", None, True),
        ("!=", "", None, False),
        ("=~", "critical|high", "high", True),
        ("=~", "critical|high", "higher", False),
        ("=~", "critical|high", "not-critical", False),
        ("=~", "^crit.*$", "critical", True),
        ("=~", "a|b", "ab", False),
        ("=~", ".*", None, True),
        ("=~", ".+", None, False),
        ("=~", "high", "high\n", False),
        ("!~", "prod.*", "production", False),
        ("!~", "prod", "production", True),
        ("!~", "prod.*", None, True),
        ("!~", ".*", None, False),
    ],
)
def test_condition_holds_as_in_alertmanager(
    operator: str, value: str, label: str | None, *, holds: bool
) -> None:
    condition = matcher("severity", Operator(operator), value)
    labels = {"other": "x"} | ({} if label is None else {"severity": label})
    assert condition.holds(labels) is holds


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('severity="critical"', [("severity", "=", "critical")]),
        ("severity=critical", [("severity", "=", "critical")]),
        ('severity =~ "critical|high"', [("severity", "=~", "critical|high")]),
        ("env!=prod", [("env", "!=", "prod")]),
        ('env!~"prod|staging"', [("env", "!~", "prod|staging")]),
        ('kubernaut.ai/skip-reason="Busy"', [("kubernaut.ai/skip-reason", "=", "Busy")]),
        ('"kubernaut.ai/skip-reason"="Busy"', [("kubernaut.ai/skip-reason", "=", "Busy")]),
        ('{a="1", b=~"2,3"}', [("a", "=", "1"), ("b", "=~", "2,3")]),
        ("a=1,b=2,", [("a", "=", "1"), ("b", "=", "2")]),
        ('a=""', [("a", "=", "")]),
        ("a=", [("a", "=", "")]),
        (r'a="say \"hi\" \\ \n"', [("a", "=", 'say "hi" \\ \n')]),
        ("a = two words ", [("a", "=", "two words")]),
        ("a==b", [("a", "=", "=b")]),
        ("{}", []),
        ("  ", []),
    ],
)
def test_conditions_are_parsed_from_text(text: str, expected: list[tuple[str, str, str]]) -> None:
    assert [(m.label, m.operator.value, m.value) for m in parse_matchers(text)] == expected


@pytest.mark.parametrize(
    "text",
    ["severity", "=x", '="x"', '"unclosed=x', 'a="unclosed', 'a="x" b="y"', "a=x{1}", "1a=x", "a=1,,b=2"],
)
def test_invalid_condition_is_rejected_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match=r"cannot parse .*; write it like severity=~"):
        parse_matchers(text)


@pytest.mark.parametrize("operator", ["=~", "!~"])
def test_invalid_expression_is_rejected_with_the_reason(operator: str) -> None:
    with pytest.raises(ValueError, match=r"invalid regular expression '\(a': missing \)"):
        parse_matchers(f'severity{operator}"(a"')


def test_condition_is_shown_in_its_own_syntax() -> None:
    assert str(parse_matchers("severity =~ a|b")[0]) == 'severity=~"a|b"'


@pytest.mark.parametrize(
    ("expression", "value", "holds"),
    [
        ("a|ab", "ab", True),
        ("(?i)HIGH", "high", True),
        ("(?P<team>[a-z]+)-[0-9]+", "shop-1", True),
        (r"[[:alpha:]]+", "shop", True),
        (r"\pL+", "shop", True),
        (r"\A high \z", " high ", True),
        ("high$", "high\n", False),
        (".+", "a\nb", False),
        (r"\d+", "\u0663", False),
        (r"\w+", "\u00e9", False),
    ],
)
def test_expression_has_the_semantics_of_re2(expression: str, value: str, *, holds: bool) -> None:
    assert matcher("team", Operator.MATCHES, expression).holds({"team": value}) is holds


@pytest.mark.parametrize(
    "expression",
    [
        "a(?=b)",
        "(?<!a)b",
        r"(a)\1",
        "(?P<x>a)(?P=x)",
        "a++",
        "(?>a)",
        r"a\Z",
        r"\u00e9",
        "(?x)a",
        "(?#note)a",
        "a{1001}",
        "((a{900}){900})",
        "\ud800",
    ],
)
def test_expression_outside_of_re2_is_rejected_with_a_hint(expression: str) -> None:
    with pytest.raises(ValueError, match=r"^invalid regular expression .*; write it in the syntax of RE2$"):
        matcher("team", Operator.MATCHES, expression)


@pytest.mark.parametrize("expression", ["([a-z]+-?)+", "(a|a)*", "(a*)*", "(.*)*,"])
def test_hostile_value_costs_no_more_than_a_friendly_one(expression: str) -> None:
    condition = matcher("team", Operator.MATCHES, expression)
    began = time.perf_counter()
    condition.holds({"team": "a" * 62 + "!"})
    assert time.perf_counter() - began < 0.1
