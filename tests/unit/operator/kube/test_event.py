"""An Event as the API server takes it: names, lengths, and what makes two of them the same."""

from __future__ import annotations

from dataclasses import replace

import pytest

from notification_operator.kube.event import LONGEST_NAME, LONGEST_NOTE, Event, Regarding, Type
from tests.unit.operator.domain.builders import at
from tests.unit.operator.kube_api import NAME

ORDER = Regarding(api_version="v1", kind="ConfigMap", namespace="shop", name="order-1", uid="uid-1")
EVENT = Event(regarding=ORDER, type=Type.NORMAL, reason="Sent", action="Deliver", note="Sent: done", at=at(0))


@pytest.mark.parametrize("name", ["a", "a" * 253, f"{'a' * 235}-{'b' * 17}", f"{'a' * 235}.{'b' * 17}"])
def test_the_name_of_an_event_is_valid_however_long_the_object_s_is(name: str) -> None:
    made = replace(EVENT, regarding=replace(ORDER, name=name)).name
    assert len(made) <= LONGEST_NAME
    assert NAME.fullmatch(made)
    assert made.startswith(name[:200])


def test_the_same_of_the_same_object_has_the_same_name_and_nothing_else_has() -> None:
    others = [
        replace(EVENT, note="Sent: else"),
        replace(EVENT, reason="Failed"),
        replace(EVENT, type=Type.WARNING),
        replace(EVENT, action="Look"),
        replace(EVENT, regarding=replace(ORDER, uid="uid-2")),
        replace(EVENT, regarding=replace(ORDER, kind="Pod")),
    ]
    assert replace(EVENT, at=at(60)).name == EVENT.name
    assert len({event.name for event in [EVENT, *others]}) == 7


@pytest.mark.parametrize("note", ["x" * 5000, "ä" * 700, "x" + "€" * 400, "\ud800" * 2000])
def test_a_long_note_is_cut_at_a_character_to_what_the_api_server_takes(note: str) -> None:
    cut = replace(EVENT, note=note).body("pod-1")["note"]
    assert LONGEST_NOTE - 6 < len(cut.encode()) <= LONGEST_NOTE
    assert cut.endswith("…")


def test_a_note_of_just_the_length_stays_as_it_is() -> None:
    assert replace(EVENT, note="x" * LONGEST_NOTE).body("pod-1")["note"] == "x" * LONGEST_NOTE


def test_an_object_whose_uid_nobody_knows_is_named_without_one() -> None:
    about = replace(EVENT, regarding=replace(ORDER, uid="")).body("pod-1")["regarding"]
    assert about == {"apiVersion": "v1", "kind": "ConfigMap", "namespace": "shop", "name": "order-1"}


def test_a_long_name_of_the_process_is_cut() -> None:
    assert len(EVENT.body("p" * 200)["reportingInstance"]) == 128
