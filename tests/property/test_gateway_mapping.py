"""Posts to sources: whatever comes in is refused as malformed, or becomes an object that the API server admits."""

from __future__ import annotations

import copy
import json
import re
from typing import TYPE_CHECKING, Any, Final

from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from notification_contract.kinds.notification import check_spec
from notification_contract.sources.authentication import Hmac, HmacScheme
from notification_contract.sources.source import INCIDENT_TYPES, SourceSpecError, SourceType
from notification_domain.mapping import Limits, Malformed, Post, translate
from notification_domain.model import parse
from notification_gateway.authentication.incoming import Incoming
from notification_gateway.authentication.shared_secrets import SharedSecrets
from notification_gateway.authentication.unverified import claims_of
from tests.cases import cases
from tests.fuzz.schema import definition
from tests.property.strategies import anything
from tests.unit.gateway.mapping.builders import (
    START,
    alert,
    alertmanager,
    github,
    grafana,
    only,
    post,
    source,
)
from tests.unit.operator.domain.builders import stored

if TYPE_CHECKING:
    from collections.abc import Mapping

    from notification_contract.sources.source import NotificationSource
    from notification_domain.mapping import Notification

NAME: Final = re.compile(r"[a-z]{2}-[0-9a-f]{20}")
LABEL_KEY: Final = re.compile(
    r"(?:[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*/)?[A-Za-z0-9](?:[-\w.]{0,61}[A-Za-z0-9])?",
    re.ASCII,
)
LABEL_VALUE: Final = re.compile(r"[A-Za-z0-9](?:[-\w.]{0,61}[A-Za-z0-9])?", re.ASCII)
SCHEMA: Final = Draft202012Validator(definition()["properties"]["spec"])
MOST_BYTES: Final = 1_500_000
"""Of one object that the API server stores."""

seldom = st.sampled_from([False] * 7 + [True])
long = st.sampled_from(["x", "\U0001f600", "\n"]).map(lambda unit: unit * 150_000)
hostile = (
    anything
    | st.sampled_from(["\0", "\r\n", "\ud800", "<!channel>", "<https://a.example|b>", "-", "ü"])
    | seldom.flatmap(lambda chance: long if chance else st.just(""))
)
scalars = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | hostile
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
EVENT: Final = {
    "specversion": "1.0",
    "id": "e-1",
    "source": "/shop",
    "type": "order",
    "data": {"severity": "high"},
}
MESSAGE: Final = {
    "text": "Build <https://ci.example/5|5> failed",
    "blocks": [
        {
            "type": "section",
            "text": {"type": "mrkdwn", "text": "*Failed*"},
            "fields": [{"type": "plain_text", "text": "a"}],
        },
        {
            "type": "rich_text",
            "elements": [
                {"type": "rich_text_section", "elements": [{"type": "link", "url": "https://a.example"}]}
            ],
        },
        {
            "type": "actions",
            "elements": [
                {"type": "button", "text": {"type": "plain_text", "text": "b"}, "url": "https://a.example"}
            ],
        },
    ],
    "attachments": [
        {"title": "a", "title_link": "https://a.example", "fields": [{"title": "b", "value": "c"}]}
    ],
}
PAYLOADS: Final[Mapping[str, tuple[Any, ...]]] = {
    "alertmanager": (alertmanager(alert(), alert("Two", resolved="2026-03-01T11:30:00Z")), grafana()),
    "cloudevents": (EVENT, [EVENT, {**EVENT, "id": "e-2"}], github()),
    "slack": (MESSAGE, {"text": "hi"}),
    "generic": (github(), MESSAGE, 5),
    "heartbeat": ({},),
}
STRUCTURED: Final = "application/cloudevents+json"
BATCH: Final = "application/cloudevents-batch+json"
CONTENT_TYPES: Final = (
    "",
    "application/json",
    STRUCTURED,
    BATCH,
    "application/x-www-form-urlencoded",
    "image/png",
)
PATHS: Final = (
    "alertname",
    "team",
    "data.severity",
    "repository.full_name",
    "source",
    "text",
    "drill",
    "blocks.0.type",
)


