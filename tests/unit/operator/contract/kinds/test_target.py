"""The keys of targets."""

from __future__ import annotations

from hashlib import sha256
from uuid import UUID

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from notification_contract import bounds
from notification_contract.kinds.target import (
    ADDRESS_DIGITS,
    LISTED_DIGITS,
    MAX_TARGETS,
    TargetKey,
    address_digits,
    listed_digits,
    object_digits,
)

LABELS = st.from_regex(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", fullmatch=True)
DIGITS = st.from_regex(r"[0-9a-f]{8}|[0-9a-f]{12}", fullmatch=True)
OF_RECEIVERS = st.builds(
    TargetKey,
    channel=LABELS,
    namespace=st.just("") | LABELS,
    receiver=LABELS,
    address=st.just("") | DIGITS,
)
KEYS = st.builds(TargetKey, channel=LABELS) | OF_RECEIVERS


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("slack", TargetKey(channel="slack")),
        ("slack/checkout", TargetKey(channel="slack", receiver="checkout")),
        (
            "pagerduty/platform/on-call",
            TargetKey(channel="pagerduty", namespace="platform", receiver="on-call"),
        ),
        ("email/smtp#1f3a9c20", TargetKey(channel="email", receiver="smtp", address="1f3a9c20")),
        (
            "email/platform/smtp#1f3a9c20",
            TargetKey(channel="email", namespace="platform", receiver="smtp", address="1f3a9c20"),
        ),
    ],
)
def test_key_has_the_documented_parts(text: str, key: TargetKey) -> None:
    assert TargetKey.parse(text) == key
    assert str(key) == text


@pytest.mark.parametrize("text", ["", "/", "a/", "/a", "a//b", "a/b/c/d", "#", "a#b", "a/b#", "a//b#c"])
def test_text_that_is_no_key_is_the_name_of_a_channel(text: str) -> None:
    assert TargetKey.parse(text) == TargetKey(channel=text)


@given(KEYS)
def test_parsing_reads_what_is_written(key: TargetKey) -> None:
    assert TargetKey.parse(str(key)) == key


@given(st.text(alphabet="ab/#", max_size=10) | st.text())
@example("a/b#")
@example("a/b##")
def test_written_key_is_the_text_that_was_parsed(text: str) -> None:
    assert str(TargetKey.parse(text)) == text


@given(st.lists(KEYS, min_size=2, max_size=2, unique=True))
def test_different_keys_have_different_texts(keys: list[TargetKey]) -> None:
    first, second = keys
    assert str(first) != str(second)


@given(OF_RECEIVERS, st.text(max_size=320), st.uuids())
def test_key_of_a_recipient_shows_no_address(key: TargetKey, address: str, uid: UUID) -> None:
    named, listed = (key.to(digits) for digits in (address_digits(address), listed_digits(address, str(uid))))
    assert str(named).endswith(f"#{sha256(address.encode('utf-8')).hexdigest()[:8]}")
    assert [len(each.address) for each in (named, listed)] == [ADDRESS_DIGITS, LISTED_DIGITS]
    assert {TargetKey.parse(str(each)).receiver for each in (named, listed)} == {key.receiver}


def test_digits_of_a_listed_recipient_are_for_readers_of_its_receiver_only() -> None:
    """Whoever reads a status may try all numbers of a country, but not all uids."""
    receivers = [str(UUID(int=number)) for number in range(200)]
    digits = {listed_digits("+4915112345678", uid)[-ADDRESS_DIGITS:] for uid in receivers}
    assert len(digits) == len(receivers)
    assert address_digits("+4915112345678") not in digits


def test_listed_recipients_of_a_receiver_have_its_digits_in_common() -> None:
    ann, bob, other = (
        listed_digits(address, uid)
        for address, uid in (("ann@a.de", "1"), ("bob@a.de", "1"), ("ann@a.de", "2"))
    )
    assert [each.startswith(object_digits("1")) for each in (ann, bob, other)] == [True, True, False]


def test_longest_key_is_within_the_bound_of_the_status() -> None:
    longest = "x" * bounds.RECEIVER_NAME
    key = TargetKey(channel=longest, namespace=longest, receiver=longest).to("f" * LISTED_DIGITS)
    assert len(str(key)) <= bounds.TARGET_KEY
    assert MAX_TARGETS == bounds.TARGETS


def test_address_digits_are_the_same_for_the_same_address() -> None:
    assert address_digits("a@example.com") == address_digits("a@example.com")
    assert address_digits("a@example.com") != address_digits("b@example.com")
