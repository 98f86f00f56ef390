"""The chaos scenarios: enough of them, with names of their own, chosen by words."""

from __future__ import annotations

from tests.chaos.catalogue import SCENARIOS, chosen


def test_scenarios_have_names_of_their_own() -> None:
    names = [each.name for each in SCENARIOS]
    assert len(names) == len(set(names)) >= 75


def test_scenarios_are_chosen_by_words_in_their_names() -> None:
    assert {each.name for each in chosen(["disk"], [])} == {"full-disk", "slow-disk"}
    assert {each.name for each in chosen(["disk"], ["slow"])} == {"full-disk"}
    assert len(chosen([], [])) == len(SCENARIOS)
