"""The headers of a client: credentials, and Retry-After in all its forms."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from kubernetes.aio.client import ApiClient, Configuration

from atomic_status.headers import auth_headers, parse_retry_after

NOW = datetime(2026, 5, 6, 7, 8, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    ("keys", "headers"),
    [
        ({}, {}),
        ({"BearerToken": ""}, {}),
        ({"authorization": "Bearer t0ken"}, {"authorization": "Bearer t0ken"}),
        ({"BearerToken": "Bearer t0ken"}, {"authorization": "Bearer t0ken"}),
    ],
)
async def test_auth_headers_hold_the_present_token(keys: dict[str, str], headers: dict[str, str]) -> None:
    configuration = Configuration(host="https://127.0.0.1")
    async with ApiClient(configuration) as client:
        configuration.api_key = keys
        assert await auth_headers(client) == headers


@pytest.mark.parametrize(
    ("value", "delay"),
    [
        (None, None),
        ("", None),
        ("7", 7.0),
        ("0", 0.0),
        ("1.5", 1.5),
        ("-1", None),
        ("nan", None),
        ("inf", None),
        ("soon", None),
        (format_datetime(NOW + timedelta(seconds=90), usegmt=True), 90.0),
        (format_datetime(NOW - timedelta(seconds=90), usegmt=True), 0.0),
        ("Wed, 06 May 2026 07:09:39 -0000", 90.0),
        ("Wed, 06 May 99999 07:09:39 GMT", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(value: str | None, delay: float | None) -> None:
    assert parse_retry_after(value, now=NOW) == delay


def test_retry_after_date_is_ignored_without_a_reference() -> None:
    assert parse_retry_after(format_datetime(NOW, usegmt=True)) is None
    assert parse_retry_after("7") == 7.0
