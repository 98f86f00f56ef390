"""Lines on standard output: colored and as wide as the terminal, or plain and whole in a pipe."""

from __future__ import annotations

import os
import shutil
import sys
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, TextIO

from notification_cli.views.text import clean, shorten

if TYPE_CHECKING:
    from rich.console import Console

UNBOUNDED: Final = 100_000
Span = tuple[str, str]
"""A text and its style; the empty style is plain."""


class Screen:
    """Where a command writes its lines.

    Args:
        file: the output.
        color: whether lines are colored.
        width: the characters of a line; 0 for any number.
    """

    def __init__(self, file: TextIO, *, color: bool, width: int) -> None:
        self.file = file
        self.color = color
        self.width = width

    @classmethod
    def standard(cls, *, no_color: bool) -> Screen:
        terminal = sys.stdout.isatty()
        plain = no_color or bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"
        width = shutil.get_terminal_size().columns if terminal else 0
        return cls(sys.stdout, color=terminal and not plain, width=width)

    def unbounded(self) -> Screen:
        """Return the screen with lines of any length, which a terminal breaks."""
        return Screen(self.file, color=self.color, width=UNBOUNDED if self.width else 0)

    def line(self, *spans: Span | str) -> None:
        """Write a line; on a terminal it is cut at the edge."""
        parts = [(span, "") if isinstance(span, str) else span for span in spans]
        if self.color:
            self._console.print(_text(parts), no_wrap=True, overflow="ellipsis", crop=True, soft_wrap=False)
        else:
            self.file.write(shorten("".join(text for text, _ in parts), self.width).rstrip() + "\n")

    def paragraph(self, *spans: Span | str, indent: int = 0) -> None:
        """Write a text; on a terminal it is broken between words."""
        parts = [(span, "") if isinstance(span, str) else span for span in spans]
        if not self.width:
            self.line(" " * indent, *parts)
            return
        from rich.padding import Padding  # noqa: PLC0415 - a pipe needs none of it

        self._console.print(Padding(_text(parts), (0, 0, 0, indent)))

    def flush(self) -> None:
        self.file.flush()

    @staticmethod
    def note(text: str) -> None:
        """Write a line about the result to standard error."""
        sys.stderr.write(f"notif: {clean(text)}\n")
        sys.stderr.flush()

    @cached_property
    def _console(self) -> Console:
        from rich.console import Console  # noqa: PLC0415 - a pipe needs none of it

        return Console(
            file=self.file,
            width=self.width or None,
            force_terminal=self.color,
            no_color=not self.color,
            highlight=False,
            markup=False,
            emoji=False,
        )


def _text(parts: list[Span]) -> Any:  # noqa: ANN401 - rich is loaded only here
    from rich.text import Text  # noqa: PLC0415 - a pipe needs none of it

    return Text.assemble(*parts)
