"""Values of dataclasses as JSON, with the field names of the API's style; `notif` and `notif-platform` write them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from notification_domain.json_values import format_time

if TYPE_CHECKING:
    from collections.abc import Callable


def plain(value: Any, *, time: Callable[[datetime], str] = format_time) -> Any:  # noqa: ANN401 - any value of a view
    """Return a value as JSON has it; `time` formats the times in it."""
    if is_dataclass(value) and not isinstance(value, type):
        return {_camel(each.name): plain(getattr(value, each.name), time=time) for each in fields(value)}
    if isinstance(value, datetime):
        return time(value)
    if isinstance(value, Mapping):
        return {str(key): plain(each, time=time) for key, each in value.items()}
    if isinstance(value, tuple | list):
        return [plain(each, time=time) for each in value]
    return value.value if isinstance(value, StrEnum) else value


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(word.title() for word in others)
