"""The typed spec of a NotificationReceiver."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from notification_contract.kinds.channel_names import ReceiverType
from notification_contract.kinds.choices import NamespacesFrom, OnReceiverError, Overflow
from notification_contract.kinds.receiver import ReceiverSpec, ReceiverSpecError, parse_spec
from notification_contract.kinds.secrets import SecretUse
from tests.unit.operator.contract.kinds.specs import BLOCKS, REF, spec


@pytest.mark.parametrize("type_", ReceiverType)
def test_type_with_its_block_is_accepted(type_: ReceiverType) -> None:
    parsed = parse_spec(spec(type_))
    assert parsed.type is type_
    assert (parsed.block is None) == (type_ in {"console", "file", "log"})
    assert parsed.block is None or parsed.block == getattr(parsed, type_)


def test_defaults_are_those_of_the_documentation() -> None:
    parsed = parse_spec({"type": "log"})
    assert parsed.allowed_namespaces.source is NamespacesFrom.SAME
    assert parsed.on_receiver_error is OnReceiverError.FAIL
    assert parsed.timeout_seconds == 10
    assert (parsed.priorities, parsed.suspend, parsed.recipients.allow) == ((), False, ())
    assert parsed.own_addresses == ()
    assert not parsed.addresses_people


def test_text_messages_are_urgent_and_one_per_second_by_default() -> None:
    parsed = parse_spec(spec("sms"))
    assert parsed.priorities == ("critical", "high")
    assert parsed.rate_limit is not None
    assert (parsed.rate_limit.per_second, parsed.rate_limit.count) == (1.0, 1)


def test_receiver_of_text_messages_chooses_its_priorities_and_rate() -> None:
    own = spec("sms") | {"priorities": [], "rateLimit": {"count": 30, "period": "1m"}}
    parsed = parse_spec(own)
    assert parsed.priorities == ()
    assert parsed.rate_limit is not None
    assert parsed.rate_limit.count == 30


@pytest.mark.parametrize("type_", BLOCKS)
def test_missing_block_is_refused_by_name(type_: str) -> None:
    with pytest.raises(ReceiverSpecError, match=f"{type_} is missing although type is {type_}"):
        parse_spec({"type": type_})


@pytest.mark.parametrize("type_", BLOCKS)
def test_block_of_another_type_is_refused_by_name(type_: str) -> None:
    with pytest.raises(ReceiverSpecError, match=f"{type_} is set although type is log"):
        parse_spec({"type": "log", type_: BLOCKS[type_]})


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"type": "nope"}, "type: Input should be 'webhook', 'email'"),
        ({}, "type: Field required"),
        ({"type": "log", "extra": 1}, "extra: Extra inputs are not permitted"),
        (spec("webhook", url=""), "set exactly one of webhook.url and webhook.urlSecretRef"),
        (spec("webhook", urlSecretRef=REF), "set exactly one of webhook.url and webhook.urlSecretRef"),
        (spec("webhook", headersSecretRef={"name": "s"}), "webhook.headersSecretRef.keys: Field required"),
        (
            spec("webhook", headersSecretRef={"name": "s", "keys": []}),
            "webhook.headersSecretRef.keys: Tuple should have at least 1 item",
        ),
        (
            spec("webhook", headersSecretRef={"name": "s", "keys": ["X-A"] * 17}),
            "webhook.headersSecretRef.keys: Tuple should have at most 16 items",
        ),
        (
            spec("webhook", headersSecretRef={"name": "s", "keys": [""]}),
            "webhook.headersSecretRef.keys.0: String should have at least 1 character",
        ),
        (spec("webhook", allowedNetworks=["10.0.0.0"]), "'10.0.0.0' is not a network; write it like"),
        (spec("webhook", allowedNetworks=["ten/8"]), "webhook.allowedNetworks.0: 'ten/8' is not a network"),
        (spec("webhook", allowedNetworks=["10.0.0.0/255.0.0.0"]), "is not a network"),
        (
            spec("slack", webhookUrlSecretRef=None),
            "set exactly one of slack.webhookUrlSecretRef and slack.botTokenSecretRef",
        ),
        (
            spec("slack", botTokenSecretRef=REF),
            "set exactly one of slack.webhookUrlSecretRef and slack.botTokenSecretRef",
        ),
        (
            spec("slack", webhookUrlSecretRef=None, botTokenSecretRef=REF),
            "set slack.channel with slack.botTokenSecretRef, and only then",
        ),
        (spec("slack", channel="C1"), "set slack.channel with slack.botTokenSecretRef, and only then"),
        (spec("sms", messagingServiceSid="MG1"), "set exactly one of sms.from and sms.messagingServiceSid"),
        (spec("sms", to=["0151"]), "sms.to.0: String should match pattern"),
        (spec("sms", to=[]), "set sms.to, or recipients.allow so that notifications can name recipients"),
        (spec("email", to=[]), "set email.to, or recipients.allow so that"),
        (spec("email", to=["nobody"]), "email.to.0: String should match pattern"),
        ({"type": "log", "timeout": "0s"}, "timeout must be longer than 0s and at most 120s"),
        ({"type": "log", "timeout": "121s"}, "timeout must be longer than 0s and at most 120s"),
        ({"type": "log", "timeout": "soon"}, "timeout: String should match pattern"),
        (
            spec("webhook") | {"rateLimit": {"count": 1, "period": "0m"}},
            "rateLimit.period must be longer than 0s",
        ),
        (
            spec("webhook") | {"rateLimit": {"count": 1, "period": "31d"}},
            "rateLimit.period: rateLimit.period must be at most 30d; write it like 1m",
        ),
        (
            spec("webhook") | {"fallback": {"name": "x", "after": "9999999999999d"}},
            "fallback.after: fallback.after must be at most 30d; write it like 15m",
        ),
        (
            spec("webhook") | {"fallback": {"name": "x", "after": "never"}},
            "fallback.after: String should match pattern",
        ),
        (
            {"type": "console", "rateLimit": {"count": 1, "period": "1m"}},
            "rateLimit has no effect for type console; remove it",
        ),
        ({"type": "file", "tls": {"serverName": "a"}}, "tls has no effect for type file; remove it"),
        (spec("apprise") | {"tls": {}}, "tls has no effect for type apprise; remove it"),
        (
            spec("email") | {"proxySecretRef": REF},
            "proxySecretRef has no effect for type email; remove it",
        ),
        (
            {"type": "log", "allowedNamespaces": {"from": "Selector"}},
            "set allowedNamespaces.selector with allowedNamespaces.from Selector",
        ),
        (
            {"type": "log", "allowedNamespaces": {"selector": {"matchLabels": {}}}},
            "set allowedNamespaces.selector with allowedNamespaces.from Selector, and only then",
        ),
        ({"type": "log", "template": {}}, "set exactly one of template.inline and template.configMapRef"),
        (
            {"type": "log", "template": {"inline": {}, "configMapRef": {"name": "t"}}},
            "set exactly one of template.inline and template.configMapRef",
        ),
        ({"type": "log", "priorities": ["urgent"]}, "priorities.0: Input should be 'critical', 'high'"),
    ],
)
def test_problem_names_the_field_and_a_hint(fields: dict[str, object], problem: str) -> None:
    with pytest.raises(ReceiverSpecError) as caught:
        parse_spec(fields)
    assert problem in str(caught.value)


def test_all_problems_are_reported_at_once() -> None:
    with pytest.raises(ReceiverSpecError) as caught:
        parse_spec({"type": "log", "suspend": "perhaps", "timeout": "soon"})
    assert [problem.partition(":")[0] for problem in caught.value.problems] == ["timeout", "suspend"]


def test_problem_of_the_whole_spec_begins_with_spec() -> None:
    with pytest.raises(ReceiverSpecError) as caught:
        parse_spec({"type": "teams"})
    assert caught.value.problems[0].startswith("spec: teams is missing")


def test_addresses_are_those_of_the_block() -> None:
    assert parse_spec(spec("email")).own_addresses == ("ops@example.com",)
    assert parse_spec(spec("sms")).own_addresses == ("+4915112345678",)
    assert parse_spec(spec("sms")).addresses_people
    accepting = parse_spec(spec("email", to=[]) | {"recipients": {"allow": ["*@Example.com"]}})
    assert accepting.recipients.allows("Ann@example.COM")
    assert not accepting.recipients.allows("ann@example.org")


def test_secret_uses_name_field_secret_and_key() -> None:
    parsed = parse_spec(
        spec("teams")
        | {"tls": {"caSecretRef": REF, "certSecretRef": {"name": "c"}}, "proxySecretRef": {"name": "p"}}
    )
    assert parsed.secret_uses() == (
        SecretUse(field="teams.urlSecretRef", name="s", key="k"),
        SecretUse(field="tls.caSecretRef", name="s", key="k"),
        SecretUse(field="tls.certSecretRef", name="c", key="tls.crt"),
        SecretUse(field="tls.certSecretRef", name="c", key="tls.key"),
        SecretUse(field="proxySecretRef", name="p", key="url"),
    )
    assert parse_spec({"type": "log"}).secret_uses() == ()
    assert parse_spec(spec("pagerduty") | {"tls": {"serverName": "s"}}).secret_uses() == (
        SecretUse(field="pagerduty.routingKeySecretRef", name="s", key="k"),
    )


def test_proxy_is_a_restricted_field() -> None:
    proxied = spec("webhook") | {"proxySecretRef": {"name": "p"}}
    assert parse_spec(proxied).restricted_fields() == ("proxySecretRef",)
    assert parse_spec({"type": "log"}).restricted_fields() == ()


def test_durations_are_seconds() -> None:
    parsed = parse_spec(
        spec("teams")
        | {
            "fallback": {"name": "mail", "after": "15m"},
            "rateLimit": {"count": 60, "period": "1m", "overflow": "Suppress"},
        }
    )
    assert parsed.fallback is not None
    assert (parsed.fallback.after_seconds, parsed.fallback.also) == (900, False)
    assert parsed.rate_limit is not None
    assert (parsed.rate_limit.per_second, parsed.rate_limit.overflow) == (1, Overflow.SUPPRESS)
    by_default = parse_spec({"type": "log", "fallback": {"name": "mail", "also": True}}).fallback
    assert by_default is not None
    assert (by_default.after_seconds, by_default.also) == (300, True)
    never = parse_spec({"type": "log", "fallback": {"name": "mail", "after": "Never"}}).fallback
    assert never is not None
    assert never.after_seconds is None


def test_templates_are_inline_or_in_a_config_map() -> None:
    inline = parse_spec({"type": "log", "template": {"inline": {"subject": "s"}}}).template
    assert inline is not None
    assert inline.inline is not None
    other = parse_spec({"type": "log", "template": {"configMapRef": {"name": "t"}}}).template
    assert other is not None
    assert other.config_map_ref is not None


def test_spec_is_immutable() -> None:
    parsed: ReceiverSpec = parse_spec({"type": "log"})
    with pytest.raises(ValidationError):
        parsed.suspend = True
