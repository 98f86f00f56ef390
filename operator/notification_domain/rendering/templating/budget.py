"""The limits of one rendering: time and characters, spent while the text is generated."""

from __future__ import annotations

from collections.abc import Sized
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

SECONDS: Final = 0.1
CHARACTERS: Final = 256 * 1024
MAX_RANGE: Final = 1000
MAX_LISTED: Final = 1000
"""Characters of a text whose letters become elements: each is an object of its own."""
MAX_ELEMENTS: Final = 10_000
"""Elements of all lists of one rendering."""
ELEMENT: Final = 64
"""Characters that an element of a list counts for."""
MAX_NUMBER: Final = 2**53


class TemplateRenderError(Exception):
    """A template produced no text; the message names the reason."""


class Budget:
    """The time and the characters that one rendering may still use."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._deadline = clock() + SECONDS
        self._work = 8 * CHARACTERS
        self._elements = MAX_ELEMENTS

    def check(self) -> None:
        """Check the time.

        Raises:
            TemplateRenderError: none is left.
        """
        if self._clock() > self._deadline:
            raise TemplateRenderError(f"the template takes longer than {SECONDS * 1000:g} ms")

    def limit(self, characters: int) -> None:
        """Check the length of a text before it is made, and count it.

        Raises:
            TemplateRenderError: the text, or all texts together, are too long.
        """
        self.check()
        self._work -= characters
        if characters > CHARACTERS or self._work < 0:
            raise TemplateRenderError(f"the template produces more than {CHARACTERS} characters")

    def take(self, values: object) -> None:
        """Check what becomes a list or is looped over, before it does; count the elements of a list.

        Raises:
            TemplateRenderError: it is a long text, or all lists together are too long.
        """
        if isinstance(values, str) and len(values) > MAX_LISTED:
            raise TemplateRenderError(
                f"a template cannot split a text of more than {MAX_LISTED} characters into its letters"
            )
        size = len(values) if isinstance(values, Sized) else 0
        self._elements -= size
        if self._elements < 0:
            raise TemplateRenderError(f"the lists of the template have more than {MAX_ELEMENTS} elements")
        self.limit(size * ELEMENT)


def number(value: object) -> int | float:
    """Return a number within the limit.

    Raises:
        TemplateRenderError: the value is no number, or too large.
    """
    if not isinstance(value, int | float):
        raise TemplateRenderError(f"a template calculates with numbers, not with {type(value).__name__}")
    if abs(value) > MAX_NUMBER:
        raise TemplateRenderError(f"a number of the template exceeds {MAX_NUMBER}")
    return value


def limited_range(*arguments: int) -> range:
    """Return a range of at most 1000 numbers.

    Raises:
        TemplateRenderError: it would be longer.
    """
    result = range(*(int(number(argument)) for argument in arguments))
    if len(result) > MAX_RANGE:
        raise TemplateRenderError(f"range() of a template has at most {MAX_RANGE} numbers, not {len(result)}")
    return result
