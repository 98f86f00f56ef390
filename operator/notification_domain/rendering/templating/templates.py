"""Templates: text with placeholders, compiled once, and rendered within limits of time and size."""

from __future__ import annotations

import traceback
from functools import lru_cache
from io import StringIO
from time import thread_time
from typing import TYPE_CHECKING, Any, Final

from jinja2 import Template as CompiledTemplate
from jinja2 import TemplateSyntaxError

from notification_domain.rendering.templating.budget import (
    CHARACTERS,
    ELEMENT,
    Budget,
    TemplateRenderError,
)
from notification_domain.rendering.templating.filters import BUDGET
from notification_domain.rendering.templating.sandbox import (
    CONCAT,
    EACH,
    SLICE,
    TICK,
    Checked,
    Sandbox,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MAX_SOURCE: Final = 64 * 1024
"""Bytes of a template's source."""
MAX_TOKENS: Final = 500
"""Words and signs of the language in a source, which is about sixty placeholders: compiling a thousand takes 30 ms."""
MAX_ERROR: Final = 300
"""Characters of an error's text, which may quote a value."""
FILENAME: Final = "<template>"
SMALL: Final = 2048
"""Characters of a source that many are kept compiled of."""
MOST_SMALL, MOST_LARGE = 512, 32
"""Templates that are kept compiled: those used most recently."""


class TemplateInvalidError(ValueError):
    """A template cannot be compiled; `line` counts from 1."""

    def __init__(self, message: str, *, line: int) -> None:
        super().__init__(f"line {line}: {message}")
        self.line = line


class Template:
    def __init__(self, source: str) -> None:
        """Compile the source.

        Args:
            source: the text with its placeholders.

        Raises:
            TemplateInvalidError: the source is too long or not valid.
        """
        size = len(source.encode(errors="surrogatepass"))
        if size > MAX_SOURCE:
            raise TemplateInvalidError(
                f"the template has {size} bytes; at most {MAX_SOURCE} are allowed", line=1
            )
        self._template = _compile(Sandbox(), source)

    def render(self, context: Mapping[str, Any], *, clock: Callable[[], float] = thread_time) -> str:
        """Return the text for a context of plain values: mappings, lists, texts and numbers.

        Args:
            context: the values that the template can use.
            clock: seconds of processor time, so that a busy machine makes no template fail.

        Raises:
            TemplateRenderError: a value is missing, or a limit is exceeded.
        """
        budget = Budget(clock)
        hidden = {
            BUDGET: budget,
            TICK: budget.check,
            CONCAT: _concat(budget),
            EACH: _each(budget),
            SLICE: _slice(budget),
        }
        # A list would keep an object for each letter.
        output = StringIO(newline="")
        size = 0
        try:
            for chunk in self._template.generate({**context, **hidden}):
                output.write(chunk)
                size += len(chunk)
                if size > CHARACTERS:
                    raise TemplateRenderError(f"the template produces more than {CHARACTERS} characters")  # noqa: TRY301 - same place as the others
                budget.check()
        except Exception as error:
            text = str(error)[:MAX_ERROR] or type(error).__name__
            raise TemplateRenderError(f"line {_line(error)}: {text}") from error
        return output.getvalue()


def compiled(source: str) -> Template | str:
    """Return the template of a source, or why it is not valid; it is compiled once while it is in use.

    Outside the event loop only: the largest take 0.2 s.
    """
    return (_compiled_small if len(source) <= SMALL else _compiled_large)(source)


def _compiled(source: str) -> Template | str:
    try:
        return Template(source)
    except TemplateInvalidError as error:
        return str(error)
    except Exception as error:  # noqa: BLE001 - a fault of the compiler must lose no message
        return f"the template cannot be compiled: {error!r}"[:MAX_ERROR]


_compiled_small: Final = lru_cache(maxsize=MOST_SMALL)(_compiled)
_compiled_large: Final = lru_cache(maxsize=MOST_LARGE)(_compiled)


def _compile(environment: Sandbox, source: str) -> CompiledTemplate:
    try:
        _require_few_tokens(environment, source)
        tree = environment.parse(source)
        Checked(environment).visit(tree)
        tree.set_environment(environment)
        code = environment.compile(tree, filename=FILENAME)
        return CompiledTemplate.from_code(environment, code, environment.make_globals(None))
    except TemplateSyntaxError as error:
        raise TemplateInvalidError(error.message or "not valid", line=error.lineno or 1) from None
    except RecursionError:
        raise TemplateInvalidError("the template is nested too deeply", line=1) from None
    except (SyntaxError, ValueError, MemoryError, OverflowError) as error:
        raise TemplateInvalidError(f"the template cannot be compiled: {error}", line=1) from error


def _require_few_tokens(environment: Sandbox, source: str) -> None:
    count = 0
    for line, kind, _ in environment.lex(source):
        count += kind != "whitespace"
        if count > MAX_TOKENS:
            raise TemplateSyntaxError(
                f"the template has more than {MAX_TOKENS} words and signs in placeholders and statements; use fewer of "
                "them, about 60 are possible",
                line,
            )


def _concat(budget: Budget) -> Callable[..., str]:
    def concat(*values: object) -> str:
        texts: list[str] = []
        for value in values:
            texts.append(str(value))
            budget.limit(len(texts[-1]))
        return "".join(texts)

    return concat


def _each(budget: Budget) -> Callable[[Any], Any]:
    def each(values: Any) -> Any:  # noqa: ANN401 - whatever a template loops over
        if isinstance(values, str):
            budget.take(values)
        return values

    return each


def _slice(budget: Budget) -> Callable[..., Any]:
    def part(value: Any, start: object, stop: object, step: object) -> Any:  # noqa: ANN401 - a text or a list
        chosen = slice(start, stop, step)
        if isinstance(value, str | list | tuple | range):
            size = len(range(*chosen.indices(len(value))))
            budget.limit(size if isinstance(value, str) else size * ELEMENT)
        return value[chosen]

    return part


def _line(error: BaseException) -> int:
    """Return the line of the template that an error was raised from."""
    frames = traceback.extract_tb(error.__traceback__)
    return next((frame.lineno or 1 for frame in reversed(frames) if frame.filename == FILENAME), 1)
