"""The text of an error, as a status holds it."""

import errno
import json
import socket
import ssl

import pytest

from notification_domain.error_text import LIMIT, UNEXPECTED, chain, describe, readable
from notification_domain.redaction.redact import Rules, redact


class PlainError(Exception):
    pass


class SilentError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")


def caused(outer: BaseException, *inner: BaseException) -> BaseException:
    link = outer
    for cause in inner:
        link.__cause__ = cause
        link = cause
    return outer


class UnreachableError(OSError):
    """Has what the errors of aiohttp have."""

    def __init__(self, reason: Exception, *, attribute: str = "os_error") -> None:
        super().__init__("Cannot connect to host hooks.example.com:443 ssl:default [Connect call failed]")
        self.host, self.port = "hooks.example.com", 443
        setattr(self, attribute, reason)


def untrusted(message: str) -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(
        1, f"[SSL: CERTIFICATE_VERIFY_FAILED] failed: {message} (_ssl.c:992)"
    )
    error.verify_message = message
    return error


def tls(reason: str) -> ssl.SSLError:
    error = ssl.SSLError(1, f"[SSL: {reason}] text (_ssl.c:992)")
    error.reason = reason
    return error


PLACE = "hooks.example.com:443"


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ValueError("bad input"), "bad input"),
        (KeyError("url"), "'url' is missing"),
        (PlainError("503: busy"), "503: busy"),
        (TimeoutError(), "no answer in time"),
        (TimeoutError("no answer within 5 s"), "no answer within 5 s"),
        (ConnectionRefusedError(111, "Connect call failed ('10.0.0.1', 443)"), "connection refused"),
        (OSError(None, "no answer from a name server"), "no answer from a name server"),
        (PlainError(4, "Domain name not found"), "Domain name not found"),
        (PlainError("[Errno 111] Connect call failed"), "Connect call failed"),
        (FileNotFoundError(2, "No such file", "/etc/token"), "/etc/token: no such file or directory"),
        (
            socket.gaierror(-2, "Name or service not known"),
            "the name cannot be resolved: name or service not known",
        ),
        (tls("WRONG_VERSION_NUMBER"), "TLS failed: wrong version number"),
        (untrusted("certificate has expired"), "the certificate is not valid: certificate has expired"),
        (UnreachableError(ConnectionRefusedError(111, "x")), f"connection refused by {PLACE}"),
        (UnreachableError(OSError(113, "x")), f"{PLACE}: no route to host"),
        (
            UnreachableError(untrusted("self-signed"), attribute="certificate_error"),
            f"{PLACE}: the certificate is not valid: self-signed",
        ),
    ],
)
def test_error_is_what_happened_without_classes_and_numbers(error: Exception, text: str) -> None:
    assert readable(error) == describe(error, redact=str) == text


@pytest.mark.parametrize("number", sorted(errno.errorcode)[:60])
def test_refusal_of_the_system_is_in_words(number: int) -> None:
    text = readable(UnreachableError(OSError(number, "x")))
    assert text not in {f"{PLACE}: x", UNEXPECTED}
    assert "Errno" not in text


@pytest.mark.parametrize(
    "error", [PlainError(), PlainError(" \n "), SilentError(), SystemExit(3), KeyboardInterrupt()]
)
def test_error_that_says_nothing_refers_to_the_log(error: BaseException) -> None:
    assert describe(error) == UNEXPECTED
    assert describe(caused(PlainError("upload failed"), error)) == f"upload failed; caused by {UNEXPECTED}"


def test_root_cause_is_shown_without_intermediate_causes() -> None:
    error = caused(PlainError("upload failed"), RuntimeError("middle"), OSError("connection refused"))
    assert describe(error) == "upload failed; caused by connection refused"


def test_root_cause_in_the_outer_text_is_not_repeated() -> None:
    error = caused(PlainError("upload failed: disk full"), PlainError("disk full"))
    assert describe(error) == "upload failed: disk full"


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
    assert describe(error) == "gave up; caused by refused"


def test_suppressed_context_is_not_shown() -> None:
    error = handled(OSError("refused"), PlainError("gave up"), hidden=True)
    assert describe(error) == "gave up"


def test_group_leads_to_its_first_member() -> None:
    first = ValueError("first")
    first.__cause__ = OSError("root")
    group = ExceptionGroup("two failed", [first, ValueError("second")])
    assert [type(link) for link in chain(group)] == [ExceptionGroup, ValueError, OSError]
    assert describe(group).endswith("caused by root")


def test_cyclic_chain_ends() -> None:
    first, second = ValueError("first"), ValueError("second")
    caused(first, second, first)
    assert list(chain(first)) == [first, second]
    assert list(chain(None)) == []


def test_unprintable_characters_are_replaced() -> None:
    text = describe(PlainError("a\0b\x1b[31m\x7f\x85\ud800c\r\n\té日本"))
    assert text == "a\ufffdb\ufffd[31m\ufffd\ufffd\ufffdc\ufffd\n\té日本"
    text.encode()


def test_undecodable_bytes_are_replaced() -> None:
    assert describe(PlainError(b"a\xffb".decode(errors="surrogateescape"))) == "a\ufffdb"


def test_text_of_a_receiver_is_kept_unchanged() -> None:
    body = json.dumps({"error": 'say "no"\n\tand \\ more', "détail": "日本語"}, ensure_ascii=False)
    assert describe(PlainError(f"500: {body}")) == f"500: {body}"


def test_secrets_are_redacted_in_the_whole_chain() -> None:
    error = caused(PlainError("POST https://h/?token=abc failed"), OSError("password: hunter2"))
    assert describe(error) == ("POST https://h/?token=[REDACTED] failed; caused by password: [REDACTED]")


def test_addresses_are_redacted_unless_the_rules_exclude_them() -> None:
    error = PlainError("10.0.0.1 refused a@b.io")
    assert describe(error) == "[REDACTED] refused [REDACTED]"
    rules = Rules(emails=False, ipv4=False)
    assert describe(error, redact=lambda text: redact(text, rules)) == "10.0.0.1 refused a@b.io"


def test_mark_precedes_the_text() -> None:
    assert describe(PlainError("404"), mark="permanent failure: ") == "permanent failure: 404"


@pytest.mark.parametrize("length", [LIMIT - 1, LIMIT])
def test_text_within_the_limit_is_whole(length: int) -> None:
    assert describe(PlainError("x" * length)) == "x" * length


@pytest.mark.parametrize("length", [LIMIT + 1, 20_000, 1_000_000])
def test_longer_text_is_truncated_with_a_note(length: int) -> None:
    text = describe(PlainError("x" * length))
    assert len(text) == LIMIT
    assert text.startswith("xxx")
    assert text.endswith(f"x… [truncated from {length} characters]")


def test_mark_counts_towards_the_limit() -> None:
    text = describe(PlainError("x" * LIMIT), mark="permanent failure: ")
    assert len(text) == LIMIT
    assert text.startswith("permanent failure: xxx")
    assert text.endswith("[truncated from 2067 characters]")


def test_text_is_not_truncated_after_redaction_made_it_short() -> None:
    assert describe(PlainError("password=" + "x" * LIMIT)) == "password=[REDACTED]"


def test_partly_redacted_text_is_marked_as_truncated() -> None:
    text = describe(PlainError("password=" + "x" * 100_000))
    assert text == "password=[REDACTED]… [truncated from 100009 characters]"


def test_truncation_reveals_no_part_of_a_secret() -> None:
    key = "-----BEGIN PRIVATE KEY-----\n" + "MIIB" * 50_000
    assert "MIIB" not in describe(PlainError(f"load failed: {key}"))
