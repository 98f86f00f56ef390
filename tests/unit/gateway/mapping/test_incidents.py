"""The incident that the messages of a source report: events and keys by the mapping, of every type."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from notification_contract.sources.source import SourceSpecError
from notification_domain.rendering.texts import render_texts
from tests.unit.gateway.mapping.builders import alert, alertmanager, only, post, source

if TYPE_CHECKING:
    from notification_domain.mapping import Notification

STATES = {"open": "Trigger", "seen": "Acknowledge", "closed": "Resolve"}


def mapped(path: str, **mapping: Any) -> dict[str, Any]:
    key = "{{ payload.%s }}" % path.replace("state", "key")  # noqa: UP031 - braces of a template
    return {"mapping": {"event": {"fromPath": path, "map": STATES}, "dedupKey": key, **mapping}}


def event(state: str) -> dict[str, Any]:
    data = {"state": state, "key": "shop/db-1"}
    return {"specversion": "1.0", "id": state, "source": "/shop", "type": "incident", "data": data}


def complete(kind: str, content: Any, name: str = "alerts", **spec: Any) -> Notification:
    of = source(kind, identity={"name": name, "uid": name}, **spec)
    media_type = "application/cloudevents+json" if kind == "cloudevents" else "application/json"
    made = only(of, post(content, content_type=media_type))
    if not made.templates:
        return made
    result = render_texts(templates=made.templates, values=made.data)
    return made.with_texts(result["texts"], result["problems"])


CASES = {
    "alertmanager": ({}, alertmanager(alert()), alertmanager(alert(resolved="2026-03-01T11:30:00Z"))),
    "generic": (mapped("data.state"), event("open"), event("closed")),
    "cloudevents": (mapped("data.state"), event("open"), event("closed")),
    "slack": (
        mapped("state"),
        {"text": "a", "state": "open", "key": "shop/db-1"},
        {"text": "b", "state": "closed", "key": "shop/db-1"},
    ),
}


@pytest.mark.parametrize("kind", CASES)
def test_trigger_and_its_resolve_report_one_incident(kind: str) -> None:
    spec, begins, ends = CASES[kind]
    trigger, resolve = complete(kind, begins, **spec), complete(kind, ends, **spec)
    assert [trigger.spec["event"], resolve.spec["event"]] == ["Trigger", "Resolve"]
    assert trigger.name != resolve.name
    assert trigger.spec["dedupKey"] == resolve.spec["dedupKey"]
    assert "kubernaut.ai/source-note" not in trigger.annotations


def test_key_of_the_mapping_is_literal_and_the_same_from_two_clusters() -> None:
    spec = mapped("data.state")
    made = [complete("generic", event("open"), name, **spec) for name in ("east", "west")]
    assert [each.spec["dedupKey"] for each in made] == ["shop/db-1"] * 2


def test_key_of_more_than_255_characters_is_replaced_by_its_hash() -> None:
    keys = {
        complete("generic", event(state), mapping={"dedupKey": "k" * 256}).spec["dedupKey"]
        for state in STATES
    }
    assert [len(key) for key in keys] == [64]


@pytest.mark.parametrize(
    ("content", "note"),
    [
        (event("odd"), 'counts as Trigger: data.state has "odd", which is not in mapping.event.map'),
        ({"data": {"key": "k"}}, "counts as Trigger: data.state has no value"),
        ({"data": {"state": "open", "key": ""}}, "no dedupKey set: it produces no text"),
    ],
)
def test_message_without_an_event_or_key_arrives_with_a_note(content: Any, note: str) -> None:
    made = complete("generic", content, **mapped("data.state"))
    assert made.annotations["kubernaut.ai/source-note"] == note
    assert made.spec["body"].endswith(f"\n{note}")


@pytest.mark.parametrize(
    ("kind", "mapping"),
    [
        ("alertmanager", {"dedupKey": "a"}),
        ("heartbeat", {"dedupKey": "a"}),
        ("generic", {"event": {"fromPath": "a", "map": {"b": "Trigger"}}}),
        ("generic", {"dedupKey": "a", "event": {"fromPath": "a", "map": {"b": "Opened"}}}),
        ("generic", {"dedupKey": "a", "event": {"fromPath": "a", "map": {}}}),
    ],
)
def test_mapping_of_incidents_that_has_no_effect_is_refused(kind: str, mapping: dict[str, Any]) -> None:
    with pytest.raises(SourceSpecError):
        source(kind, mapping=mapping)
