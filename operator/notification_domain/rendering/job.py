"""Jobs, which a renderer computes in this process or in the render worker, and the frames in which they travel."""

from __future__ import annotations

import json
import typing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Generic, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

HEAD: Final = 4
"""Bytes in front of a frame, which say how long it is."""
MAX_FRAME: Final = 6 * 1024 * 1024
"""Bytes of an answer; the largest message takes 5.7 MiB as a mail."""
MAX_VALUES: Final = 1_100_000
"""Commas and opening brackets of an answer, of which each may be an object in memory; the largest message has 1,048,576 as a mail."""
BYTES_PER_SECOND: Final = 128 * 1024
"""The share of a frame for which a job gets a further second of the processor."""
RESULT, FAILED = "result", "failed"
"""The keys of an answer: a result, or the name of the type of an error, whose text could hold a secret."""

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Job(Generic[P, T]):
    """A function of JSON values: what it gets, and what it returns, survives the way through a frame."""

    work: Callable[P, T]
    seconds: int
    """Processor time, for a short text; several times of what the most expensive one takes."""
    returns: type[T]
    """The type of a result, which the operator checks."""

    @property
    def name(self) -> str:
        return self.work.__name__

    def __call__(self, *args: P.args, **arguments: P.kwargs) -> T:
        return self.work(*args, **arguments)

    def limit(self, size: int) -> int:
        """Return the processor time that it may take, by the bytes of its frame, in seconds."""
        return self.seconds + size // BYTES_PER_SECOND


def job(*, seconds: int, returns: type[T]) -> Callable[[Callable[P, T]], Job[P, T]]:
    """Make a job of a function; `JOBS` names each of them."""
    return lambda work: Job(work, seconds, returns)


class RenderingError(Exception):
    """A job has no result; the message says why."""


class Renderer:
    """Computes jobs in this process: for programs that have nothing else to do meanwhile."""

    async def run(self, namespace: str, job: Job[P, T], /, *args: P.args, **arguments: P.kwargs) -> T:
        """Return the result of a job.

        Args:
            namespace: whose job it is.
            job: one of `jobs.JOBS`.
            args: none; a frame has names only.
            arguments: JSON values.

        Raises:
            RenderingError: it has none.
        """
        del namespace
        return job(*args, **arguments)


def encoded(value: object) -> bytes:
    """Return a frame."""
    # A surrogate without its pair is no UTF-8, and occurs in the texts of authors.
    content = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode(errors="surrogatepass")
    return len(content).to_bytes(HEAD, "big") + content


def decoded(content: bytes | bytearray) -> Any:  # noqa: ANN401 - any JSON
    """Return the value of a frame without its head."""
    return json.loads(content.decode(errors="surrogatepass"))


def has_type(value: Any, expected: Any) -> bool:  # noqa: ANN401 - any JSON, and the type of a result
    """Return whether a value that was decoded has a type; a tuple is a list in JSON."""
    kind, arguments = typing.get_origin(expected) or expected, typing.get_args(expected)
    if typing.is_typeddict(kind):
        types = typing.get_type_hints(kind)
        has_keys = isinstance(value, dict) and kind.__required_keys__ <= value.keys() <= types.keys()
        return has_keys and all(has_type(value[key], types[key]) for key in value)
    if kind is tuple:
        return (
            isinstance(value, list) and len(value) == len(arguments) and all(map(has_type, value, arguments))
        )
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return kind is Any or (isinstance(value, kind) and all(has_type(each, arguments[-1]) for each in parts))
