"""Exit codes, and errors with one line for the user."""

from __future__ import annotations

from enum import IntEnum
from http import HTTPStatus


class ExitCode(IntEnum):
    """The exit codes of every command; docs/cli.md lists them."""

    OK = 0
    NEGATIVE = 1
    """The answer is no: not found, not delivered, invalid, or an expectation does not hold."""
    USAGE = 2
    NO_ACCESS = 3
    """The cluster does not respond, refuses the request, or does not serve notifications."""
    TIMEOUT = 4
    """What `--wait` waits for did not happen in time."""


class CliError(Exception):
    """Ends a command; the message is one line that says what to do."""

    def __init__(self, message: str, *, code: ExitCode = ExitCode.NEGATIVE) -> None:
        super().__init__(message)
        self.code = code


class ApiError(CliError):
    """The API server refused a request, or did not respond.

    Args:
        message: one line for the user.
        status: the HTTP status; None without a response.
        next_page: where an expired listing may be continued with newer objects.
        unselectable: whether the CRD does not offer the field of a field selector.
        of_object: whether it is about one object, and not about its kind.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        next_page: str = "",
        unselectable: bool = False,
        of_object: bool = False,
    ) -> None:
        super().__init__(message, code=ExitCode.NO_ACCESS)
        self.status = status
        self.of_object = of_object
        self.next_page = next_page
        self.unselectable = unselectable

    @property
    def passes(self) -> bool:
        """Whether the same request can succeed later."""
        overloaded = self.status == HTTPStatus.TOO_MANY_REQUESTS
        return self.status is None or overloaded or self.status >= HTTPStatus.INTERNAL_SERVER_ERROR
