"""Checks of what the user wrote, before a connection is made: each names the argument, its value and the hint."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlsplit

from notification_cli.errors import CliError, ExitCode
from notification_cli.views.rows import ReceiverFilter
from notification_cli.views.text import parse_duration

LONGEST: Final = 10 * 365 * 86400
"""Seconds of the longest duration: subtracting it from a time gives one that exists."""


def usage(text: str) -> CliError:
    """Return the error for wrong usage."""
    return CliError(text, code=ExitCode.USAGE)


def seconds_of(option: str, text: str) -> float:
    """Return the seconds of a duration.

    Raises:
        CliError: it is no duration.
    """
    try:
        seconds = parse_duration(text)
    except ValueError as error:
        raise usage(f"{option}: {error}") from None
    if seconds > LONGEST:
        raise usage(f"{option}: {text!r} is longer than ten years; use a shorter one")
    return seconds


def receiver_filter(text: str, *, option: str = "--receiver") -> ReceiverFilter:
    """Return a receiver that is written as `NAME` or `NAMESPACE/NAME`.

    Raises:
        CliError: it has another form.
    """
    try:
        return ReceiverFilter.parse(text)
    except ValueError as error:
        raise usage(f"{option}: {error}") from None


def is_url(text: str) -> bool:
    """Return whether a text is a URL of http or https."""
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.hostname)


def moment_of(option: str, text: str, now: datetime) -> datetime:
    """Return the time of an RFC 3339 text, or of a duration from now.

    Raises:
        CliError: it is neither.
    """
    try:
        return now + timedelta(seconds=parse_duration(text))
    except (ValueError, OverflowError):
        pass
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise usage(
            f"{option}: {text!r} is no time; write it like 2026-01-31T12:00:00Z, or like 15m for a time from now"
        )
    return moment
