"""What can go wrong between a controller and the status of its object."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from atomic_status._ports import ObjectRef


class StatusError(Exception):
    """A status could not be read or written; `ref` names the object."""

    def __init__(self, ref: ObjectRef, message: str) -> None:
        super().__init__(f"{ref}: {message}")
        self.ref = ref
        """The object that the call was about."""


class Gone(StatusError):  # noqa: N818 - the word the API server uses
    """The object was deleted, or another one lives under its name; there is nothing left to do."""

    def __init__(self, ref: ObjectRef) -> None:
        super().__init__(ref, "the object no longer exists")


class Conflict(StatusError):  # noqa: N818 - the word the API server uses
    """The object changed between the read and the write; `apply` meets it with a new fresh read."""

    def __init__(self, ref: ObjectRef) -> None:
        super().__init__(ref, "the object changed since it was read")


class ConflictExhausted(StatusError):  # noqa: N818 - reads as a fact, like its siblings
    """Every try met another writer. Nothing was written; a later pass may try again."""

    def __init__(self, ref: ObjectRef, *, tries: int) -> None:
        super().__init__(ref, f"gave up after {tries} tries that all met another writer")
        self.tries = tries
        """How many writes were tried."""


class Rejected(StatusError):  # noqa: N818 - reads as a fact, like its siblings
    """The API server refuses this request for good (HTTP 400, 401, 403, 413, 422 …)."""

    def __init__(self, ref: ObjectRef, *, code: int, reason: str) -> None:
        super().__init__(ref, f"the API server refused the request with {code}: {reason}")
        self.code = code
        """The HTTP status."""


class Unavailable(StatusError):  # noqa: N818 - reads as a fact, like its siblings
    """No usable answer (HTTP 429 or 5xx, a time-out, a broken connection).

    A write that ends so may or may not have been applied. Making it again on a new fresh read is
    right in both cases, as long as the change is a pure function of what it reads.
    """

    def __init__(self, ref: ObjectRef, *, reason: str, retry_after: float | None = None) -> None:
        super().__init__(ref, f"the API server gave no usable answer: {reason}")
        self.retry_after = retry_after
        """The pause in seconds that the API server asked for, if it did."""
