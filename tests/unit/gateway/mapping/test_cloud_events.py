"""CloudEvents by the library of their project: binary, structured and batch."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from cloudevents.core.bindings.http import to_binary_event, to_structured_event
from cloudevents.core.v1.event import CloudEvent

from notification_domain.mapping import Malformed, Translation, UnsupportedType, translate
from tests.unit.gateway.mapping.builders import only, post, source

if TYPE_CHECKING:
    from cloudevents.core.bindings.http import HTTPMessage

    from notification_domain.mapping import Post

SOURCE = source("cloudevents")
STRUCTURED = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
REQUIRED = {"specversion": "1.0", "id": "e-1", "source": "/shop", "type": "com.example.order"}
HEADERS = {f"ce-{name}": value for name, value in REQUIRED.items()}


def event(data: Any = None, **attributes: Any) -> dict[str, Any]:
    return {**REQUIRED, **attributes} | ({} if data is None else {"data": data})


def structured(content: Any, content_type: str = STRUCTURED) -> Post:
    return post(content, content_type=content_type)


def sent(message: HTTPMessage) -> Post:
    headers = {name.lower(): value for name, value in message.headers.items()}
    return post(message.body, headers, content_type=headers.get("content-type", ""))


def test_event_of_the_library_is_the_same_in_both_modes() -> None:
    made = CloudEvent(
        {
            "id": "ü 1",
            "source": "/shop",
            "type": "order",
            "subject": "42",
            "datacontenttype": "application/json",
        },
        {"total": 5},
    )
    first, second = (only(SOURCE, sent(mode(made))) for mode in (to_binary_event, to_structured_event))
    assert first == second
    assert first.data["payload"]["id"] == "ü 1"
    assert first.spec["subject"] == "order: 42"
    assert first.spec["body"].endswith('\n\n{\n  "total": 5\n}')


def test_built_in_text_shows_source_time_and_data() -> None:
    made = only(SOURCE, structured(event("paid", time="2026-03-01T12:00:00Z")))
    assert made.spec == {
        "type": "simple",
        "priority": "medium",
        "subject": "com.example.order",
        "body": "source: /shop\ntime: 2026-03-01T12:00:00+00:00\n\npaid",
    }
    assert made.labels == {"kubernaut.ai/source": "alerts"}
    assert made.data == {"payload": event("paid", time="2026-03-01T12:00:00+00:00")}


def test_event_without_a_time_gets_none() -> None:
    for what in (structured(event()), post(b"", HEADERS)):
        assert "time" not in only(SOURCE, what).data["payload"]


def test_name_is_that_of_source_id_and_the_event_source() -> None:
    specs = [event(), event(id="e-2"), event(source="/other"), event(source="/shope", id="-1")]
    names = [only(SOURCE, structured(each)).name for each in specs]
    names.append(only(source("cloudevents", identity={"uid": "u-2"}), structured(event())).name)
    assert len(set(names)) == 5
    assert all(each.startswith("ce-") and len(each) == 23 for each in names)
    repeated = only(SOURCE, post(b'{"other": "data"}', HEADERS, seconds=1e6))
    assert (repeated.name, repeated.previous_name) == (names[0], None)


def test_batch_becomes_a_notification_for_each_event_once() -> None:
    batch = [event("first"), event("second", id="e-2"), event("again")]
    translation = translate(SOURCE, structured(batch, f"{BATCH}; charset=utf-8"))
    assert [each.data["payload"]["data"] for each in translation.notifications] == ["first", "second"]


def test_filter_priority_and_labels_take_dotted_paths() -> None:
    of = source(
        "cloudevents",
        filter=['data.env=~"prod.*"'],
        mapping={
            "priority": {"fromLabel": "data.severity", "map": {"1": "critical"}},
            "labels": {"include": ["data.env", "type", "data.tags.1"]},
        },
    )
    kept = event({"env": "prod-eu", "severity": 1, "tags": ["a", "b c"]})
    dropped = event({"env": "test"}, id="e-2")
    translation = translate(of, structured([kept, dropped], BATCH))
    (made,) = translation.notifications
    assert translation.filtered == 1
    assert made.spec["priority"] == "critical"
    assert made.labels == {
        "kubernaut.ai/env": "prod-eu",
        "kubernaut.ai/type": "com.example.order",
        "kubernaut.ai/1": "b_c",
        "kubernaut.ai/source": "alerts",
    }
    assert made.spec["metadata"]["data.tags.1"] == "b c"
    assert translate(of, structured(dropped)) == Translation(filtered=1)


@pytest.mark.parametrize(
    ("what", "shown"),
    [
        (post(b"\xff\xfe\x00", HEADERS, content_type="image/png"), "binary, 3 bytes"),
        (post("€".encode(), HEADERS, content_type="text/plain"), "€"),
        (post({"a": 1}, HEADERS, content_type="Application/JSON ; charset=utf-8"), {"a": 1}),
        (post([1], HEADERS, content_type=""), [1]),
        (post({"a": 1}, HEADERS, content_type="application/vnd.a+json"), {"a": 1}),
        (post(b"null", HEADERS), None),
        (structured(event(data_base64="/////w==")), "binary, 4 bytes"),
        (structured(event(None, subject=None)), None),
    ],
)
def test_data_is_shown_as_far_as_it_is_text(what: Post, shown: Any) -> None:
    assert only(SOURCE, what).data["payload"].get("data") == shown


@pytest.mark.parametrize(
    ("what", "problem"),
    [
        (post({}, content_type="application/json"), "ce-specversion is absent; it must be a text"),
        (post(b"", HEADERS | {"ce-id": ""}), 'ce-id is ""; it must be a text'),
        (
            post(b"", HEADERS | {"ce-specversion": "0.3"}),
            'ce-specversion is "0.3"; it must be as CloudEvents',
        ),
        (post(b"", HEADERS | {"ce-time": "soon"}), 'ce-time is "soon"; it must be a time as in RFC 3339'),
        (post(b"", HEADERS | {"ce-my-ext": "a"}), 'ce-my-ext is "a"; it must be as CloudEvents 1.0 says'),
        (post(b"", HEADERS | {"ce-type": "t\udcff"}), 'ce-type is "t\\udcff"; it must be a text in UTF-8'),
        (post(b"{", HEADERS), "body is not JSON at line 1"),
        (post(b'{"a": NaN}', HEADERS), "body is NaN"),
        (structured(5), "body is 5; it must be an object"),
        (structured({}), "specversion is absent"),
        (structured(event(id=5)), "id is 5; it must be a text"),
        (structured(event(time=5)), "time is 5; it must be a text in ASCII"),
        (
            structured(event(time="2026-03-01T12:00:00")),
            'time is "2026-03-01T12:00:00"; it must be as CloudEvents',
        ),
        (structured(event(time="9999-12-31T24:00:00Z")), "time is"),
        (structured(event(subject="")), 'subject is ""; it must be as CloudEvents'),
        (structured(event(data_base64="a")), "data_base64 is"),
        (structured(event(data_base64="é")), "data_base64 is"),
        (structured([], BATCH), "body is a list of 0; it must be a list of 1 to 100 events"),
        (structured([event()] * 101, BATCH), "body is a list of 101; it must be a list of 1 to 100 events"),
        (structured({}, BATCH), "body is {}; it must be a list of 1 to 100 events"),
        (structured([event(), {"id": "e-2"}], BATCH), "[1].specversion is absent"),
        (structured([event(), 5], BATCH), "[1] is 5; it must be an object"),
    ],
)
def test_post_that_is_no_event_is_malformed(what: Post, problem: str) -> None:
    with pytest.raises(Malformed) as caught:
        translate(SOURCE, what)
    assert str(caught.value).startswith(problem)
    assert not isinstance(caught.value, UnsupportedType)


@pytest.mark.parametrize("content_type", ["application/cloudevents+xml", "application/cloudevents"])
def test_format_that_is_not_json_is_unsupported(content_type: str) -> None:
    with pytest.raises(UnsupportedType):
        translate(SOURCE, post(json.dumps(event()).encode(), content_type=content_type))
