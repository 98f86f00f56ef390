"""Which files are valid: by the schema of the CRD, the rules for names and labels, and the routing parser."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import yaml

from notification_cli.views.lint import schema
from notification_cli.views.lint.files import NotYamlError, check, read_documents
from notification_contract import crds
from notification_contract.placeholders import HINT
from tests.cases import length
from tools.platform.pulumi.environment import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

VALID: dict[str, Any] = {
    "apiVersion": "kubernaut.ai/v1alpha1",
    "kind": "NotificationRequest",
    "metadata": {"name": "a"},
    "spec": {"type": "simple", "subject": "s", "body": "b"},
}


def problems(**changes: Any) -> list[str]:
    """Return the problems of a valid object with changes in its spec."""
    return of({**VALID, "spec": {**VALID["spec"], **changes}})


def of(obj: dict[str, Any]) -> list[str]:
    return [problem for each in check([obj]) for problem in each.problems]


def test_minimal_notification_is_valid() -> None:
    assert problems() == []


def test_addresses_that_no_channel_uses_are_noted_once() -> None:
    used = {"email": "a@example.com", "phone": "+15550100"}
    unused = {"slack": "#alerts", "teams": "ops", "webhookURL": "https://example.com", "email": ""}
    recipients = [used, unused, unused]
    (checked,) = check([{**VALID, "spec": {**VALID["spec"], "recipients": recipients}}])
    assert checked.problems == ()
    assert checked.notes == tuple(
        f"spec.recipients[].{field} has no effect, because no channel uses it; name a receiver in spec.receiverRefs"
        for field in ("slack", "teams", "webhookURL")
    )
    (checked,) = check([{**VALID, "spec": {**VALID["spec"], "recipients": [used]}}])
    assert checked.notes == ()


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        (
            {"priority": "urgent"},
            "spec.priority: unsupported value 'urgent'; the values are critical, high, medium, low",
        ),
        ({"subject": ""}, "spec.subject: must have at least 1 characters (got 0)"),
        ({"subject": "s" * 501}, "spec.subject: must have at most 500 characters (got 501)"),
        ({"subject": 5}, "spec.subject: must be a string (got 5; put it in quotes)"),
        ({"chanels": []}, "spec.chanels: unknown field, which the API server drops; the fields are type,"),
        ({"channels": ["pager"]}, "spec.channels[0]: unsupported value 'pager'"),
        ({"channels": "slack"}, "spec.channels: must be a list (got 'slack')"),
        ({"retentionDays": 0}, "spec.retentionDays: must be at least 1 (got 0)"),
        ({"retryPolicy": {"maxAttempts": 11}}, "spec.retryPolicy.maxAttempts: must be at most 10 (got 11)"),
        (
            {"retryPolicy": {"maxAttempts": True}},
            "spec.retryPolicy.maxAttempts: must be an integer (got True)",
        ),
        ({"metadata": {"a": 1}}, "spec.metadata.a: must be a string (got 1; put it in quotes)"),
        (
            {"actionLinks": [{"url": "u", "label": "l"}]},
            "spec.actionLinks[0].service: missing; it is required",
        ),
        ({"body": None}, "spec.body: must not be null"),
    ],
)
def test_invalid_field_is_named_with_its_value(changes: dict[str, Any], problem: str) -> None:
    (result,) = problems(**changes)
    assert result.startswith(problem)


def test_field_that_must_exist_is_named() -> None:
    assert of({**VALID, "spec": {"subject": "s"}}) == [
        "spec.type: missing; it is required",
        "spec.body: missing; it is required",
    ]
    assert of({key: value for key, value in VALID.items() if key != "spec"}) == [
        "spec: missing; it is required"
    ]


def test_null_where_the_schema_has_a_default_is_valid() -> None:
    assert problems(priority=None) == []


@pytest.mark.parametrize(
    ("meta", "problem"),
    [
        ({}, "metadata.name: missing"),
        ({"name": "A_b"}, "metadata.name: 'A_b' is not a name"),
        (
            {"name": "a", "labels": {"kubernaut.ai/x": "a b"}},
            "metadata.labels.kubernaut.ai/x: 'a b' is not the value",
        ),
        ({"name": "a", "labels": {"-": "a"}}, "metadata.labels: '-' is not the name of a label"),
        ({"name": "a", "labels": {"x": 1}}, "metadata.labels.x: must be a string (got 1)"),
        ({"name": "a", "labels": []}, ""),
    ],
)
def test_metadata_follows_the_rules_of_the_api_server(meta: dict[str, Any], problem: str) -> None:
    result = of({**VALID, "metadata": meta})
    assert result == [] if not problem else result[0].startswith(problem)


def test_other_version_is_refused() -> None:
    assert of({**VALID, "apiVersion": "kubernaut.ai/v2"}) == [
        "apiVersion: unsupported value 'kubernaut.ai/v2'; use kubernaut.ai/v1alpha1"
    ]


def test_routing_document_is_checked_alone_and_in_a_config_map() -> None:
    broken = "route: {receiver: nobody}\nreceivers: [{name: a}]"
    config_map = {"kind": "ConfigMap", "metadata": {"name": "r"}, "data": {"routing.yaml": broken}}
    for text in (broken, yaml.safe_dump(config_map)):
        (result,) = check(read_documents(text))
        assert any("unknown receiver 'nobody'" in problem for problem in result.problems)


def test_key_of_a_routing_document_without_effect_is_a_note() -> None:
    text = "route: {receiver: a, mute_time_intervals: [night]}\nreceivers: [{name: a}]"
    config_map = {"kind": "ConfigMap", "metadata": {"name": "r"}, "data": {"routing.yaml": text}}
    for document in (text, yaml.safe_dump(config_map)):
        (result,) = check(read_documents(document))
        assert result.problems == ()
        assert result.notes == (
            "route.mute_time_intervals: has no effect, notifications are sent at any time; remove it",
        )


def test_documents_of_other_kinds_and_lists_are_walked_through() -> None:
    text = yaml.safe_dump_all([{"kind": "Service"}, {"kind": "List", "items": [VALID, VALID]}, None, ["x"]])
    assert [(each.what, len(each.problems)) for each in check(read_documents(text))] == [
        ("NotificationRequest a", 0),
        ("NotificationRequest a", 0),
        ("document", 1),
    ]


@pytest.mark.parametrize("text", ["a: [", "a: b: c", "\tx", "{" * length(2000)])
def test_text_that_is_not_yaml_is_one_problem(text: str) -> None:
    with pytest.raises(NotYamlError):
        read_documents(text)


def test_every_keyword_of_the_crd_is_understood() -> None:
    def keywords(node: dict[str, Any]) -> Iterator[str]:
        for key, value in node.items():
            yield key
            if key == "properties":
                for each in value.values():
                    yield from keywords(each)
            elif key in {"items", "additionalProperties"} and isinstance(value, dict):
                yield from keywords(value)

    for definition in (crds.notification_request(), crds.notification_receiver(), crds.notification_source()):
        (version,) = definition["spec"]["versions"]
        assert set(keywords(version["schema"]["openAPIV3Schema"])) <= schema.KEYWORDS


def test_examples_are_as_the_readme_says() -> None:
    results = {
        file.name: [
            problem for each in check(read_documents(file.read_text("utf-8"))) for problem in each.problems
        ]
        for folder in ("", "receivers")
        for file in sorted((ROOT / "examples" / folder).glob("*.yaml"))
    }
    assert results.pop("refused.yaml")
    assert {problem.partition(": ")[2] for problems in results.values() for problem in problems} == {HINT}
    assert not any(results[name] for name in ("full.yaml", "partial.yaml", "simple.yaml"))


RECEIVER: dict[str, Any] = {
    "apiVersion": "kubernaut.ai/v1alpha1",
    "kind": "NotificationReceiver",
    "metadata": {"name": "on-call", "namespace": "shop"},
    "spec": {"type": "slack", "slack": {"webhookUrlSecretRef": {"name": "hook"}}},
}


def receiver_results(*others: dict[str, Any], **spec: Any) -> tuple[list[str], list[str]]:
    """Return problems and notes of a valid receiver with changes in its spec, among other documents."""
    obj = {**RECEIVER, "spec": {**RECEIVER["spec"], **spec}}
    (checked,) = check([obj], among=[obj, *others], home="platform")
    return list(checked.problems), list(checked.notes)


def in_shop(kind: str, name: str, **content: Any) -> dict[str, Any]:
    return {"kind": kind, "metadata": {"name": name, "namespace": "shop"}, **content}


def source_results(name: str = "alerts", **spec: Any) -> tuple[list[str], list[str]]:
    """Return problems and notes of a valid source with changes in its spec."""
    spec = {"type": "generic", "auth": {"path": True}, **spec}
    meta = {"apiVersion": "kubernaut.ai/v1alpha1", "kind": "NotificationSource", "metadata": {"name": name}}
    (checked,) = check([{**meta, "spec": spec}])
    assert checked.what == f"NotificationSource {name}"
    return list(checked.problems), list(checked.notes)


@pytest.mark.parametrize(
    ("spec", "problem"),
    [
        ({"surprise": 1}, "spec.surprise: unknown field"),
        ({"type": "pager"}, "spec.type: unsupported value 'pager'"),
        ({"heartbeat": {"every": "1h"}}, "set spec.heartbeat with spec.type heartbeat, and only then"),
        ({"rateLimit": {"period": "0s"}}, "rateLimit.period must be at least 1s"),
        ({"filter": ["a=b", "nothing"]}, "spec.filter[1]: cannot parse 'nothing'"),
        ({"mapping": {"subject": "{{ payload"}}, "spec.mapping.subject: "),
        ({"mapping": {"body": "{% nope %}"}}, "spec.mapping.body: "),
        ({"mapping": {"dedupKey": "{{ payload"}}, "spec.mapping.dedupKey: "),
        ({"name": "a" * 64}, "metadata.name: has more than 63 characters"),
    ],
)
def test_invalid_source_is_named_with_its_field(spec: dict[str, Any], problem: str) -> None:
    problems, _ = source_results(**spec)
    assert any(problem in each for each in problems), problems


def test_source_without_credentials_is_noted() -> None:
    assert source_results() == ([], [])
    assert source_results(auth={}) == ([], ["it accepts no message, because spec.auth is empty"])


@pytest.mark.parametrize(
    ("content", "field"),
    [
        ({"stringData": {"token": "xoxb-REPLACE-ME"}}, "stringData.token"),
        ({"stringData": {"url": "https://hooks.slack.com/services/REPLACE/ME"}}, "stringData.url"),
        ({"data": {"token": "UkVQTEFDRS1NRQ=="}}, "data.token"),
    ],
)
def test_placeholder_in_a_secret_is_named(content: dict[str, Any], field: str) -> None:
    assert of(granted_secret(**content)) == [f"{field}: {HINT}"]


def test_placeholder_in_a_secret_that_the_platform_never_reads_is_none() -> None:
    secret = granted_secret(stringData={"token": "REPLACE-ME"})
    secret["metadata"]["labels"] = {"kubernaut.ai/sources": "true"}
    assert of(secret) == [f"stringData.token: {HINT}"]
    secret["metadata"]["labels"] = {"app": "shop"}
    assert of(secret) == []


def granted_secret(**content: Any) -> dict[str, Any]:
    labels = {"kubernaut.ai/receivers": "true"}
    return {"kind": "Secret", "metadata": {"name": "hook", "namespace": "shop", "labels": labels}, **content}


@pytest.mark.parametrize("labels", [None, {}, {"kubernaut.ai/receivers": "yes"}])
def test_secret_that_receivers_may_not_use_is_named(labels: dict[str, str] | None) -> None:
    secret = granted_secret(stringData={"url": "u"})
    secret["metadata"]["labels"] = labels
    (problem,), notes = receiver_results(secret)
    assert problem == (
        "Secret hook: lacks the label kubernaut.ai/receivers=true, so no receiver can use it; "
        "add it to metadata.labels"
    )
    assert notes == []


@pytest.mark.parametrize("kind", ["kubernetes.io/dockerconfigjson", "helm.sh/release.v1", None])
def test_secret_of_a_type_for_others_is_named(kind: str | None) -> None:
    (problem,), _ = receiver_results(granted_secret(type=kind, stringData={"url": "u"}))
    assert problem == (
        "Secret hook: has a type that receivers may not use; "
        "use one of Opaque, kubernetes.io/basic-auth, kubernetes.io/tls"
    )
    assert receiver_results(granted_secret(type="Opaque", stringData={"url": "u"})) == ([], [])


def test_valid_receiver_has_notes_about_what_is_not_in_the_files() -> None:
    assert receiver_results(fallback={"name": "mail"}) == (
        [],
        ["the fallback mail is not in these files", "the Secret hook is not in these files"],
    )
    secret = granted_secret(stringData={"url": "u"})
    assert receiver_results(secret, in_shop("NotificationReceiver", "mail"), fallback={"name": "mail"}) == (
        [],
        [],
    )


@pytest.mark.parametrize(
    ("spec", "problem"),
    [
        ({"type": "pager"}, "spec.type: unsupported value 'pager'"),
        (
            {"slack": {"botTokenSecretRef": {"name": "hook"}, "channel": "CHANGE-ME"}},
            f"spec.slack.channel: {HINT}",
        ),
        ({"timeout": "5"}, "spec.timeout: must match"),
        ({"timeout": "5m"}, "spec: timeout must be longer than 0s and at most 120s"),
        ({"slack": {}}, "spec.slack: set exactly one of slack.webhookUrlSecretRef"),
        ({"fallback": {"name": "on-call"}}, "spec.fallback.name: names this receiver itself"),
        ({"slack": {"webhookUrlSecretRef": {"name": "hook"}, "url": "x"}}, "spec.slack.url: unknown field"),
        (
            {"proxySecretRef": {"name": "p"}},
            "spec.proxySecretRef: only receivers in the operator's namespace platform",
        ),
        ({"template": {"inline": {"subject": "{{ a"}}}, "spec.template.inline.subject: line 1: "),
        (
            {"template": {"inline": {"body": "ok\n{{ a.__class__ }}"}}},
            "spec.template.inline.body: line 2: a template cannot use",
        ),
    ],
)
def test_invalid_receiver_is_named_with_its_field(spec: dict[str, Any], problem: str) -> None:
    problems, _ = receiver_results(**spec)
    assert len(problems) == 1
    assert problems[0].startswith(problem)


def test_objects_of_the_same_files_are_read_for_receivers() -> None:
    problems, _ = receiver_results(granted_secret(data={"token": "eA=="}))
    assert problems == ["spec.slack.webhookUrlSecretRef: Secret hook has no key url; it has token"]
    template = {"configMapRef": {"name": "texts"}}
    problems, _ = receiver_results(
        in_shop("ConfigMap", "texts", data={"body": "{% if %}"}), template=template
    )
    assert len(problems) == 1
    assert problems[0].startswith("spec.template.configMapRef: ConfigMap texts, body: line 1: ")
    elsewhere = {"kind": "Secret", "metadata": {"name": "hook", "namespace": "other"}, "data": {}}
    assert receiver_results(elsewhere)[0] == []


def test_restricted_fields_are_permitted_where_the_namespace_is_not_known() -> None:
    obj = {
        **RECEIVER,
        "metadata": {"name": "a"},
        "spec": {**RECEIVER["spec"], "proxySecretRef": {"name": "p"}},
    }
    assert of(obj) == []


@pytest.mark.parametrize(
    ("time", "admitted"),
    [
        ("2026-12-24T06:00:00.25+01:00", True),
        ("2026-12-24t06:00:00z", True),
        ("2026-12-24", False),
        ("2026-12-24T06:00:00", False),
        ("2026-12-24 06:00:00Z", False),
        ("2026-12-24T06:00:00+25:00", False),
        ("2026-12-24T24:00:00Z", False),
    ],
)
def test_time_has_the_form_that_the_api_server_and_the_operator_read(time: str, *, admitted: bool) -> None:
    expected = (
        [] if admitted else [f"spec.notBefore: must be a time such as 2026-01-31T12:00:00Z (got {time!r})"]
    )
    assert list(problems(notBefore=time)) == expected
    assert list(problems(notBefore=time, deliverBefore="2027-01-01t00:00:00z")) == expected


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        (
            {"channels": ["log"], "receiverRefs": [{"name": f"r{n}"} for n in range(20)]},
            "spec: spec.channels and spec.receiverRefs have more than 20 entries together; leave entries out",
        ),
        (
            {"notBefore": "2026-03-01T12:00:00Z", "deliverBefore": "2026-03-01T12:00:00Z"},
            "spec: spec.deliverBefore is not after spec.notBefore; set it to a later time",
        ),
        (
            {"metadata": {"n" * 254: "v"}},
            "spec.metadata: a name in spec.metadata has more than 253 characters; use a shorter name",
        ),
        (
            {"retryPolicy": {"initialBackoffSeconds": 300, "maxBackoffSeconds": 60}},
            "spec.retryPolicy: initialBackoffSeconds is greater than maxBackoffSeconds (default 480); lower",
        ),
    ],
)
def test_rules_of_the_crd_are_applied(changes: dict[str, Any], problem: str) -> None:
    (result,) = problems(**changes)
    assert result.startswith(problem)
