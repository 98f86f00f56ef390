"""Routing documents that are expensive to read: valid ones, and ones that are refused."""

from __future__ import annotations

from typing import Final

from notification_contract.routing.document import MAX_CHARACTERS

HEAD: Final = "receivers: [{name: a}]\nroute:\n  receiver: a\n  routes:\n"
"""The beginning of a document, followed by its rules."""


def _full(unit: str) -> str:
    """Return a document with as many rules as fit into it."""
    return HEAD + unit * ((MAX_CHARACTERS - len(HEAD)) // len(unit))


def _aliases(width: int, *, first: str, level: str) -> str:
    levels = (level.format(n=n, many=", ".join([f"*l{n - 1}"] * width)) for n in range(1, 9))
    return "\n".join([first, *levels])


DOCUMENTS: Final = {
    "rules": _full("  - {match: {a: b}}\n"),
    "rules with several conditions": _full('  - {matchers: ["a=b", "c!=d", "e=f"]}\n'),
    "rules with expressions": _full("  - {match_re: {a: '(a|b)*c{1,9}'}}\n"),
    "rules with large expressions": _full("  - {match_re: {a: '((a{1,30}){1,30})'}}\n"),
    "empty rules": _full("  - {}\n"),
    "nested lists": "[" * MAX_CHARACTERS,
    "nested maps": "{a: " * (MAX_CHARACTERS // 4),
    "open quotes": '"' + "\\x41" * (MAX_CHARACTERS // 4 - 1),
    "keys": "".join(f"k{number}: 1\n" for number in range(MAX_CHARACTERS // 11)),
    "aliases of lists": _aliases(10, first="l0: &l0 [x]", level="l{n}: &l{n} [{many}]") + "\n" + HEAD,
    "aliases of rules": _aliases(9, first="l0: &l0 {receiver: a}", level="l{n}: &l{n} {{routes: [{many}]}}")
    + "\nroute: {receiver: a, routes: [*l8]}\nreceivers: [{name: a}]",
    "rule that contains itself": "route: &r {receiver: a, routes: [*r]}\nreceivers: [{name: a}]",
}
