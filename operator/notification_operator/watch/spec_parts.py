"""The parts that the specs of receivers share, so that a thousand of them take little memory (DD-CATALOG-001)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from pydantic import BaseModel

import notification_contract.kinds.receiver  # noqa: F401 - defines all subclasses of Block
from notification_contract.kinds.block import Block
from notification_runtime.fair.lru import LruMap

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

Model = TypeVar("Model", bound=BaseModel)

MAX_PARTS: Final = 128
"""Parts that are remembered for sharing: the ones used most recently."""
MAX_CHARACTERS: Final = 4096
"""Of a part that is remembered: a tenant changes a long one as often as it likes, and it is hardly shared (DD-TABLE-001)."""


class PartPool:
    """Returns for each spec, and each part of one, an equal one that is in use already, if there is one.

    A thousand receivers differ in little, and all of them stay in memory. Parsed by pydantic, a spec of a few lines takes
    several kilobytes, most of them for empty fields.
    """

    def __init__(self) -> None:
        self._parts: LruMap[Hashable, Any] = LruMap(MAX_PARTS)

    def compact(self, model: Model) -> Model:
        """Return an equal model that takes less memory; the model must never be changed."""
        return cast("Model", self._use(model, lambda: self._small(model)))

    def _use(self, part: object, make: Callable[[], Any]) -> Any:  # noqa: ANN401 - parts have any type
        # The key is that of the part as it was parsed: to dump a small model would give it a dictionary of its own.
        key = _key(part)
        return make() if _characters(key) > MAX_CHARACTERS else self._parts.use(key, make)

    def _small(self, model: Model) -> Model:
        """Return an equal model with parts of the pool.

        Its attributes are set one by one: so all instances of a class share a table of names, which pydantic's own
        do not.
        """
        result = object.__new__(type(model))
        for name in type(model).model_fields:
            object.__setattr__(result, name, self._compact(getattr(model, name)))
        fields_set = model.__pydantic_fields_set__
        shared = self._parts.use(frozenset(fields_set), lambda: fields_set)
        object.__setattr__(result, "__pydantic_fields_set__", shared)
        object.__setattr__(result, "__pydantic_extra__", None)
        object.__setattr__(result, "__pydantic_private__", None)
        return result

    def _compact(self, value: Any) -> Any:  # noqa: ANN401 - fields have values of any type
        if isinstance(value, BaseModel):
            return self.compact(value)
        if isinstance(value, tuple):
            return self._use(value, lambda: tuple(map(self._compact, value)))
        return value


def _key(part: object) -> Hashable:
    """Return what is equal for parts of a type with the same fields set to the same values."""
    if isinstance(part, BaseModel):
        return type(part), part.model_dump_json(exclude_unset=True)
    return tuple(map(_key, part)) if isinstance(part, tuple) else part


def _characters(key: Hashable) -> int:
    return sum(map(_characters, key)) if isinstance(key, tuple) else len(key) if isinstance(key, str) else 0


def _fill_name_tables(model: type[BaseModel]) -> None:
    """Put the names of all fields into the table that the instances of a class share, and of each subclass.

    CPython adds no names to the table of a class after about thirty instances, and those that pydantic creates add
    none: so it has to be filled before any spec is parsed.
    """
    first = object.__new__(model)
    for name in model.model_fields:
        object.__setattr__(first, name, None)
    for subclass in model.__subclasses__():
        _fill_name_tables(subclass)


_fill_name_tables(Block)