@st.composite
def payloads(draw: st.DrawFn, kind: str) -> Any:
    """Return a payload of a type in which some values are replaced by any others."""
    root = {"": copy.deepcopy(draw(st.sampled_from(PAYLOADS[kind])))}
    for _ in range(draw(st.integers(0, 3))):
        place: Any = root
        key: Any = ""
        while isinstance(place[key], dict | list) and place[key] and not draw(seldom):
            place = place[key]
            key = draw(st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place))))
        place[key] = draw(values)
    return root[""]


@st.composite
def sources(draw: st.DrawFn) -> NotificationSource:
    kind = draw(st.sampled_from(SourceType))
    paths = st.lists(st.sampled_from(PATHS) | st.text(min_size=1, max_size=9), max_size=4)
    mapping = {
        "priority": {"fromLabel": draw(st.sampled_from(PATHS)), "map": {"high": "critical"}},
        "labels": {"include": draw(paths), "prefix": draw(st.sampled_from(["", "kubernaut.ai/", "a..b/"]))},
        "subject": draw(st.sampled_from(["", "{{ payload }}"])),
        "idempotencyHeader": draw(st.sampled_from(["", "X-Id"])),
    }
    if kind not in INCIDENT_TYPES:
        mapping["dedupKey"] = "{{ payload }}"
        mapping["event"] = {"fromPath": draw(st.sampled_from(PATHS)), "map": {"high": "Resolve"}}
    spec: dict[str, Any] = {
        "mapping": mapping,
        "filter": draw(st.sampled_from([[], [], ["team!=web"], ["type!=web"], ['text=~".*"', "text!="]])),
        "receiverRefs": draw(st.sampled_from([[], [{"name": "on-call", "namespace": "ops"}]])),
    }
    if kind is SourceType.ALERTMANAGER and draw(st.booleans()):
        spec["alertmanager"] = {"repeatAfter": draw(st.sampled_from(["1s", "4h", "30d"]))}
    try:
        return source(kind, **spec)
    except SourceSpecError:
        return source(kind)


@st.composite
def posts(draw: st.DrawFn, kind: str) -> Post:
    payload = draw(payloads(kind))
    usual = (
        (BATCH if isinstance(payload, list) else STRUCTURED) if kind == "cloudevents" else "application/json"
    )
    headers = draw(
        st.dictionaries(
            st.sampled_from(["idempotency-key", "webhook-id", "x-id", "ce-time", "ce-ext"]),
            hostile,
            max_size=2,
        )
    )
    if draw(seldom):
        given = {f"ce-{name}": str(EVENT[name]) for name in ("specversion", "id", "source", "type")}
        headers = given | headers | draw(st.dictionaries(st.just("ce-type"), hostile))
    return Post(
        content_type=draw(st.sampled_from(CONTENT_TYPES)) if draw(seldom) else usual,
        headers=headers,
        body=draw(st.binary(max_size=50)) if draw(seldom) else json.dumps(payload).encode(),
        received=START,
    )


heads = st.dictionaries(
    st.sampled_from(
        [
            "authorization",
            "x-hub-signature-256",
            "x-time",
            "webhook-id",
            "webhook-timestamp",
            "webhook-signature",
        ]
    ),
    st.sampled_from([b"", b"Basic ", b"Bearer ", b"v1,", b"1772366430"]).flatmap(
        lambda start: st.binary(max_size=40).map(lambda rest: (start + rest).decode(errors="surrogateescape"))
    ),
)


@settings(max_examples=cases(500), deadline=None)
@given(heads, st.sampled_from(HmacScheme), st.sampled_from(["", "X-Time"]))
def test_head_of_a_stranger_is_no_credential(head: dict[str, str], scheme: HmacScheme, time: str) -> None:
    keys = SharedSecrets(bearers=("b" * 16,), basics=(("u", "p" * 12),), hmac_keys=("whsec_" + "k" * 32,))
    of = Hmac.model_construct(scheme=scheme, header="", timestamp_header=time)
    incoming = Incoming(method="POST", headers=head, body=b"{}", received=START)
    assert keys.accepts(incoming, of, "") is None
    assert claims_of(incoming.credentials("bearer")) is None


limits = st.just(Limits()) | st.builds(
    Limits,
    body=st.integers(1, 3000),
    metadata_entries=st.integers(0, 3),
    metadata_value=st.integers(0, 10),
    action_links=st.integers(0, 3),
    link_schemes=st.sampled_from([("https",), ()]),
)


