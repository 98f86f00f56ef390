"""The routing document as text: which texts are parsed, and which are rejected before they cost anything."""

from __future__ import annotations

import contextlib
import time
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from notification_contract.routing.document import (
    MAX_CHARACTERS,
    MAX_VALUES,
    check_document,
    read_table,
    render,
)
from notification_contract.routing.table import RoutingTable, RoutingTableError
from tests.cases import length

GOOD = """\
route:
  receiver: default
  routes:
    - receiver: oncall
      matchers: ['kubernaut.ai/severity="critical"']
receivers:
  - name: default
  - name: oncall
    channels: [slack, console]
"""


def problems_in(text: str) -> list[str]:
    with pytest.raises(RoutingTableError) as caught:
        read_table(text)
    return caught.value.problems


def test_valid_document_becomes_a_table() -> None:
    (match,) = read_table(GOOD).match({"kubernaut.ai/severity": "critical"})
    assert match.receiver.channels == ("slack", "console")


@pytest.mark.parametrize(
    "text",
    [
        "route: [",
        "a: b: c",
        "\t",
        "key: \x00",
        "[1]: {",
        "{[1]: 2}",
        "2001-99-99",
        "!!timestamp x",
        "!!bool maybe",
        "!!int x",
        "!!python/object/apply:os.system [ls]",
        "a: *nobody",
        "<<: 1",
        "[" * length(50_000),
        "- " * length(50_000),
    ],
    ids=lambda text: text[:16],
)
def test_invalid_yaml_is_one_problem_on_one_line(text: str) -> None:
    (problem,) = problems_in(text)
    assert problem.startswith("the document is not valid YAML: ")
    assert "\n" not in problem


@pytest.mark.parametrize("text", ["", "# nothing", "[]", "word", "3"])
def test_yaml_that_is_not_a_mapping_is_rejected(text: str) -> None:
    (problem,) = problems_in(text)
    assert problem.startswith("the document must be a mapping with route and receivers")


def test_document_longer_than_the_limit_is_rejected() -> None:
    filler = "#" * (MAX_CHARACTERS - len(GOOD))
    assert isinstance(read_table(GOOD + filler), RoutingTable)
    (problem,) = problems_in(GOOD + filler + "#")
    assert problem == f"the document has {MAX_CHARACTERS + 1} characters; use at most {MAX_CHARACTERS}"


def test_aliases_beyond_the_limit_of_values_are_rejected_quickly() -> None:
    levels = "\n".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 30))
    began = time.monotonic()
    (problem,) = problems_in(f"a0: &a0 [x]\n{levels}\n{GOOD}")
    assert problem == f"the document contains more than {MAX_VALUES} values; use fewer"
    assert time.monotonic() - began < 5


def test_document_that_contains_itself_is_rejected() -> None:
    (problem,) = problems_in(f"global: &me [*me]\n{GOOD}")
    assert problem == f"the document contains more than {MAX_VALUES} values; use fewer"


@given(st.text(alphabet=st.sampled_from("routerecivsnam:[]{}&*!<>|-?\"'#,\n \t0x_~%@`\\"), max_size=60))
def test_any_text_is_either_parsed_or_rejected(text: str) -> None:
    with contextlib.suppress(RoutingTableError):
        read_table(text)


def test_problems_of_a_valid_document_are_empty() -> None:
    document = yaml.safe_load(GOOD)
    assert check_document(document) == ((), ())
    assert yaml.safe_load(render(document)) == document


def test_problems_of_an_invalid_document_are_those_of_its_text() -> None:
    document = {"route": {"receiver": "default"}, "receivers": []}
    assert list(check_document(document)[0]) == problems_in(render(document))


def test_document_nested_too_deeply_is_rejected() -> None:
    document: dict[str, Any] = {}
    for _ in range(20_000):
        document = {"route": document}
    assert check_document(document)[0] == ("the document is nested too deeply",)


HUGE = "0x" + "f" * 6_000
"""An integer of more decimal digits than Python converts to text."""


@pytest.mark.parametrize(
    "text",
    [
        f"route: {HUGE}",
        f"{HUGE}: 1",
        f"route: {{receiver: {HUGE}}}\nreceivers: [{{name: a}}]",
        f"route: {{receiver: a, {HUGE}: 1}}\nreceivers: [{{name: a}}]",
        f"route: {{receiver: a, match: {{{HUGE}: x}}}}\nreceivers: [{{name: a}}]",
        f"route: {{receiver: a}}\nreceivers: [{{name: a, {HUGE}: 1}}]",
    ],
    ids=["route", "key", "receiver", "key-of-rule", "label", "key-of-receiver"],
)
def test_number_that_cannot_be_shown_is_a_problem_of_the_document(text: str) -> None:
    assert all("\n" not in problem for problem in problems_in(text))


def test_document_that_cannot_be_written_has_a_problem() -> None:
    ((problem,), _) = check_document({"route": object()})
    assert problem.startswith("the document cannot be written as YAML: ")
