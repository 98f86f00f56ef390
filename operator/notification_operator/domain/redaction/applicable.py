"""Which rules may match a text. RE2 looks for all hints in one scan; Python would scan the text for each of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import re2

if TYPE_CHECKING:
    from collections.abc import Iterable

    from notification_operator.domain.redaction.rule import Rule

MAX_BYTES: Final = 2 * 1024 * 1024
"""Memory of a scan's automaton, which is built again beyond that."""


class RuleSet:
    """Rules in their order, which a text needs only where it contains one of their hints."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self._rules = tuple(rules)
        positions: dict[str, list[int]] = {}
        for position, rule in enumerate(self._rules):
            for hint in rule.hints:
                positions.setdefault(hint, []).append(position)
        self._positions = tuple(positions.values())
        options = re2.Options()
        options.encoding, options.max_mem = re2.Options.Encoding.LATIN1, MAX_BYTES
        self._hints = re2.Set.SearchSet(options)
        for hint in positions:
            self._hints.Add(re2.escape(hint))
        self._hints.Compile()

    def applicable(self, lower: str) -> list[Rule]:
        """Return the rules with a hint in this folded text, in their order."""
        hints = self._hints.Match(lower.encode("ascii")) or ()
        positions = {position for hint in hints for position in self._positions[hint]}
        return [self._rules[position] for position in sorted(positions)]
