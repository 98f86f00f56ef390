"""Failures of the Kubernetes API, translated once: every call of this package raises `KubeError` and nothing else."""

from __future__ import annotations

from contextlib import contextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import aiohttp
from kubernetes.aio.client.exceptions import ApiException

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


class KubeError(Exception):
    """A call of the API server failed.

    Args:
        status: the HTTP status of a refusal; None when there was no usable response.
        reason: the API server's message, or the cause of a missing response.
    """

    def __init__(self, *, status: int | None, reason: str) -> None:
        super().__init__(f"{status} {reason}" if status else reason)
        self.status = status
        self.reason = reason

    @property
    def not_found(self) -> bool:
        """Whether the object, or its kind, does not exist."""
        return self.status == HTTPStatus.NOT_FOUND

    @property
    def conflict(self) -> bool:
        """Whether the object exists already, or has changed since it was read."""
        return self.status == HTTPStatus.CONFLICT

    @property
    def expired(self) -> bool:
        """Whether the version to continue or to watch from is too old."""
        return self.status == HTTPStatus.GONE

    @property
    def denied(self) -> bool:
        """Whether the account may not do this, or is not known."""
        return self.status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}

    @property
    def bad_request(self) -> bool:
        """Whether the API server cannot interpret the request."""
        return self.status == HTTPStatus.BAD_REQUEST

    @property
    def transient(self) -> bool:
        """Whether the same call may succeed later."""
        return (
            not self.status
            or self.status == HTTPStatus.TOO_MANY_REQUESTS
            or self.status >= HTTPStatus.INTERNAL_SERVER_ERROR
        )


def from_status(status: Mapping[str, Any]) -> KubeError:
    """Return the error for a `Status` object, as refusals and the ERROR events of a watch carry it."""
    return KubeError(status=status.get("code"), reason=status.get("message", "no message"))


@contextmanager
def translated() -> Iterator[None]:
    """Turn every failure of a call into `KubeError`; cancellation passes through.

    Raises:
        KubeError: the API server refused the request, or there was no usable response.
    """
    try:
        yield
    except ApiException as error:
        raise KubeError(status=error.status, reason=str(error.reason)) from error
    except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
        raise KubeError(status=None, reason=str(error) or type(error).__name__) from error
