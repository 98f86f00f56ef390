"""HTTP headers of a client of the API server: credentials of a request, and the delay before a retry."""

from __future__ import annotations

import math
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from kubernetes.aio.client import ApiClient

AUTH_SETTINGS = ("BearerToken",)
"""The client's one authentication setting; it holds whatever the credentials put into the header."""


async def auth_headers(client: ApiClient) -> dict[str, str]:
    """Return the headers that authenticate a request now; empty for a client certificate.

    The client renews a token that expires, so the headers are requested for each request or session.
    """
    headers: dict[str, str | None] = {}
    await client.update_params_for_auth(headers, [], AUTH_SETTINGS, "", "GET", None)
    return {name: value for name, value in headers.items() if value}


def parse_retry_after(value: str | None, *, now: datetime | None = None) -> float | None:
    """Return the delay in seconds of a Retry-After header; None without a valid one.

    Args:
        value: the header: seconds or an HTTP date.
        now: the reference of a date; without it a date is ignored.
    """
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        return None if now is None else _seconds_until(value, now)
    return seconds if math.isfinite(seconds) and seconds >= 0 else None


def _seconds_until(value: str, now: datetime) -> float | None:
    try:
        moment = parsedate_to_datetime(value)
        aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return max((aware - now).total_seconds(), 0.0)
    except (ValueError, OverflowError):
        return None
