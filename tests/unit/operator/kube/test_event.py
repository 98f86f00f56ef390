"""An Event as the API server accepts it: name, length limits, and what makes two Events equal."""

from __future__ import annotations

from dataclasses import replace

import pytest

from notification_runtime.kube.events import MAX_NAME, MAX_NOTE, Event, EventType, Regarding
from tests.unit.operator.domain.builders import at
from tests.unit.operator.kube_api import NAME

ORDER = Regarding(api_version="v1", kind="ConfigMap", namespace="shop", name="order-1", uid="uid-1")
EVENT = Event(
    regarding=ORDER, type=EventType.NORMAL, reason="Sent", action="Deliver", note="Sent: done", at=at(0)
)


@pytest.mark.parametrize("name", ["a", "a" * 253, f"{'a' * 235}-{'b' * 17}", f"{'a' * 235}.{'b' * 17}"])
def test_event_name_is_valid_for_an_object_name_of_any_length(name: str) -> None:
    result = replace(EVENT, regarding=replace(ORDER, name=name)).name
    assert len(result) <= MAX_NAME
    assert NAME.fullmatch(result)
    assert result.startswith(name[:200])


def test_name_is_that_of_one_occurrence() -> None:
    assert replace(EVENT).name == EVENT.name
    assert replace(EVENT, at=at(0.000001)).name != EVENT.name


def test_only_equal_events_of_one_object_repeat_each_other() -> None:
    others = [
        replace(EVENT, note="Sent: else"),
        replace(EVENT, reason="Failed"),
        replace(EVENT, type=EventType.WARNING),
        replace(EVENT, action="Look"),
        replace(EVENT, regarding=replace(ORDER, uid="uid-2")),
        replace(EVENT, regarding=replace(ORDER, kind="Pod")),
    ]
    assert replace(EVENT, at=at(60)).content == EVENT.content
    assert len({event.content for event in [EVENT, *others]}) == 7
    assert len({event.name for event in [EVENT, *others]}) == 7


@pytest.mark.parametrize("note", ["x" * 5000, "ä" * 700, "x" + "€" * 400, "\ud800" * 2000])
def test_long_note_is_truncated_at_a_character(note: str) -> None:
    cut = replace(EVENT, note=note).body("pod-1")["note"]
    assert MAX_NOTE - 6 < len(cut.encode()) <= MAX_NOTE
    assert cut.endswith("…")


def test_note_of_the_maximum_length_stays_whole() -> None:
    assert replace(EVENT, note="x" * MAX_NOTE).body("pod-1")["note"] == "x" * MAX_NOTE


def test_object_without_uid_is_referenced_without_one() -> None:
    about = replace(EVENT, regarding=replace(ORDER, uid="")).body("pod-1")["regarding"]
    assert about == {"apiVersion": "v1", "kind": "ConfigMap", "namespace": "shop", "name": "order-1"}


def test_long_instance_name_is_truncated() -> None:
    assert len(EVENT.body("p" * 200)["reportingInstance"]) == 128