def assert_admitted(made: Notification) -> None:
    check_spec(made.spec)
    assert NAME.fullmatch(made.name)
    assert all(
        LABEL_KEY.fullmatch(key) and LABEL_VALUE.fullmatch(value) for key, value in made.labels.items()
    )
    assert made.labels["kubernaut.ai/source"] == "alerts"
    assert "kubernaut.ai/drill" not in made.labels
    metadata = {"name": made.name, "labels": made.labels, "annotations": made.annotations}
    assert len(json.dumps([made.spec, metadata], ensure_ascii=False).encode()) < MOST_BYTES
    assert [error.message for error in SCHEMA.iter_errors(made.spec)] == []
    parsed = parse(stored(spec=made.spec, metadata=metadata))
    assert not parsed.too_large
    assert "\n" not in parsed.content.subject
    allowed = made.limits
    assert len(made.spec["body"]) <= allowed.body
    assert len(parsed.content.metadata) <= allowed.metadata_entries
    assert all(len(each) <= allowed.metadata_value for each in parsed.content.metadata.values())
    assert len(parsed.content.action_links) <= allowed.action_links
    assert all(each["url"].split("://")[0] in allowed.link_schemes for each in parsed.content.action_links)


@settings(max_examples=cases(1500), deadline=None)
@given(data=st.data(), of=sources(), text=hostile, allowed=limits)
def test_post_is_malformed_or_becomes_an_admitted_object(
    data: st.DataObject, of: NotificationSource, text: str, allowed: Limits
) -> None:
    what = data.draw(posts(of.spec.type))
    try:
        translation = translate(of, what, allowed)
    except Malformed:
        return
    assert translate(of, what, allowed) == translation
    assert translation.beat is (of.spec.type is SourceType.HEARTBEAT)
    assert translation.beat or translation.notifications or translation.filtered
    for made in translation.notifications:
        assert_admitted(made)
        assert_admitted(made.with_texts({"subject": text}, {"body": text}))
        assert_admitted(made.with_texts({"body": text, "dedupKey": text}))


times = st.sampled_from(["2026-03-01T10:00:00Z", "2026-03-01T11:00:00Z"])
states = st.dictionaries(
    st.sampled_from(["db-1", "db-2", "db-3"]), st.tuples(times, st.none() | times), min_size=1
)
"""When each alert of a group began, and when it ended."""


def group(state: dict[str, tuple[str, str | None]], reverse: bool) -> Post:  # noqa: FBT001 - of a strategy
    alerts = [alert(instance=name, startsAt=began, resolved=ended) for name, (began, ended) in state.items()]
    return post(alertmanager(*(reversed(alerts) if reverse else alerts)))


@settings(max_examples=cases(500), deadline=None)
@given(states, states, st.booleans())
def test_groups_have_the_same_name_exactly_in_the_same_state(
    first: dict[str, tuple[str, str | None]],
    second: dict[str, tuple[str, str | None]],
    reverse: bool,  # noqa: FBT001 - as above
) -> None:
    of = source("alertmanager")
    one, other = only(of, group(first, reverse=False)), only(of, group(second, reverse=reverse))
    assert (one.name == other.name) is (first == second)
    assert one.spec["dedupKey"] == other.spec["dedupKey"]


@settings(max_examples=cases(500), deadline=None)
@given(
    st.sampled_from(["alertmanager", "slack", "generic"]),
    st.floats(0, 40_000),
    st.floats(0, 40_000),
)
def test_repeat_within_the_time_is_found_by_one_of_two_names(kind: str, first: float, delay: float) -> None:
    of = source(kind, **({"alertmanager": {"repeatAfter": "1h"}} if kind == "alertmanager" else {}))
    content = alertmanager() if kind == "alertmanager" else {"text": "a"}
    within = 3240.0 if kind == "alertmanager" else 60.0
    original = only(of, post(content, seconds=first))
    repeat = only(of, post(content, seconds=first + delay))
    found = original.name in {repeat.name, repeat.previous_name}
    assert found or delay >= within
    if repeat.previous_name == original.name:
        assert repeat.previous_within is not None
        assert repeat.previous_within.total_seconds() == within
