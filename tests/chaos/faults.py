"""A fault of the proxy that remembers after its removal whether it was used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.harness.faultproxy_client import Fault


class UsedFault:
    """`text` describes it."""

    def __init__(self, fault: Fault, arguments: Mapping[str, Any]) -> None:
        self._fault = fault
        self._used = 0
        self._removed = False
        self.text = ", ".join(f"{name} {value}" for name, value in arguments.items())

    @property
    def used(self) -> int:
        """The number of requests that it was applied to."""
        return self._used if self._removed else self._fault.used

    def remove(self) -> None:
        """End it; a second call does nothing."""
        if not self._removed:
            self._used = self._fault.used
            self._fault.remove()
            self._removed = True
