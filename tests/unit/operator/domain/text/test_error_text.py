"""The text of an error, as a status keeps it."""

import json

import pytest

from notification_operator.domain.redaction.redact import Rules, redact
from notification_operator.domain.text.error_text import LIMIT, chain, describe


class PlainError(Exception):
    """Its messages are written for people."""


class SilentError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no words")


def caused(outer: BaseException, *inner: BaseException) -> BaseException:
    link = outer
    for cause in inner:
        link.__cause__ = cause
        link = cause
    return outer


def test_an_error_is_named_by_its_class_and_message() -> None:
    assert describe(ValueError("bad input")) == "ValueError: bad input"
    assert describe(KeyError("url")) == "KeyError: 'url'"


def test_a_class_whose_messages_speak_for_themselves_is_not_named() -> None:
    assert describe(PlainError("503: busy"), bare=PlainError) == "503: busy"
    assert describe(PlainError("503: busy"), bare=(KeyError, PlainError)) == "503: busy"


@pytest.mark.parametrize("message", ["", "  \n "])
def test_an_error_without_a_message_is_its_class_name(message: str) -> None:
    assert describe(PlainError(message), bare=PlainError) == "PlainError"
    assert describe(TimeoutError()) == "TimeoutError"


def test_an_error_that_cannot_say_what_it_is_gets_a_fallback() -> None:
    assert describe(SilentError()) == "SilentError (no text: __str__ failed)"
    outer = caused(PlainError("upload failed"), SilentError())
    assert describe(outer, bare=PlainError).endswith("caused by SilentError (no text: __str__ failed)")


def test_the_root_cause_is_shown_and_what_lies_between_is_not() -> None:
    error = caused(PlainError("upload failed"), RuntimeError("middle"), OSError("connection refused"))
    assert describe(error, bare=PlainError) == "upload failed; caused by OSError: connection refused"


def test_a_root_cause_that_the_outer_text_holds_is_not_repeated() -> None:
    error = caused(PlainError("upload failed: disk full"), PlainError("disk full"))
    assert describe(error, bare=PlainError) == "upload failed: disk full"


def handled(first: Exception, second: Exception, *, hidden: bool) -> Exception:
    """Return the second error as it is when it was raised while the first was handled."""
    try:
        try:
            raise first
        except OSError:
            if hidden:
                raise second from None
            raise second  # noqa: B904 - the context alone is what this is about
    except PlainError as caught:
        return caught


def test_an_error_met_while_another_was_handled_counts_as_its_cause() -> None:
    error = handled(OSError("refused"), PlainError("gave up"), hidden=False)
    assert describe(error) == "PlainError: gave up; caused by OSError: refused"


def test_a_cause_that_was_hidden_on_purpose_stays_hidden() -> None:
    error = handled(OSError("refused"), PlainError("gave up"), hidden=True)
    assert describe(error) == "PlainError: gave up"


def test_a_group_leads_to_its_first_member() -> None:
    first = ValueError("first")
    first.__cause__ = OSError("root")
    group = ExceptionGroup("two failed", [first, ValueError("second")])
    assert [type(link) for link in chain(group)] == [ExceptionGroup, ValueError, OSError]
    assert describe(group).endswith("caused by OSError: root")


def test_a_chain_that_bites_its_tail_ends() -> None:
    first, second = ValueError("first"), ValueError("second")
    caused(first, second, first)
    assert list(chain(first)) == [first, second]
    assert list(chain(None)) == []


def test_what_json_and_terminals_cannot_hold_is_replaced() -> None:
    text = describe(PlainError("a\0b\x1b[31m\x7f\x85\ud800c\r\n\té日本"), bare=PlainError)
    assert text == "a\ufffdb\ufffd[31m\ufffd\ufffd\ufffdc\ufffd\n\té日本"
    text.encode()


def test_bytes_that_are_no_text_are_replaced() -> None:
    assert describe(PlainError(b"a\xffb".decode(errors="surrogateescape")), bare=PlainError) == "a\ufffdb"


def test_a_receiver_s_words_are_kept_as_they_are() -> None:
    words = json.dumps({"error": 'say "no"\n\tand \\ more', "détail": "日本語"}, ensure_ascii=False)
    assert describe(PlainError(f"500: {words}"), bare=PlainError) == f"500: {words}"


def test_secrets_are_masked_in_the_whole_chain() -> None:
    error = caused(PlainError("POST https://h/?token=abc failed"), OSError("password: hunter2"))
    assert describe(error, bare=PlainError) == (
        "POST https://h/?token=[REDACTED] failed; caused by OSError: password: [REDACTED]"
    )


def test_addresses_are_masked_unless_the_rules_leave_them_alone() -> None:
    error = PlainError("10.0.0.1 refused a@b.io")
    assert describe(error, bare=PlainError) == "[REDACTED] refused [REDACTED]"
    rules = Rules(emails=False, ipv4=False)
    assert (
        describe(error, bare=PlainError, redact=lambda text: redact(text, rules)) == "10.0.0.1 refused a@b.io"
    )


def test_the_mark_goes_in_front() -> None:
    assert (
        describe(PlainError("404"), bare=PlainError, mark="permanent failure: ") == "permanent failure: 404"
    )


@pytest.mark.parametrize("length", [LIMIT - 1, LIMIT])
def test_a_text_within_the_limit_is_whole(length: int) -> None:
    assert describe(PlainError("x" * length), bare=PlainError) == "x" * length


@pytest.mark.parametrize("length", [LIMIT + 1, 20_000, 1_000_000])
def test_a_longer_text_is_cut_to_the_limit_and_says_so(length: int) -> None:
    text = describe(PlainError("x" * length), bare=PlainError)
    assert len(text) == LIMIT
    assert text.startswith("xxx")
    assert text.endswith(f"x… [truncated from {length} characters]")


def test_the_mark_counts_towards_the_limit() -> None:
    text = describe(PlainError("x" * LIMIT), bare=PlainError, mark="permanent failure: ")
    assert len(text) == LIMIT
    assert text.startswith("permanent failure: xxx")
    assert text.endswith("[truncated from 2067 characters]")


def test_a_text_that_only_secrets_made_long_is_not_cut() -> None:
    assert describe(PlainError("password=" + "x" * LIMIT), bare=PlainError) == "password=[REDACTED]"


def test_a_text_that_was_not_read_to_its_end_says_so_even_when_little_is_left() -> None:
    text = describe(PlainError("password=" + "x" * 100_000), bare=PlainError)
    assert text == "password=[REDACTED]… [truncated from 100009 characters]"


def test_no_part_of_a_secret_survives_at_the_cut() -> None:
    key = "-----BEGIN PRIVATE KEY-----\n" + "MIIB" * 50_000
    assert "MIIB" not in describe(PlainError(f"load failed: {key}"), bare=PlainError)
