"""NotificationSource: its rules, its defaults, and the Secrets that it refers to."""

from __future__ import annotations

from typing import Any

import pytest

from notification_contract.kinds.choices import Priority
from notification_contract.sources.source import NotificationSource, SourceSpecError, SourceType

HMAC = {"secretRef": {"name": "hook"}}
BEAT = {"every": "1h"}


def source(**spec: Any) -> NotificationSource:
    metadata = {"namespace": "shop", "name": "alerts", "uid": "u-1", "generation": 3}
    return NotificationSource.parse({"metadata": metadata, "spec": {"type": "generic", **spec}})


def problems(**spec: Any) -> tuple[str, ...]:
    with pytest.raises(SourceSpecError) as caught:
        source(**spec)
    return caught.value.problems


def test_source_has_its_identity_and_the_defaults_of_its_spec() -> None:
    parsed = source()
    assert (parsed.namespace, parsed.name, parsed.uid, parsed.generation) == ("shop", "alerts", "u-1", 3)
    assert parsed.spec.type is SourceType.GENERIC
    assert parsed.spec.auth.is_empty
    assert parsed.spec.rate_limit.per_second == 10.0
    assert parsed.spec.priority.default is Priority.MEDIUM
    assert parsed.spec.labels.prefix == "kubernaut.ai/"
    assert parsed.spec.repeat_seconds is None


@pytest.mark.parametrize(
    ("spec", "problem"),
    [
        ({"type": "pager"}, "type: Input should be"),
        ({"surprise": 1}, "surprise: Extra inputs"),
        ({"type": "heartbeat"}, "set spec.heartbeat with spec.type heartbeat, and only then"),
        ({"heartbeat": BEAT}, "set spec.heartbeat with spec.type heartbeat, and only then"),
        ({"type": "heartbeat", "heartbeat": {"every": "9s"}}, "heartbeat.every must be at least 10s"),
        (
            {"type": "heartbeat", "heartbeat": BEAT | {"grace": "4999ms"}},
            "heartbeat.grace must be at least 5s",
        ),
        ({"alertmanager": {"repeatAfter": "4h"}}, "has an effect with spec.type alertmanager only"),
        ({"type": "alertmanager", "alertmanager": {"repeatAfter": "31d"}}, "at least 1s and at most 30d"),
        ({"rateLimit": {"period": "0s"}}, "rateLimit.period must be at least 1s"),
        ({"auth": {"hmac": {}}}, "set auth.hmac.secretRef, or secretRefs"),
        *(
            ({"type": "heartbeat", "heartbeat": BEAT, "auth": {"hmac": hmac}}, "a heartbeat needs a signature with a time")
            for hmac in (HMAC, HMAC | {"scheme": "pagerduty"})
        ),
        ({"auth": {"hmac": HMAC | {"scheme": "plain-token"}}}, "set auth.hmac.header"),
        (
            {"auth": {"hmac": HMAC | {"scheme": "standard-webhooks", "header": "X-Signature"}}},
            "auth.hmac.header has no effect",
        ),
        (
            {"auth": {"hmac": HMAC | {"scheme": "standard-webhooks", "timestampHeader": "X-Time"}}},
            "for the scheme sha256-hex only",
        ),
        ({"auth": {"hmac": HMAC | {"timestampTolerance": "2h"}}}, "at least 1s and at most 1h"),
        (
            {"auth": {"oidc": {"issuer": "http://x", "audience": "a", "subjectPattern": "*"}}},
            "auth.oidc.issuer: String should match",
        ),
        ({"auth": {"bearerSecretRefs": [{"name": "a"}] * 4}}, "auth.bearerSecretRefs: Tuple should have at most 3"),
        ({"mapping": {"priority": {"map": {"x" * 254: "high"}}}}, "mapping.priority.map has more than 253"),
        (
            {"mapping": {"dedupKey": "a", "event": {"fromPath": "a", "map": {"x" * 254: "Trigger"}}}},
            "mapping.event.map has more than 253",
        ),
        ({"mapping": {"labels": {"prefix": "no-slash"}}}, "mapping.labels.prefix: String should match"),
    ],
)  # fmt: skip
def test_spec_that_breaks_a_rule_is_refused_with_its_reason(spec: dict[str, Any], problem: str) -> None:
    assert problem in " ".join(problems(**spec))


@pytest.mark.parametrize(
    "spec",
    [
        {"type": "heartbeat", "heartbeat": BEAT},
        {"type": "alertmanager", "alertmanager": {"repeatAfter": "4h"}},
        {"auth": {"hmac": {"secretRefs": [{"name": "old"}]}}},
        {"auth": {"hmac": HMAC | {"scheme": "plain-token", "header": "X-Gitlab-Token"}}},
        {"auth": {"hmac": HMAC | {"scheme": "standard-webhooks"}}},
        {"auth": {"hmac": HMAC | {"timestampHeader": "X-Grafana-Alerting-Signature-Timestamp"}}},
        {"mapping": {"labels": {"prefix": ""}}},
    ],
)
def test_spec_that_meets_the_rules_is_accepted(spec: dict[str, Any]) -> None:
    source(**spec)


def test_times_are_seconds() -> None:
    beat = source(type="heartbeat", heartbeat=BEAT).spec.heartbeat
    assert beat is not None
    assert (beat.every_seconds, beat.grace_seconds) == (3600.0, 300.0)
    hmac = source(auth={"hmac": HMAC}).spec.auth.hmac
    assert hmac is not None
    assert hmac.tolerance_seconds == 300.0
    assert source(type="alertmanager", alertmanager={"repeatAfter": "4h"}).spec.repeat_seconds == 14_400.0


def test_filter_is_that_of_routing_and_a_wrong_one_names_itself() -> None:
    matchers = source(filter=['severity=~"critical|high"', "team=shop, env!=dev"]).spec.matchers
    assert [str(each) for each in matchers] == ['severity=~"critical|high"', 'team="shop"', 'env!="dev"']
    with pytest.raises(ValueError, match="cannot parse 'no condition'"):
        _ = source(filter=["no condition"]).spec.matchers


def test_secrets_of_every_way_to_authenticate_have_field_and_key() -> None:
    auth = source(
        auth={
            "bearerSecretRef": {"name": "bearer"},
            "bearerSecretRefs": [{"name": "next", "key": "k"}],
            "basicSecretRef": {"name": "basic", "passwordKey": "pw"},
            "hmac": {"secretRef": {"name": "hmac"}, "secretRefs": [{"name": "hmac-next"}]},
        }
    ).spec.auth
    assert [(use.field, use.name, use.key) for use in auth.secret_uses()] == [
        ("auth.bearerSecretRef", "bearer", "token"),
        ("auth.bearerSecretRefs[0]", "next", "k"),
        ("auth.basicSecretRef", "basic", "username"),
        ("auth.basicSecretRef", "basic", "pw"),
        ("auth.hmac.secretRef", "hmac", "secret"),
        ("auth.hmac.secretRefs[0]", "hmac-next", "secret"),
    ]
    assert len(auth.bearers) == 2
    assert len(auth.basics) == 1
    assert not auth.is_empty


@pytest.mark.parametrize(
    "auth",
    [
        {"path": True},
        {"kubernetes": {}},
        {"oidc": {"issuer": "https://ci.test", "audience": "n", "subjectPattern": "repo:*"}},
    ],
)
def test_source_without_a_secret_of_its_own_can_authenticate(auth: dict[str, Any]) -> None:
    assert not source(auth=auth).spec.auth.is_empty
    assert list(source(auth=auth).spec.auth.secret_uses()) == []
