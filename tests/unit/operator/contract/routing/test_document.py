"""The routing document as text: what can be read, and what is refused before it costs anything."""

from __future__ import annotations

import contextlib
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notification_contract.routing.document import LONGEST, MOST_VALUES, read_table
from notification_contract.routing.table import RoutingTable, RoutingTableError

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


def problems_of(text: str) -> list[str]:
    with pytest.raises(RoutingTableError) as caught:
        read_table(text)
    return caught.value.problems


def test_a_document_becomes_a_table() -> None:
    (choice,) = read_table(GOOD).choose({"kubernaut.ai/severity": "critical"})
    assert choice.receiver.channels == ("slack", "console")


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
        "[" * 50_000,
        "- " * 50_000,
    ],
    ids=lambda text: text[:16],
)
def test_what_is_no_yaml_is_one_problem_that_says_so_in_one_line(text: str) -> None:
    (problem,) = problems_of(text)
    assert problem.startswith("the document is not YAML: ")
    assert "\n" not in problem


@pytest.mark.parametrize("text", ["", "# nothing", "[]", "word", "3"])
def test_yaml_that_is_no_mapping_is_refused(text: str) -> None:
    (problem,) = problems_of(text)
    assert problem.startswith("the document must be a mapping with route and receivers")


def test_a_document_of_the_longest_length_is_read_and_a_longer_one_is_not() -> None:
    filler = "#" * (LONGEST - len(GOOD))
    assert isinstance(read_table(GOOD + filler), RoutingTable)
    (problem,) = problems_of(GOOD + filler + "#")
    assert problem == f"the document has {LONGEST + 1} characters; use at most {LONGEST}"


def test_aliases_that_stand_for_more_than_can_be_held_are_refused_at_once() -> None:
    levels = "\n".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 30))
    began = time.monotonic()
    (problem,) = problems_of(f"a0: &a0 [x]\n{levels}\n{GOOD}")
    assert problem == f"the document holds more than {MOST_VALUES} values; use fewer"
    assert time.monotonic() - began < 5


def test_a_document_that_contains_itself_is_refused() -> None:
    (problem,) = problems_of(f"global: &me [*me]\n{GOOD}")
    assert problem == f"the document holds more than {MOST_VALUES} values; use fewer"


@given(st.text(alphabet=st.sampled_from("routerecivsnam:[]{}&*!<>|-?\"'#,\n \t0x_~%@`\\"), max_size=60))
def test_whatever_the_text_is_it_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(RoutingTableError):
        read_table(text)
