"""Strategies for what can happen to a notification: policies, channels, results of attempts, texts."""

from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from notification_contract.kinds.channel_names import CHANNELS
from notification_contract.kinds.choices import AttemptStatus
from notification_domain.model import RetryPolicy

policies = st.builds(
    RetryPolicy,
    max_attempts=st.integers(1, 10),
    initial_backoff=st.integers(1, 300),
    multiplier=st.integers(1, 10),
    max_backoff=st.integers(60, 3600),
)
"""Every policy that the schema admits, also with an initial pause above the longest one."""

channel_lists = st.lists(st.sampled_from(CHANNELS), max_size=4)
"""What `spec.channels` may hold: repeats, or nothing, so that routing decides."""

seconds = st.one_of(st.just(0.0), st.integers(1, 30_000).map(lambda millis: millis / 1000))


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """The result of an attempt, and its duration."""

    status: AttemptStatus
    duration: float = 0.0
    permanent: bool = False
    retry_after: float | None = None
    circuit_open: bool = False


served = st.builds(Outcome, status=st.just(AttemptStatus.SUCCESS), duration=seconds)
refused = st.builds(Outcome, status=st.just(AttemptStatus.FAILED), duration=seconds, permanent=st.just(True))
failed = st.builds(
    Outcome,
    status=st.just(AttemptStatus.FAILED),
    duration=seconds,
    retry_after=st.none() | st.integers(0, 5000).map(float),
)
outcomes = st.sampled_from([failed, failed, failed, served, refused]).flatmap(lambda kind: kind)
"""Mostly transient failures, which make a long life."""

rejected = st.just(Outcome(status=AttemptStatus.FAILED, circuit_open=True))
"""An open circuit breaker rejected the attempt."""

foreign_fields: st.SearchStrategy[dict[str, Any]] = st.dictionaries(
    st.sampled_from(["theirNote", "theirCount", "theirMap"]),
    st.one_of(st.integers(), st.text(max_size=5), st.lists(st.integers(), max_size=2)),
    max_size=2,
)
"""Status fields of another writer."""

FRAGMENTS = (
    *("password", "pwd", "api_key", "apiKey", "token", "access_token", "secret", "client_secret"),
    *(
        "Authorization",
        "aws_access_key_id",
        "aws_secret_access_key",
        "generatorURL",
        "annotations",
        "username",
    ),
    *(
        ":",
        "=",
        ": ",
        " : ",
        "=> ",
        '"',
        '\\"',
        "'",
        ",",
        "}",
        "{",
        "[",
        "]",
        "&",
        "?",
        "#",
        "/",
        "\\",
        "%3D",
    ),
    *("https://", "postgresql://", "redis://", "://", "@", ".", ".co", "-", "_", "-----"),
    *("Bearer ", "Basic ", "digest ", "sk-", "sk-abcd", "ghp_" + "z" * 36, "AKIA" * 5, "q" * 40, "10.0.0.1"),
    *("-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----", "-----BEGIN RSA PRIVATE KEY-----"),
    *("[REDACTED]", "null", "YWJjZGVmZ2g=", "a", "1", "é", " ", "\n", "\r\n", "\t", "\0", "\ud800"),
)
secretive_texts = st.lists(st.one_of(st.sampled_from(FRAGMENTS), st.text(max_size=3)), max_size=14).map(
    "".join
)
"""Texts of the pieces that the rules look for, in any order."""

anything = st.text(st.characters(exclude_categories=()), max_size=200)
"""Any text, lone surrogates and NUL included."""
