"""Exceptions that end a request; the server translates each into a response."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class Unauthenticated(Exception):  # noqa: N818 - reads as a fact, like the errors of the kit
    """The request has no valid credentials. The response must not show whether its path exists."""


class Forbidden(Exception):  # noqa: N818 - as above
    """The caller is known, and may not do this."""


class Unavailable(Exception):  # noqa: N818 - as above
    """The same request may succeed later.

    Args:
        reason: for the log and for authenticated senders. The log adds the cause of the exception.
        retry_after: seconds; None if nothing is known of it.
    """

    def __init__(self, reason: str, *, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


class Limited(Unavailable):
    """The source sends more than its rate limit."""


class NoNamespace(Unavailable):
    """The namespace does not exist, or no longer."""


class Refused(Exception):  # noqa: N818 - as above
    """The API server refuses the content of the notification.

    Args:
        reason: the message of the API server.
        causes: the fields, as the API server lists them.
    """

    def __init__(self, reason: str, causes: Sequence[Mapping[str, str]] = ()) -> None:
        super().__init__(reason)
        self.causes = causes


class Conflict(Exception):  # noqa: N818 - as above
    """The same key was used with another content."""


class NotFound(Exception):  # noqa: N818 - as above
    """There is no such notification."""


class Unacceptable(Exception):  # noqa: N818 - as above
    """The request itself is wrong, which an authenticated sender is told.

    Args:
        status: the HTTP status.
        reason: what is wrong, and what to do.
        allow: the method that the path has, for the status 405.
    """

    def __init__(self, status: int, reason: str, *, allow: str = "") -> None:
        super().__init__(reason)
        self.status = status
        self.allow = allow
