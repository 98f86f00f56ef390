"""What a service of the sink is: a path, and a function that answers one request as the real service does."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Posted:
    """One request to an account."""

    credential: str
    """What the account expects; empty: anything."""
    path: Mapping[str, str]
    """The variable parts of the path."""
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    messages: dict[str, dict[str, Any]] = field(default_factory=dict)
    """The messages that the account has accepted, by their ids: services that can change a message keep it here."""

    @property
    def json(self) -> dict[str, Any]:
        """The body as a JSON object, empty if it is none."""
        try:
            content = json.loads(self.body)
        except ValueError:
            return {}
        return content if isinstance(content, dict) else {}

    def has(self, credential: str) -> bool:
        """Return whether the account accepts a credential."""
        return self.credential in ("", credential)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """An answer; a body that is no text is sent as JSON."""

    status: int = 200
    body: Any = ""
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The body as it is sent."""
        return self.body if isinstance(self.body, str) else json.dumps(self.body)


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One service. `path` follows the prefix of the account, as a route of aiohttp."""

    path: str
    answer: Callable[[Posted], Answered]
    method: str = "POST"
