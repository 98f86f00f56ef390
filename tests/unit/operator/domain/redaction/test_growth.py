"""The time of each rule: linear in the length of hostile texts that begin what it matches again and again."""

import pytest

from notification_domain.redaction.families.headers import RULES as HEADERS
from notification_domain.redaction.rule import Rule, rule
from notification_domain.redaction.rules import RULES
from tests.cases import some
from tests.unit.operator.domain.redaction.growth import MOST, growth, units

PARTS = 8
(JWT,) = (each for each in HEADERS if each.name == "jwt")


@pytest.mark.parametrize("part", range(PARTS))
def test_time_of_each_rule_grows_no_faster_than_the_text(part: int) -> None:
    measured = [growth(rule, unit) for rule in RULES[part::PARTS] for unit in some(units(rule))]
    assert not [each for each in measured if each.ratio > MOST]


@pytest.mark.slow
def test_rule_that_reads_on_from_each_place_is_found() -> None:
    """A token may begin after each `_`, and each time the rule reads to the end of the text before it misses the dot."""
    quadratic = rule(
        "jwt", "eyj", JWT.pattern.pattern.replace(r"(?<![\w-]eyJ)", r"(?<![A-Za-z0-9]eyJ)"),
        example=JWT.example, counter_example="",
    )  # fmt: skip
    assert quadratic.pattern != JWT.pattern
    assert {"_eyJ", "-eyJ"} < set(units(quadratic))
    assert min(growth(quadratic, unit).ratio for unit in ("_eyJ", "-eyJ")) > MOST


def test_each_rule_is_tried_on_the_beginnings_of_its_match() -> None:
    def at_first(each: Rule) -> str:
        return units(each)[0]

    assert at_first(JWT) == "eyJ"
    assert all(len(units(each)) >= 28 for each in RULES)
