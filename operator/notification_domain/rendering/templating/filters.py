"""The filters of templates: text in, text out, each with a result whose size is known before it is made."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any, Final

from jinja2 import Undefined, pass_context
from jinja2.utils import htmlsafe_json_dumps

from notification_domain.rendering.templating.budget import TemplateRenderError, number

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from jinja2.runtime import Context

    from notification_domain.rendering.templating.budget import Budget

BUDGET: Final = "_budget"
"""The name of the budget in the context; templates cannot use names with an underscore in front."""
MAX_INDENT: Final = 40
MAX_DIGITS: Final = 15


def budget_of(context: Context) -> Budget:
    """Return the budget of the rendering that a context belongs to."""
    budget: Budget = context[BUDGET]
    return budget


def _filter(function: Callable[..., Any]) -> Callable[..., Any]:
    """Make a filter of a function: checks the time, and counts a text that comes out."""

    @pass_context
    @wraps(function)
    def call(context: Context, value: object, *arguments: object, **options: object) -> object:
        budget = budget_of(context)
        budget.check()
        result = function(budget, value, *arguments, **options)
        if isinstance(result, str):
            budget.limit(len(result))
        return result

    return call


def _text(function: Callable[[str], str]) -> Callable[..., Any]:
    return _filter(lambda _budget, value: function(str(value)))


def _default(_budget: Budget, value: object, other: object = "", boolean: object = False) -> object:  # noqa: FBT002 - Jinja's own signature
    return other if isinstance(value, Undefined) or (boolean and not value) else value


def _listed(function: Callable[[Any], list[Any]]) -> Callable[..., Any]:
    """Make a filter of a function that returns a list of as many elements as its value has, or fewer."""

    def checked(budget: Budget, value: object) -> list[Any]:
        budget.take(value)
        return function(value)

    return _filter(checked)


def _join(budget: Budget, values: Iterable[object], separator: object = "") -> str:
    budget.take(values)
    between = str(separator)
    texts: list[str] = []
    for value in values:
        texts.append(str(value))
        budget.limit(len(texts[-1]) + len(between))
    return between.join(texts)


def _replace(budget: Budget, value: object, old: object, new: object) -> str:
    text, before, after = str(value), str(old), str(new)
    budget.limit(len(text) + text.count(before) * len(after))
    return text.replace(before, after)


def _indent(budget: Budget, value: object, width: object = 4) -> str:
    text, columns = str(value), int(number(width))
    if not 0 <= columns <= MAX_INDENT:
        raise TemplateRenderError(f"the filter indent takes 0 to {MAX_INDENT} columns, not {columns}")
    budget.limit(len(text) + text.count("\n") * columns)
    return text.replace("\n", "\n" + " " * columns)


def _truncate(_budget: Budget, value: object, length: object = 255, end: object = "…") -> str:
    text, limit = str(value), int(number(length))
    return text if len(text) <= limit else text[: max(limit - len(str(end)), 0)] + str(end)


def _round(_budget: Budget, value: object, digits: object = 0) -> float:
    places = int(number(digits))
    if not 0 <= places <= MAX_DIGITS:
        raise TemplateRenderError(f"the filter round takes 0 to {MAX_DIGITS} digits, not {places}")
    return round(float(number(value)), places)


def _json(_budget: Budget, value: object) -> str:
    if isinstance(value, Undefined):
        str(value)
    # Not orjson, which reserves sixteen times the memory of the text.
    return htmlsafe_json_dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


FILTERS: Final[Mapping[str, Callable[..., Any]]] = {
    "capitalize": _text(str.capitalize),
    "count": _filter(lambda _budget, value: len(value)),
    "d": _filter(_default),
    "default": _filter(_default),
    "first": _filter(lambda _budget, value: next(iter(value), "")),
    "indent": _filter(_indent),
    "int": _filter(lambda _budget, value: int(float(value))),
    "items": _listed(lambda value: list(value.items())),
    "join": _filter(_join),
    "last": _filter(lambda _budget, value: value[-1] if value else ""),
    "length": _filter(lambda _budget, value: len(value)),
    "list": _listed(list),
    "lower": _text(str.lower),
    "replace": _filter(_replace),
    "round": _filter(_round),
    "sort": _listed(sorted),
    "string": _text(str),
    "title": _text(str.title),
    "tojson": _filter(_json),
    "trim": _text(str.strip),
    "truncate": _filter(_truncate),
    "unique": _listed(lambda value: list(dict.fromkeys(value))),
    "upper": _text(str.upper),
}
