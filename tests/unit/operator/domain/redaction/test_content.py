"""Redaction of a content: every text by its patterns, and map values by their keys."""

from collections import Counter
from dataclasses import fields

import pytest

from notification_domain.model import Content
from notification_domain.redaction.redact import (
    Rules,
    free_texts,
    redact_content,
    redact_content_counted,
    redact_key,
)


def content(**parts: object) -> Content:
    plain = {"type": "simple", "priority": "low", "subject": "s", "body": "b"}
    return Content(**{**plain, **parts})  # type: ignore[arg-type]


def test_every_text_of_a_content_is_redacted() -> None:
    raw = content(
        subject="password=s1",
        body="password=s2",
        metadata={"note": "token=s3", "cluster": "prod"},
        labels={"l": "sk-secret4"},
        annotations={"a": "secret: s5"},
        action_links=({"service": "g", "url": "https://g/?token=s6&x=1", "label": "password=s7"},),
        recipients=({"email": "a@b.io"},),
        remediation_ref="rr-1",
    )
    redacted, counts = redact_content_counted(raw)
    assert redacted == content(
        subject="password=[REDACTED]",
        body="password=[REDACTED]",
        metadata={"note": "token=[REDACTED]", "cluster": "prod"},
        labels={"l": "[REDACTED]"},
        annotations={"a": "secret: [REDACTED]"},
        action_links=(
            {"service": "g", "url": "https://g/?token=[REDACTED]&x=1", "label": "password=[REDACTED]"},
        ),
        recipients=({"email": "a@b.io"},),
        remediation_ref="rr-1",
    )
    assert counts == Counter(password=3, token=2, sk_key=1, secret=1)
    assert redact_content(raw) == redacted
    assert redact_content_counted(redacted) == (redacted, Counter())


def test_field_without_an_exception_is_redacted_and_withheld() -> None:
    kept = {"type", "priority", "recipients", "remediation_ref", "event", "dedup_key", "format", "template"}
    assert set(free_texts(content())) == {each.name for each in fields(Content)} - kept


def test_original_content_is_not_changed() -> None:
    raw = content(metadata={"password": "x"}, body="password=x")
    redact_content(raw)
    assert raw == content(metadata={"password": "x"}, body="password=x")


@pytest.mark.parametrize(
    "key", ["password", "DB_PASSWORD", "apiKey", "x-api-key", "access_token", "clientSecret", "Authorization"]
)
def test_value_of_a_secret_key_is_redacted_whole(key: str) -> None:
    redacted, counts = redact_content_counted(content(metadata={key: "plain words"}))
    assert redacted.metadata == {key: "[REDACTED]"}
    assert counts == Counter(keyed_value=1)


@pytest.mark.parametrize(
    "key", ["GITHUB_TOKEN", "DB_PASS", "secretKey", "ssh_passphrase", "credentials", "psk"]
)
def test_value_of_a_likely_key_is_redacted_unless_it_is_a_number(key: str) -> None:
    assert redact_content(content(metadata={key: "plain words"})).metadata == {key: "[REDACTED]"}
    assert redact_content(content(metadata={key: "4096"})).metadata == {key: "4096"}


def test_keys_of_maps_are_redacted_and_stay_distinct() -> None:
    raw = content(metadata={"password=a1": "x", "password=b2": "y", "team": "web"}, labels={"token: c3": "z"})
    redacted, counts = redact_content_counted(raw)
    assert redacted.metadata == {"password=[REDACTED]": "x", "password=[REDACTED] 2": "y", "team": "web"}
    assert redacted.labels == {"token: [REDACTED]": "z"}
    assert counts == Counter(password=2, token=1)
    assert redact_content_counted(redacted) == (redacted, Counter())


@pytest.mark.parametrize(("key", "value"), [("secretName", "x"), ("password_hint", "x"), ("token", "")])
def test_value_of_another_key_stays(key: str, value: str) -> None:
    assert redact_content(content(metadata={key: value})).metadata == {key: value}


def test_disabled_rules_apply_to_no_part_of_a_content() -> None:
    raw = content(subject="10.0.0.1", metadata={"mail": "a@b.io"})
    assert redact_content(raw, Rules(emails=False, ipv4=False)) == raw


def test_incident_whose_name_contains_a_secret_keeps_a_name_of_its_own() -> None:
    names = ["token=abc123", "token=abc124", "disk/full"]
    redacted = [redact_content(content(dedup_key=name)).dedup_key for name in names]
    assert len(set(redacted)) == 3
    assert redacted[2] == "disk/full"
    assert not any("abc" in name for name in redacted)
    assert [redact_key(name) for name in names] == redacted == [redact_key(name) for name in redacted]
    assert redact_content_counted(content(dedup_key=names[0]))[1] == Counter(token=1)
