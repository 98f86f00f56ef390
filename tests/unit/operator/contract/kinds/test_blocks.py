"""The blocks of the types: which Secrets they read, and which fields are restricted."""

from __future__ import annotations

from typing import Any

import pytest

from notification_contract.kinds.channel_type import TypeBlock
from notification_contract.kinds.receiver import parse_spec
from notification_contract.kinds.secrets import SecretUse
from tests.unit.operator.contract.kinds.specs import BLOCKS, spec

NAME = {"name": "s"}


def use(field: str, key: str) -> SecretUse:
    return SecretUse(field=field, name="s", key=key)


@pytest.mark.parametrize(
    ("fields", "uses"),
    [
        (spec("webhook"), []),
        (spec("webhook", url=None, urlSecretRef=NAME), [use("webhook.urlSecretRef", "url")]),
        (
            spec("webhook", signingSecretRefs=[NAME, {"name": "s", "key": "old"}]),
            [
                use("webhook.signingSecretRefs[0]", "signing-key"),
                use("webhook.signingSecretRefs[1]", "old"),
            ],
        ),
        (
            spec("webhook", headersSecretRef={"name": "s", "keys": ["X-A", "X-B"]}),
            [use("webhook.headersSecretRef", "X-A"), use("webhook.headersSecretRef", "X-B")],
        ),
        (spec("email"), []),
        (
            spec("email", authSecretRef=NAME),
            [use("email.authSecretRef", "username"), use("email.authSecretRef", "password")],
        ),
        (spec("teams", urlSecretRef=NAME), [use("teams.urlSecretRef", "url")]),
        (
            spec("pagerduty", routingKeySecretRef=NAME),
            [use("pagerduty.routingKeySecretRef", "routing-key")],
        ),
        (spec("sms"), [use("sms.authSecretRef", "username"), use("sms.authSecretRef", "password")]),
        (spec("slack", webhookUrlSecretRef=NAME), [use("slack.webhookUrlSecretRef", "url")]),
        (
            spec("slack", webhookUrlSecretRef=None, botTokenSecretRef=NAME, channel="C1"),
            [use("slack.botTokenSecretRef", "token")],
        ),
        (spec("discord", urlSecretRef=NAME), [use("discord.urlSecretRef", "url")]),
        (spec("mattermost", urlSecretRef=NAME), [use("mattermost.urlSecretRef", "url")]),
        (spec("apprise", urlSecretRef=NAME), [use("apprise.urlSecretRef", "url")]),
    ],
)
def test_block_names_what_it_reads_from_secrets(fields: dict[str, Any], uses: list[SecretUse]) -> None:
    assert list(parse_spec(fields).secret_uses()) == uses


@pytest.mark.parametrize(
    ("type_", "restricted"),
    [
        ("webhook", {"insecure": True, "allowedNetworks": ["10.0.0.0/8"]}),
        ("email", {"allowedNetworks": ["10.0.0.0/8"]}),
        ("teams", {"allowedNetworks": ["fd00::/8"]}),
        *(
            (each, {"baseUrl": "https://e", "allowedNetworks": ["10.0.0.1/8"]})
            for each in ("pagerduty", "sms", "slack")
        ),
        ("discord", {"allowedNetworks": ["10.0.0.0/8"]}),
        ("mattermost", {"allowedNetworks": ["10.0.0.0/8"]}),
    ],
)
def test_fields_that_open_other_networks_are_restricted(type_: str, restricted: dict[str, Any]) -> None:
    parsed = parse_spec(spec(type_, **restricted))
    assert list(parsed.restricted_fields()) == [f"{type_}.{name}" for name in restricted]
    assert parse_spec(spec(type_)).restricted_fields() == ()


def test_apprise_is_restricted_as_a_whole() -> None:
    assert parse_spec(spec("apprise")).restricted_fields() == ("apprise",)


def test_block_reads_nothing_and_restricts_nothing_by_default() -> None:
    assert (list(TypeBlock().secrets("a")), list(TypeBlock().restricted("a"))) == ([], [])


def test_every_block_has_a_valid_example() -> None:
    for type_ in BLOCKS:
        assert parse_spec(spec(type_)).block is not None
