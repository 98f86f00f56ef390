"""Any JSON, and what all types have in common: the kinds of sources, and the fields that a source sets."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest

from notification_domain.mapping import Malformed, Translation, translate
from notification_domain.mapping.form import FORM
from notification_domain.rendering.templating.templates import Template
from tests.unit.gateway.mapping.builders import alertmanager, github, only, post, source

SOURCE = source("generic")
GITHUB = source(
    "generic",
    filter=["workflow_run.conclusion=failure"],
    mapping={
        "type": "status-update",
        "priority": {"fromLabel": "workflow_run.head_branch", "map": {"main": "high"}},
        "labels": {"include": ["repository.full_name", "workflow_run.run_number", "repository.private"]},
        "subject": "{{ payload.workflow_run.name }} failed",
        "idempotencyHeader": "X-GitHub-Delivery",
    },
    receiverRefs=[{"name": "ci"}, {"name": "on-call", "namespace": "notifications"}],
)


def test_payload_is_the_built_in_text() -> None:
    made = only(SOURCE, post({"a": [1, "ü"]}))
    assert made.spec["subject"] == "Message from alerts"
    assert made.spec["body"] == '{\n  "a": [\n    1,\n    "ü"\n  ]\n}'
    assert only(SOURCE, post("hi")).spec["body"] == "hi"


def test_empty_text_is_shown_as_the_subject() -> None:
    assert only(SOURCE, post("\x00 ")).spec["body"] == "Message from alerts"


def test_long_json_is_shown_in_one_line() -> None:
    nested: Any = [1] * 10_000
    for _ in range(60):
        nested = [nested]
    assert "\n" not in only(SOURCE, post(nested)).spec["body"]


def test_webhook_of_github_is_mapped() -> None:
    made = only(GITHUB, post(github(), {"x-github-delivery": "d-1"}))
    assert made.spec["type"] == "status-update"
    assert made.spec["priority"] == "high"
    assert made.spec["receiverRefs"] == [{"name": "ci"}, {"name": "on-call", "namespace": "notifications"}]
    assert made.spec["metadata"] == {
        "repository.full_name": "acme/shop",
        "workflow_run.run_number": "562",
        "repository.private": "false",
    }
    assert made.labels == {
        "kubernaut.ai/full_name": "acme_shop",
        "kubernaut.ai/run_number": "562",
        "kubernaut.ai/private": "false",
        "kubernaut.ai/source": "alerts",
    }
    assert made.templates == {"subject": "{{ payload.workflow_run.name }} failed"}
    assert made.data == {"payload": github()}
    other = github() | {"workflow_run": {"conclusion": "success"}}
    assert translate(GITHUB, post(other)) == Translation(filtered=1)


def test_webhook_of_github_as_a_form_is_the_same() -> None:
    form = urlencode({"payload": json.dumps(github())}).encode()
    made = only(GITHUB, post(form, {"x-github-delivery": "d-1"}, content_type=FORM))
    assert made == only(GITHUB, post(github(), {"x-github-delivery": "d-1"}))
    assert only(SOURCE, post([1], content_type=FORM)).data == {"payload": [1]}


def test_template_reads_the_payload() -> None:
    made = only(GITHUB, post(github()))
    texts = {key: Template(template).render(made.data) for key, template in made.templates.items()}
    assert made.with_texts(texts).spec["subject"] == "Build failed"


@pytest.mark.parametrize(
    ("kind", "content", "headers", "name"),
    [
        ("alertmanager", alertmanager(), {}, "am-9354e40d98b06fbd7047"),
        (
            "cloudevents",
            b"",
            {"ce-specversion": "1.0", "ce-id": "e-1", "ce-source": "/s", "ce-type": "t"},
            "ce-2807e748a13b14c05210",
        ),
        ("slack", {"text": "a"}, {}, "sl-4729190675d897565a34"),
        ("generic", {"a": 1}, {}, "ev-790d5f9ba2dd45189b22"),
        ("generic", {"a": 1}, {"idempotency-key": "k"}, "ev-ad5513dc78efe3d844f0"),
    ],
)
def test_names_are_those_of_other_versions(
    kind: str, content: Any, headers: dict[str, str], name: str
) -> None:
    """Two replicas of different versions serve during an update: a repeat may reach either of them."""
    assert only(source(kind), post(content, headers)).name == name


@pytest.mark.parametrize(
    ("headers", "key"),
    [
        ({"idempotency-key": "k", "webhook-id": "w", "x-github-delivery": "d"}, "k"),
        ({"webhook-id": "w", "x-github-delivery": "d"}, "w"),
        ({"idempotency-key": "", "x-github-delivery": "d"}, "d"),
    ],
)
def test_id_of_the_sender_names_the_object_whatever_the_time(headers: dict[str, str], key: str) -> None:
    first = only(GITHUB, post(github(), headers))
    assert first.name == only(GITHUB, post(github(), {"idempotency-key": key}, seconds=1e6)).name
    assert (first.name[:3], len(first.name), first.previous_name) == ("ev-", 23, None)


@pytest.mark.parametrize("kind", ["generic", "slack"])
def test_name_is_that_of_what_a_signature_covers(kind: str) -> None:
    of = source(kind, mapping={"idempotencyHeader": "X-Id"})
    first = only(of, post({"text": "a"}, covered=("w",)))
    other = {"idempotency-key": "k", "webhook-id": "x", "x-id": "d"}
    assert only(of, post({"text": "a"}, other, covered=("w",), seconds=1e6)).name == first.name
    assert only(of, post({"text": "a"}, covered=("v",))).name != first.name


def test_hash_of_the_body_tells_another_body_with_the_same_id() -> None:
    def hashed(body: bytes) -> str:
        return only(SOURCE, post(body, {"idempotency-key": "k"})).annotations["kubernaut.ai/source-body"]

    assert hashed(b'{"a": 1, "b": 2.0}') == hashed(b'{ "b":2.0,"a":1 }')
    assert hashed(b'{"a": 1}') != hashed(b'{"a": "1"}')
    assert only(SOURCE, post({})).annotations == {}


def test_same_body_without_an_id_is_a_repeat_within_a_minute() -> None:
    first, later = only(SOURCE, post({"a": 1})), only(SOURCE, post({"a": 1}, seconds=59))
    assert (later.previous_name, later.previous_within) == (first.name, timedelta(seconds=60))
    assert first.name != later.name
    assert first.name != only(SOURCE, post({"a": 2})).name
    assert first.name != only(source("generic", identity={"uid": "u-2"}), post({"a": 1})).name


def test_post_that_is_no_json_is_malformed() -> None:
    with pytest.raises(Malformed):
        translate(SOURCE, post(b""))


def test_any_post_to_a_heartbeat_is_a_beat() -> None:
    assert translate(source("heartbeat"), post(b"\xff{")) == Translation(beat=True)
