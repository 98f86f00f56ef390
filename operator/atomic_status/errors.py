"""The errors of reading and writing a status."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from atomic_status._ports import ObjectRef


class StatusError(Exception):
    """A status could not be read or written; `ref` names the object."""

    def __init__(self, ref: ObjectRef, message: str) -> None:
        super().__init__(f"{ref}: {message}")
        self.ref = ref
        """The object of the call."""


class Gone(StatusError):  # noqa: N818 - the word the API server uses
    """The object was deleted, or another incarnation took its name; nothing is left to do."""

    def __init__(self, ref: ObjectRef) -> None:
        super().__init__(ref, "the object no longer exists")


class Conflict(StatusError):  # noqa: N818 - the word the API server uses
    """The object changed between the read and the write; `apply` reads it again."""

    def __init__(self, ref: ObjectRef) -> None:
        super().__init__(ref, "the object changed since it was read")


class ConflictExhausted(StatusError):  # noqa: N818 - reads as a fact, like its siblings
    """Every attempt conflicted with another writer. Nothing was written; reconcile again later."""

    def __init__(self, ref: ObjectRef, *, attempts: int) -> None:
        super().__init__(ref, f"gave up after {attempts} conflicting writes")
        self.attempts = attempts
        """The number of writes."""


class Rejected(StatusError):  # noqa: N818 - reads as a fact, like its siblings
    """The API server refuses this request permanently (HTTP 400, 401, 403, 413, 422 …)."""

    def __init__(self, ref: ObjectRef, *, code: int, reason: str) -> None:
        super().__init__(ref, f"the API server refused the request with {code}: {reason}")
        self.code = code
        """The HTTP status."""


class Unavailable(StatusError):  # noqa: N818 - reads as a fact, like its siblings
    """There was no usable response (HTTP 429 or 5xx, a time-out, a broken connection).

    A write that ends so may or may not have been applied. Repeating it on a new fresh read is correct in
    both cases, as long as the change is a pure function of its argument.
    """

    def __init__(self, ref: ObjectRef, *, reason: str, retry_after: float | None = None) -> None:
        super().__init__(ref, f"the API server gave no usable response: {reason}")
        self.retry_after = retry_after
        """The delay in seconds that the API server asked for, if any."""
