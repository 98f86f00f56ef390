"""Equal values that are one object: what thousands of objects have in common takes memory once."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Any, Final, TypeVar, cast

SHARED: Final = 128
"""Values that a pool remembers for sharing, the ones used most recently."""

Value = TypeVar("Value", bound=Hashable)


class Pool:
    """Returns for each immutable value an equal one that is in use already, if there is one."""

    def __init__(self) -> None:
        self._values: OrderedDict[Hashable, Any] = OrderedDict()

    def share(self, value: Value) -> Value:
        """Return an equal value."""
        return cast("Value", self.share_as(value, value))

    def share_as(self, key: Hashable, value: Any) -> Any:  # noqa: ANN401 - returns what it gets
        """Return the value of an equal key."""
        value = self._values.setdefault(key, value)
        self._values.move_to_end(key)
        if len(self._values) > SHARED:
            self._values.popitem(last=False)
        return value
