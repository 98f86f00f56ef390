"""The routing document: a tree of rules over labels, and the receivers that they lead to.

It reads like Alertmanager's, and chooses like it: depth first, the deepest rule that matches wins
over its parents, the first over its siblings unless it says `continue`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from reprlib import repr as shown
from typing import Final

from notification_contract.routing.matchers import Matcher, Operator, matcher, parse_matchers
from notification_contract.routing.receivers import Receiver, parse_receivers

DEEPEST, MOST_RULES = 32, 10_000
"""Bounds of a document: aliases let a short YAML text stand for a tree without end."""

_WITHOUT_EFFECT: Final = frozenset(
    {
        "group_by",
        "group_wait",
        "group_interval",
        "repeat_interval",
        "mute_time_intervals",
        "active_time_intervals",
    }
)
_ELSEWHERE: Final = frozenset(
    {"global", "templates", "inhibit_rules", "mute_time_intervals", "time_intervals"}
)
"""Parts of an Alertmanager document that mean nothing here; they are passed over."""


class RoutingTableError(Exception):
    """The document cannot be used; `problems` lists everything that is wrong with it, one line each."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A node of the tree; it holds when all of its matchers do."""

    receiver: Receiver
    name: str = ""
    matchers: tuple[Matcher, ...] = ()
    goes_on: bool = False
    """Whether later siblings are looked at, too, once this one has matched."""
    rules: tuple[Rule, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A rule that was chosen for some labels, and the way to it from the root."""

    way: tuple[Rule, ...]

    @property
    def receiver(self) -> Receiver:
        """Where the choice leads to."""
        return self.way[-1].receiver

    @property
    def by_default(self) -> bool:
        """Whether no rule on the way asked for anything."""
        return not any(rule.matchers for rule in self.way)

    def __str__(self) -> str:
        conditions = (str(condition) for rule in self.way for condition in rule.matchers)
        return self.way[-1].name or ", ".join(conditions)


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutingTable:
    """The rules, from the root that every notification comes to."""

    root: Rule

    def choose(self, labels: Mapping[str, str]) -> tuple[Choice, ...]:
        """Return the rules that labels lead to, in order; none where even the root does not match."""
        return _choose((self.root,), labels)


def _choose(way: tuple[Rule, ...], labels: Mapping[str, str]) -> tuple[Choice, ...]:
    rule = way[-1]
    if not all(condition.holds(labels) for condition in rule.matchers):
        return ()
    chosen: tuple[Choice, ...] = ()
    for child in rule.rules:
        below = _choose((*way, child), labels)
        chosen += below
        if below and not child.goes_on:
            break
    return chosen or (Choice(way=way),)


def parse_table(document: object) -> RoutingTable:
    """Read a routing document, as decoded from YAML.

    Raises:
        RoutingTableError: with every problem found, each naming the place and the remedy.
    """
    problems: list[str] = []
    if not isinstance(document, Mapping):
        raise RoutingTableError(
            [f"the document must be a mapping with route and receivers (got {shown(document)})"]
        )
    known = {"route", "receivers"} | _ELSEWHERE
    problems += [f"{key}: unknown key; known are route and receivers" for key in document if key not in known]
    receivers = parse_receivers(document.get("receivers"), problems)
    root = _Reader(receivers=receivers, problems=problems).rule(document.get("route"), "route", parent=None)
    if problems or root is None:
        raise RoutingTableError(problems)
    return RoutingTable(root=root)


class _Reader:
    """Reads rules; notes problems and goes on with what can still be read."""

    def __init__(self, *, receivers: Mapping[str, Receiver], problems: list[str]) -> None:
        self._receivers = receivers
        self._problems = problems
        self._rules = 0

    def rule(self, entry: object, path: str, *, parent: Receiver | None, depth: int = 1) -> Rule | None:
        self._rules += 1
        if depth > DEEPEST or self._rules > MOST_RULES:
            self._note_once(f"route: more than {DEEPEST} levels or {MOST_RULES} rules; use fewer")
            return None
        if not isinstance(entry, Mapping):
            self._problems.append(f"{path}: must be a mapping with a receiver (got {shown(entry)})")
            return None
        known = {"receiver", "name", "matchers", "match", "match_re", "continue", "routes"}
        for key in entry:
            if key not in known | _WITHOUT_EFFECT:
                self._problems.append(f"{path}.{key}: unknown key; known are {', '.join(sorted(known))}")
        receiver = self._receiver(entry.get("receiver"), f"{path}.receiver", parent)
        return Rule(
            receiver=receiver,
            name=self._text(entry.get("name", ""), f"{path}.name"),
            matchers=self._matchers(entry, path),
            goes_on=self._switch(entry.get("continue", False), f"{path}.continue"),
            rules=self._children(entry.get("routes"), f"{path}.routes", receiver, depth),
        )

    def _children(self, value: object, path: str, parent: Receiver, depth: int) -> tuple[Rule, ...]:
        entries = self._list(value, path)
        rules = [
            self.rule(entry, f"{path}[{index}]", parent=parent, depth=depth + 1)
            for index, entry in enumerate(entries)
        ]
        return tuple(rule for rule in rules if rule is not None)

    def _receiver(self, name: object, path: str, parent: Receiver | None) -> Receiver:
        """Return the receiver of that name, or the parent's where none is named."""
        if name is None and parent is not None:
            return parent
        if name is None:
            self._problems.append(f"{path}: missing; name the receiver of what no rule matches")
        elif isinstance(name, str) and name in self._receivers:
            return self._receivers[name]
        else:
            self._problems.append(f"{path}: unknown receiver {shown(name)}; define it under receivers")
        return Receiver(name=str(name))

    def _matchers(self, entry: Mapping[str, object], path: str) -> tuple[Matcher, ...]:
        texts = entry.get("matchers")
        found: list[Matcher] = []
        for index, text in enumerate(
            [texts] if isinstance(texts, str) else self._list(texts, f"{path}.matchers")
        ):
            place = f"{path}.matchers[{index}]"
            try:
                found += parse_matchers(self._text(text, place))
            except ValueError as error:
                self._problems.append(f"{place}: {error}")
        found += self._map(entry.get("match"), f"{path}.match", Operator.EQUAL)
        found += self._map(entry.get("match_re"), f"{path}.match_re", Operator.MATCHES)
        return tuple(found)

    def _map(self, value: object, path: str, operator: Operator) -> list[Matcher]:
        if not isinstance(value, Mapping | None):
            self._problems.append(f"{path}: must be a mapping of labels to values (got {shown(value)})")
            return []
        found = []
        for label, wanted in (value or {}).items():
            try:
                found.append(matcher(str(label), operator, self._text(wanted, f"{path}.{label}")))
            except ValueError as error:
                self._problems.append(f"{path}.{label}: {error}")
        return found

    def _list(self, value: object, path: str) -> list[object]:
        if value is None or isinstance(value, list):
            return value or []
        self._problems.append(f"{path}: must be a list (got {shown(value)})")
        return []

    def _text(self, value: object, path: str) -> str:
        if isinstance(value, str):
            return value
        self._problems.append(f"{path}: must be a text (got {shown(value)}); put it in quotes")
        return ""

    def _switch(self, value: object, path: str) -> bool:
        if isinstance(value, bool):
            return value
        self._problems.append(f"{path}: must be true or false (got {shown(value)})")
        return False

    def _note_once(self, problem: str) -> None:
        if problem not in self._problems:
            self._problems.append(problem)
