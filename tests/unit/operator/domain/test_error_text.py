"""The text of an error, as a status holds it."""

import json

import pytest

from notification_domain.error_text import LIMIT, chain, describe
from notification_domain.redaction.redact import Rules, redact


class PlainError(Exception):
    """Its messages need no class name."""


class SilentError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")


def caused(outer: BaseException, *inner: BaseException) -> BaseException:
    link = outer
    for cause in inner:
        link.__cause__ = cause
        link = cause
    return outer


def test_error_is_described_by_class_and_message() -> None:
    assert describe(ValueError("bad input")) == "ValueError: bad input"
    assert describe(KeyError("url")) == "KeyError: 'url'"


def test_bare_class_is_described_by_its_message() -> None:
    assert describe(PlainError("503: busy"), bare=PlainError) == "503: busy"
    assert describe(PlainError("503: busy"), bare=(KeyError, PlainError)) == "503: busy"


@pytest.mark.parametrize("message", ["", "  \n "])
def test_error_without_a_message_is_its_class_name(message: str) -> None:
    assert describe(PlainError(message), bare=PlainError) == "PlainError"
    assert describe(TimeoutError()) == "TimeoutError"


def test_error_with_a_failing_str_has_a_fallback_text() -> None:
    assert describe(SilentError()) == "SilentError (no text: __str__ failed)"
    outer = caused(PlainError("upload failed"), SilentError())
    assert describe(outer, bare=PlainError).endswith("caused by SilentError (no text: __str__ failed)")


def test_root_cause_is_shown_without_intermediate_causes() -> None:
    error = caused(PlainError("upload failed"), RuntimeError("middle"), OSError("connection refused"))
    assert describe(error, bare=PlainError) == "upload failed; caused by OSError: connection refused"


def test_root_cause_in_the_outer_text_is_not_repeated() -> None:
    error = caused(PlainError("upload failed: disk full"), PlainError("disk full"))
    assert describe(error, bare=PlainError) == "upload failed: disk full"


def handled(first: Exception, second: Exception, *, hidden: bool) -> Exception:
    """Return the second error, raised while the first one was handled."""
    try:
        try:
            raise first
        except OSError:
            if hidden:
                raise second from None
            raise second  # noqa: B904 - the context is the subject
    except PlainError as caught:
        return caught


def test_context_of_an_error_counts_as_its_cause() -> None:
    error = handled(OSError("refused"), PlainError("gave up"), hidden=False)
    assert describe(error) == "PlainError: gave up; caused by OSError: refused"


def test_suppressed_context_is_not_shown() -> None:
    error = handled(OSError("refused"), PlainError("gave up"), hidden=True)
    assert describe(error) == "PlainError: gave up"


def test_group_leads_to_its_first_member() -> None:
    first = ValueError("first")
    first.__cause__ = OSError("root")
    group = ExceptionGroup("two failed", [first, ValueError("second")])
    assert [type(link) for link in chain(group)] == [ExceptionGroup, ValueError, OSError]
    assert describe(group).endswith("caused by OSError: root")


def test_cyclic_chain_ends() -> None:
    first, second = ValueError("first"), ValueError("second")
    caused(first, second, first)
    assert list(chain(first)) == [first, second]
    assert list(chain(None)) == []


def test_unprintable_characters_are_replaced() -> None:
    text = describe(PlainError("a\0b\x1b[31m\x7f\x85\ud800c\r\n\té日本"), bare=PlainError)
    assert text == "a\ufffdb\ufffd[31m\ufffd\ufffd\ufffdc\ufffd\n\té日本"
    text.encode()


def test_undecodable_bytes_are_replaced() -> None:
    assert describe(PlainError(b"a\xffb".decode(errors="surrogateescape")), bare=PlainError) == "a\ufffdb"


def test_text_of_a_receiver_is_kept_unchanged() -> None:
    body = json.dumps({"error": 'say "no"\n\tand \\ more', "détail": "日本語"}, ensure_ascii=False)
    assert describe(PlainError(f"500: {body}"), bare=PlainError) == f"500: {body}"


def test_secrets_are_redacted_in_the_whole_chain() -> None:
    error = caused(PlainError("POST https://h/?token=abc failed"), OSError("password: hunter2"))
    assert describe(error, bare=PlainError) == (
        "POST https://h/?token=[REDACTED] failed; caused by OSError: password: [REDACTED]"
    )


def test_addresses_are_redacted_unless_the_rules_exclude_them() -> None:
    error = PlainError("10.0.0.1 refused a@b.io")
    assert describe(error, bare=PlainError) == "[REDACTED] refused [REDACTED]"
    rules = Rules(emails=False, ipv4=False)
    assert (
        describe(error, bare=PlainError, redact=lambda text: redact(text, rules)) == "10.0.0.1 refused a@b.io"
    )


def test_mark_precedes_the_text() -> None:
    assert (
        describe(PlainError("404"), bare=PlainError, mark="permanent failure: ") == "permanent failure: 404"
    )


@pytest.mark.parametrize("length", [LIMIT - 1, LIMIT])
def test_text_within_the_limit_is_whole(length: int) -> None:
    assert describe(PlainError("x" * length), bare=PlainError) == "x" * length


@pytest.mark.parametrize("length", [LIMIT + 1, 20_000, 1_000_000])
def test_longer_text_is_truncated_with_a_note(length: int) -> None:
    text = describe(PlainError("x" * length), bare=PlainError)
    assert len(text) == LIMIT
    assert text.startswith("xxx")
    assert text.endswith(f"x… [truncated from {length} characters]")


def test_mark_counts_towards_the_limit() -> None:
    text = describe(PlainError("x" * LIMIT), bare=PlainError, mark="permanent failure: ")
    assert len(text) == LIMIT
    assert text.startswith("permanent failure: xxx")
    assert text.endswith("[truncated from 2067 characters]")


def test_text_is_not_truncated_after_redaction_made_it_short() -> None:
    assert describe(PlainError("password=" + "x" * LIMIT), bare=PlainError) == "password=[REDACTED]"


def test_partly_redacted_text_is_marked_as_truncated() -> None:
    text = describe(PlainError("password=" + "x" * 100_000), bare=PlainError)
    assert text == "password=[REDACTED]… [truncated from 100009 characters]"


def test_truncation_reveals_no_part_of_a_secret() -> None:
    key = "-----BEGIN PRIVATE KEY-----\n" + "MIIB" * 50_000
    assert "MIIB" not in describe(PlainError(f"load failed: {key}"), bare=PlainError)
