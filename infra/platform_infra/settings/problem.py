"""A problem of a stack's configuration, and what to do about it. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """A problem with the setting `key`. As text: `<key> <what>; <hint>`."""

    key: str
    what: str
    hint: str

    def __str__(self) -> str:
        return f"{self.key} {self.what}; {self.hint}"
