"""Reads the values of options without pydantic, which typer would load for each command: a tenth of a second.

Only plain valid values are read here. Everything else goes to typer, whose messages say what is wrong.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any, Final, get_args, get_origin

from typer.core import TyperCommand, TyperGroup

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


UNREAD: Final = object()
"""What is not read here."""


class Command(TyperCommand):
    """A command whose plain values are read at once."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401 - typer does not export its type
        """Parse the command line."""
        _prepare(self.get_params(ctx))
        return super().parse_args(ctx, args)


class Group(TyperGroup):
    """A group of commands whose own plain values are read at once."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401 - typer does not export its type
        """Parse the command line."""
        _prepare(self.get_params(ctx))
        return super().parse_args(ctx, args)


def _prepare(parameters: Iterable[Any]) -> None:
    for parameter in parameters:
        original = getattr(parameter, "get_runtime_param", None)
        # Without this hook, another version of typer reads every value itself.
        if original is not None:
            parameter.get_runtime_param = _Reader(original, parameter.type_descriptor)


class _Reader:
    """Stands for what typer would make of a parameter, until a value needs that."""

    def __init__(self, original: Callable[[], Any], descriptor: Any) -> None:  # noqa: ANN401 - typer's own
        self._original = original
        self._annotation = descriptor.annotation
        self._least, self._most = descriptor.parameter_info.min, descriptor.parameter_info.max

    def __call__(self) -> _Reader:
        """Return what reads a value."""
        return self

    def coerce(self, value: Any, param: Any, ctx: Any) -> Any:  # noqa: ANN401 - values of any option
        read = self._read(value, multiple=param.multiple or param.nargs == -1)
        return self._original().coerce(value, param=param, ctx=ctx) if read is UNREAD else read

    def _read(self, value: Any, *, multiple: bool) -> Any:  # noqa: ANN401 - values of any option
        if value is None:
            return () if multiple else None
        if not multiple:
            return self._single(value, self._annotation)
        if get_origin(self._annotation) is not list or not isinstance(value, list | tuple):
            return UNREAD
        (kind,) = get_args(self._annotation)
        values = [self._single(each, kind) for each in value]
        return UNREAD if UNREAD in values else values

    def _single(self, value: Any, kind: Any) -> Any:  # noqa: ANN401 - values of any option
        if not isinstance(kind, type):
            return UNREAD
        if issubclass(kind, Enum):
            return next((each for each in kind if value in {each, each.value}), UNREAD)
        if kind is int:
            return self._number(str(value))
        return value if kind in {str, bool} and type(value) is kind else UNREAD

    def _number(self, text: str) -> Any:  # noqa: ANN401 - a number, or UNREAD
        if not (text.isascii() and text.isdecimal()):
            return UNREAD
        number = int(text)
        too_small = self._least is not None and number < self._least
        return UNREAD if too_small or (self._most is not None and number > self._most) else number
